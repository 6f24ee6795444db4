"""Ordering: whether Ray Data keeps the order of rows while it runs a dataset."""

from collections.abc import Iterator
from contextlib import contextmanager

from ray.data import Dataset

__all__ = ["in_order"]


@contextmanager
def in_order(dataset: Dataset, *, ordered: bool) -> Iterator[None]:
    """Have a dataset run in order, if that is asked; else as it is set to."""
    options = dataset.context.execution_options
    before = options.preserve_order
    options.preserve_order = before or ordered
    try:
        yield
    finally:
        options.preserve_order = before
