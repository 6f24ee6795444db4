"""Snapshots: what a name stands for, as one execution of a dataset sees it.

A name may be published anew between two executions, or while one begins: each reads
one dataset whole. That every part is there is looked at before anything runs; what
is lost is made again by who has its source (`gridcache.ray_data.lost`).
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from gridcache.errors import KeyNotFoundError, NameNotFoundError
from gridcache.published.handle import Handle
from gridcache.published.keeping import present
from gridcache.published.texts import manifest_text
from gridcache.ray_data.lost import Origin
from gridcache.ray_data.manifest import Manifest, find, read
from gridcache.ray_data.parts import lost_part
from gridcache.store.outcome import MissReason

__all__ = ["Snapshots"]


@dataclass(slots=True)
class _Round:
    """An execution that has begun."""

    manifest: Manifest
    readers: set[int] = field(default_factory=set)
    """That have asked already."""


class Snapshots:
    """Gives each execution one manifest, however many readers it has.

    Parameters
    ----------
    manifest
        What is known when the dataset is made.
    origin
        What makes it, if the caller has that.
    follows
        False: the manifest is under no name, and stays.
    """

    def __init__(
        self,
        handle: Handle,
        manifest: Manifest,
        origin: Origin | None = None,
        *,
        follows: bool = True,
    ) -> None:
        self.handle = handle
        self.latest = manifest
        """For plans, which are made many times: costs nothing."""
        self._origin = origin
        self._follows = follows
        self._begin()

    def _begin(self) -> None:
        # The readers of an execution are started one after the other by one thread.
        self._rounds = threading.local()
        self._lock = threading.Lock()

    def begin(self, reader: int) -> Manifest:
        """The manifest of the execution that this reader begins or is part of.

        Raises
        ------
        KeyNotFoundError
            A part is lost, and nobody can make it again.
        NameNotFoundError
            Nothing is published under the name any more.
        NameInUseError
            The name stands for something else than what `persist` was asked for.
        """
        known: _Round | None = getattr(self._rounds, "one", None)
        if known is None or reader in known.readers:
            with self._lock:
                known = self._rounds.one = _Round(self._now())
            self.latest = known.manifest
        known.readers.add(reader)
        return known.manifest

    def rows(self) -> int:
        """Of the dataset now."""
        return self._standing().rows

    def nbytes(self) -> int:
        """Of the dataset now, in memory."""
        return self._standing().nbytes

    def _standing(self) -> Manifest:
        if self._follows:
            self.latest = read(self.handle.renewed().cache, self.latest.name)
        return self.latest

    def _now(self) -> Manifest:
        """What is there whole, made again if need be."""
        handle, name = self.handle.renewed(), self.latest.name
        found = find(handle.cache, name) if self._follows else self.latest
        if found is None:
            return self._gone(handle, name)
        if self._origin is not None:
            self._origin.check(found)
        error = _lost(handle, found)
        if error is None:
            return found
        if self._origin is None:
            raise error
        return self._origin.again(error)

    def _gone(self, handle: Handle, name: str) -> Manifest:
        """The name stands for nothing."""
        reason = handle.cache.explain(manifest_text(name)).reason
        try:
            return read(handle.cache, name)
        except NameNotFoundError as error:
            # What somebody has released is not to come back by itself.
            if self._origin is None or reason is MissReason.DELETED:
                raise
            return self._origin.again(error)

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in vars(self).items()
            if name not in {"_rounds", "_lock"}
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()


def _lost(handle: Handle, manifest: Manifest) -> KeyNotFoundError | None:
    """The error of the first part that is not there; None if all are."""
    there = present(handle, manifest.texts)
    for number, part in enumerate(manifest.parts):
        # Who asks many keys leaves out what a node that takes over has not yet said.
        if part.text not in there and not handle.cache.explain(part.text).present:
            of = manifest.name
            return lost_part(handle, part.text, of, node=part.node, index=number)
    return None
