"""Manifest: what is published under a name, and how it gets there whole.

A manifest is written when every partition is there, in one step: readers find all of
a collection or nothing of it. Of several that publish one name at once the first wins.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cloudpickle

from gridcache.cache import GridCache
from gridcache.dask.partitions import Receipt
from gridcache.dask.texts import manifest_text
from gridcache.errors import NameInUseError, NameNotFoundError
from gridcache.views import ABSENT

__all__ = ["Manifest", "Part", "find", "publish", "read", "withdraw"]


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
    """Digest of what computes it; the version counts."""
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
    nbytes, node = known.get(part.text, (part.nbytes, part.node))
    return replace(part, nbytes=nbytes, node=node)


def find(cache: GridCache, name: str) -> Manifest | None:
    """What is published under a name, if anything is."""
    found = cache.get(manifest_text(name), ABSENT)
    return found if isinstance(found, Manifest) else None


def read(cache: GridCache, name: str) -> Manifest:
    """What is published under a name.

    Raises
    ------
    NameNotFoundError
        Nothing is; names those that look alike.
    """
    found = find(cache, name)
    if found is None:
        raise _not_found(cache, name)
    return found


def _not_found(cache: GridCache, name: str) -> NameNotFoundError:
    from difflib import get_close_matches  # noqa: PLC0415 - for the error alone

    from gridcache.dask.texts import names_of  # noqa: PLC0415

    near = get_close_matches(name, names_of(cache))
    hint = f"; there is {', '.join(map(repr, near))}" if near else ""
    message = (
        f"nothing is published as {name!r} in cache {cache.name!r}{hint}. Publish it "
        f"with gridcache.dask.persist(collection, {name!r})"
    )
    return NameNotFoundError(message, name=name, near=near)


def publish(cache: GridCache, manifest: Manifest, *, overwrite: bool) -> Manifest:
    """Let a name stand for a manifest; returns the one it stands for then.

    Raises
    ------
    NameInUseError
        It stands for another computation; nothing was changed.
    """
    if overwrite:
        _put(cache, manifest)
        return manifest
    found: Manifest = cache.get_or_compute(
        manifest_text(manifest.name),
        lambda: manifest,
        ttl=manifest.ttl_s,
        pin=True,
        on_error=_raise,
    )
    if not found.same_as(manifest):
        raise in_use(found, manifest)
    if found.parts != manifest.parts or manifest.replicas > 1:
        # The same computation, published before: what was missing lies elsewhere now.
        _put(cache, manifest)
    return manifest


def _put(cache: GridCache, manifest: Manifest) -> None:
    copies: dict[str, Any] = (
        {"replicas": manifest.replicas} if manifest.replicas > 1 else {}
    )
    text = manifest_text(manifest.name)
    cache.put(text, manifest, ttl=manifest.ttl_s, pin=True, **copies)


def _raise(error: Exception) -> None:
    raise error


def withdraw(cache: GridCache, name: str) -> bool:
    """Let a name stand for nothing; returns whether it stood for something."""
    return bool(cache.delete_many([manifest_text(name)]))


def in_use(found: Manifest, wanted: Manifest) -> NameInUseError:
    """The error for a name that stands for another computation."""
    name = found.name
    if found.version != wanted.version:
        what = f"with version={found.version!r}, not {wanted.version!r}"
    else:
        what = f"for another computation ({found.kind} {found.shape})"
    message = (
        f"the name {name!r} is published {what}. Load what is there: "
        f"gridcache.dask.load({name!r}); replace it: overwrite=True; drop it: "
        f"gridcache.dask.release({name!r}); or choose another name"
    )
    return NameInUseError(message, name=name, version=found.version)
