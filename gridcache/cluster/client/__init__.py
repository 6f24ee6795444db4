"""The client's side: a grid's values, as one process reads and writes them."""
