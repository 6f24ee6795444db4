"""dask.tokenize: the digest that Dask users get for a value."""

from importlib import import_module
from pathlib import Path

__all__ = ["open_rival"]


class Dask:
    """Its digest alone; no scheduler runs."""

    def __init__(self) -> None:
        self.tokenize = import_module("dask.base").tokenize

    def close(self) -> None:
        """Nothing is open."""


def open_rival(_directory: Path) -> Dask:
    """Open it."""
    return Dask()
