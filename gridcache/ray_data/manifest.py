"""Manifest: what is published under a name, and how it is kept.

Loads neither Ray nor Arrow: a schema is pickled until somebody looks at it.
"""

import pickle
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gridcache.published.records import Kind
from gridcache.published.shelf import Shelf

__all__ = ["KIND", "SHELF", "Manifest", "Part", "find", "ordered", "read", "save"]

KIND = Kind("gridcache.ray_data", "dataset", format=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A Ray block of a published dataset; the receipt of the task that wrote it."""

    text: str
    """Of its entry."""
    node: str
    """That wrote it; it may have moved since."""
    rows: int
    nbytes: int
    """In memory, before compression."""
    task: int
    """Of the write, as Ray Data counts them: the order of the dataset."""
    index: int
    """Of the Ray blocks of its task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A published dataset."""

    name: str
    version: str | None
    plan: str | None
    """Digest of the plan that makes it; None if it has none."""
    schema: bytes
    """Pickled; empty if nobody knows it."""
    write: str
    """That made it: 16 hexadecimal digits."""
    parts: tuple[Part, ...]
    """In the order of the dataset."""
    created_s: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    ttl_s: float | None = None
    replicas: int = 1

    @property
    def rows(self) -> int:
        """Of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def nbytes(self) -> int:
        """Bytes of all parts in memory."""
        return sum(part.nbytes for part in self.parts)

    @property
    def texts(self) -> list[str]:
        """Keys of all parts."""
        return [part.text for part in self.parts]

    def loaded_schema(self) -> Any:
        """The schema, of Arrow or of Ray Data's pandas blocks; None if unknown."""
        if not self.schema:
            return None
        return pickle.loads(self.schema)  # noqa: S301 - the store is the user's own


def ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts in the order of the dataset."""
    return tuple(sorted(parts, key=lambda part: (part.task, part.index)))


SHELF = Shelf(KIND, Manifest, Part)

save, find, read = SHELF.save, SHELF.find, SHELF.read
