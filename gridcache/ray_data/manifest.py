"""Manifest: what is published under a name, and how it is kept.

Loads neither Ray nor Arrow: a schema is pickled until somebody looks at it.
"""

import pickle
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from gridcache.cache import GridCache
from gridcache.published import records
from gridcache.published.handle import Handle
from gridcache.published.records import Kind, Record

__all__ = ["KIND", "Manifest", "Part", "find", "ordered", "read", "save"]

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


# -- as it is kept ---------------------------------------------------------------

_COLUMNS = tuple(one.name for one in fields(Part))
_PLAIN = tuple(one.name for one in fields(Manifest) if one.name != "parts")


def save(handle: Handle, manifest: Manifest) -> None:
    """Keep it under its name, whatever is there."""
    plain = {name: getattr(manifest, name) for name in _PLAIN}
    columns = {
        column: [getattr(part, column) for part in manifest.parts]
        for column in _COLUMNS
    }
    records.keep(handle, manifest.name, KIND, Record(plain, columns), manifest.ttl_s)


def find(cache: GridCache, name: str) -> Manifest | None:
    """What is published under a name, if anything is.

    Raises
    ------
    StoreFormatError
        Another version of gridcache published it.
    """
    found = records.find(cache, name, KIND)
    return None if found is None else _manifest(found)


def read(cache: GridCache, name: str) -> Manifest:
    """What is published under a name.

    Raises
    ------
    NameNotFoundError
        Nothing is; names those that look alike.
    StoreFormatError
        Another version of gridcache published it.
    """
    return _manifest(records.read(cache, name, KIND))


def _manifest(found: Record) -> Manifest:
    rows = zip(*(found.columns[column] for column in _COLUMNS), strict=True)
    return Manifest(**found.plain, parts=tuple(Part(*row) for row in rows))
