"""Published: names that stand for many entries, below the adapters.

What Dask's collections and Ray Data's datasets have in common: the address of a cache
that tasks carry, the texts of keys, how entries of a name are kept, the record under a
name, and that one process at a time changes what a name stands for. Nothing here knows
of either.
"""
