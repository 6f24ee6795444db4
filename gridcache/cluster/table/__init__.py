"""Who owns what: partitions, views and the roster. Pure: no Ray, no clocks, no I/O."""
