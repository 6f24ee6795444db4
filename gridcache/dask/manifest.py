"""Manifest: what is published under a name, and how it is kept."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cloudpickle

from gridcache.dask.partitions import Receipt
from gridcache.published.records import Kind
from gridcache.published.shelf import Shelf

__all__ = ["KIND", "SHELF", "Manifest", "Part", "find", "read", "save"]

KIND = Kind("gridcache.dask", "collection", format=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A partition of a published collection."""

    key: Any
    """Of the task that gives it, in every collection that is loaded."""
    text: str
    """Of its entry."""
    nbytes: int = 0
    node: str = ""
    """That stored it; it may have moved since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A published collection."""

    name: str
    identity: str
    """Digest of what computes it and of its structure; the version counts."""
    version: str | None
    kind: str
    """Type of the collection."""
    shape: str
    """In words: shape and dtype, columns and partitions."""
    shell: bytes
    """The collection without its tasks, pickled."""
    parts: tuple[Part, ...]
    created_s: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    ttl_s: float | None = None
    replicas: int = 1

    @property
    def nbytes(self) -> int:
        """Bytes of all partitions as encoded; what several share counts once."""
        return sum({part.text: part.nbytes for part in self.parts}.values())

    @property
    def texts(self) -> list[str]:
        """Keys of all partitions."""
        return list(dict.fromkeys(part.text for part in self.parts))

    def collection(self) -> Any:
        """The shell; loads the libraries of its kind."""
        return cloudpickle.loads(self.shell)

    def same_as(self, other: "Manifest") -> bool:
        """True if both stand for the same computation."""
        return self.identity == other.identity and self.version == other.version

    def with_receipts(self, receipts: Iterable[Receipt]) -> "Manifest":
        """What was learned of its partitions."""
        known = {one.text: (one.nbytes, one.node) for one in receipts}
        return replace(self, parts=tuple(_known(part, known) for part in self.parts))

    def with_parts_of(self, before: "Manifest") -> "Manifest":
        """What an earlier run learned of its partitions."""
        known = {part.text: (part.nbytes, part.node) for part in before.parts}
        return replace(self, parts=tuple(_known(part, known) for part in self.parts))


def _known(part: Part, known: Mapping[str, tuple[int, str]]) -> Part:
    if part.text not in known:
        return part
    nbytes, node = known[part.text]
    return Part(part.key, part.text, nbytes, node)


SHELF = Shelf(KIND, Manifest, Part)

save, find, read = SHELF.save, SHELF.find, SHELF.read
