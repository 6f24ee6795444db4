"""The grid: the stores of a Ray cluster as one cache."""
