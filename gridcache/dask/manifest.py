"""Manifest: what is published under a name, and how it is kept.

Kept as plain columns and not as objects: ten thousand partitions are read in
milliseconds, and what another version of gridcache wrote is known for that.
"""

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import cloudpickle

from gridcache.cache import GridCache
from gridcache.dask.handle import Handle
from gridcache.dask.partitions import Receipt
from gridcache.dask.texts import manifest_text, names_of
from gridcache.errors import NameNotFoundError, StoreFormatError
from gridcache.views import ABSENT

__all__ = ["FORMAT", "Manifest", "Part", "find", "read", "save"]

FORMAT = 1
"""Raised when what is kept changes its meaning."""


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


# -- as it is kept ---------------------------------------------------------------

_COLUMNS = ("key", "text", "nbytes", "node")
_PLAIN = tuple(one.name for one in fields(Manifest) if one.name != "parts")


def save(handle: Handle, manifest: Manifest) -> None:
    """Keep it under its name, whatever is there."""
    plain = {name: getattr(manifest, name) for name in _PLAIN}
    columns = {
        column: [getattr(part, column) for part in manifest.parts]
        for column in _COLUMNS
    }
    # One object each, which is pickled once.
    columns["node"] = list(map(sys.intern, columns["node"]))
    # With a node the partitions go that lie there alone; not the name of the others.
    copies: dict[str, Any] = {"replicas": 2} if handle.grid_name else {}
    handle.cache.put(
        manifest_text(manifest.name),
        {"format": FORMAT, **plain, "parts": columns},
        ttl=manifest.ttl_s,
        pin=True,
        **copies,
    )


def find(cache: GridCache, name: str) -> Manifest | None:
    """What is published under a name, if anything is.

    Raises
    ------
    StoreFormatError
        Another version of gridcache published it.
    """
    found = cache.get(manifest_text(name), ABSENT)
    if found is ABSENT:
        return None
    kept = found.get("format") if isinstance(found, Mapping) else None
    if kept != FORMAT:
        message = (
            f"{name!r} was published by another version of gridcache (format {kept}, "
            f"this one reads {FORMAT}): load it there, or drop it: "
            f"gridcache.dask.release({name!r})"
        )
        raise StoreFormatError(message, name=name, format=kept)
    rows = zip(*(found["parts"][column] for column in _COLUMNS), strict=True)
    plain = {name: found[name] for name in _PLAIN}
    return Manifest(**plain, parts=tuple(Part(*row) for row in rows))


def read(cache: GridCache, name: str) -> Manifest:
    """What is published under a name.

    Raises
    ------
    NameNotFoundError
        Nothing is; names those that look alike.
    StoreFormatError
        Another version of gridcache published it.
    """
    found = find(cache, name)
    if found is None:
        raise _not_found(cache, name)
    return found


def _not_found(cache: GridCache, name: str) -> NameNotFoundError:
    from difflib import get_close_matches  # noqa: PLC0415 - for the error alone

    near = get_close_matches(name, names_of(cache))
    hint = f"; there is {', '.join(map(repr, near))}" if near else ""
    message = (
        f"nothing is published as {name!r} in cache {cache.name!r}{hint}. Publish it "
        f"with gridcache.dask.persist(collection, {name!r})"
    )
    return NameNotFoundError(message, name=name, near=near)
