"""Shelf: the manifests of one adapter, each under its name."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

from gridcache.cache import GridCache
from gridcache.errors import StoreFormatError
from gridcache.published import records
from gridcache.published.handle import Handle
from gridcache.published.keeping import nbytes_of
from gridcache.published.names import withdraw
from gridcache.published.records import Kind, Record
from gridcache.published.texts import parts_of

__all__ = ["Shelf"]


class _Manifest(Protocol):
    """What all of them have; a dataclass."""

    @property
    def name(self) -> str: ...

    @property
    def ttl_s(self) -> float | None: ...

    @property
    def parts(self) -> tuple[Any, ...]: ...


M = TypeVar("M", bound=_Manifest)


@dataclass(frozen=True, slots=True)
class Shelf(Generic[M]):
    """Keeps manifests as plain fields, and their parts as columns.

    Parameters
    ----------
    manifest, part
        Dataclasses; a part has at least a `text` and its `nbytes`.
    """

    kind: Kind
    manifest: type[M]
    part: type[Any]

    def save(self, handle: Handle, manifest: M) -> None:
        """Keep it under its name, whatever is there."""
        plain = {name: getattr(manifest, name) for name in self._plain()}
        columns = {
            column: [getattr(part, column) for part in manifest.parts]
            for column in _names(self.part)
        }
        record = Record(plain, columns)
        records.keep(handle, manifest.name, self.kind, record, manifest.ttl_s)

    def find(self, cache: GridCache, name: str) -> M | None:
        """What is published under a name, if anything is.

        Raises
        ------
        StoreFormatError
            Another version of gridcache published it.
        """
        found = records.find(cache, name, self.kind)
        return None if found is None else self._opened(found)

    def read(self, cache: GridCache, name: str) -> M:
        """What is published under a name.

        Raises
        ------
        NameNotFoundError
            Nothing is; names those that look alike.
        StoreFormatError
            Another version of gridcache published it.
        """
        return self._opened(records.read(cache, name, self.kind))

    def release(self, handle: Handle, name: str) -> int:
        """Drop what is published under a name, and what unfinished runs left there.

        Returns
        -------
        int
            Bytes of the parts that were dropped.

        Raises
        ------
        NameNotFoundError
            Nothing is published or left under the name.
        """
        nbytes = self._nbytes(handle, name)
        if not withdraw(handle, name):
            self.read(handle.cache, name)
        return nbytes

    def _nbytes(self, handle: Handle, name: str) -> int:
        try:
            manifest = self.find(handle.cache, name)
        except StoreFormatError:
            manifest = None
        parts = manifest.parts if manifest is not None else ()
        known = {part.text: part.nbytes for part in parts}
        return sum(
            known.get(text) or nbytes_of(handle, text)
            for text in parts_of(handle.cache, name)
        )

    def _plain(self) -> Iterable[str]:
        return (name for name in _names(self.manifest) if name != "parts")

    def _opened(self, found: Record) -> M:
        columns = (found.columns[column] for column in _names(self.part))
        parts = tuple(self.part(*row) for row in zip(*columns, strict=True))
        make: Any = self.manifest
        made: M = make(**found.plain, parts=parts)
        return made


def _names(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))
