"""Figures: what a `cached()` block did, as an object for people and programs."""

import threading
from collections.abc import Iterable
from html import escape

from gridcache.published.handle import Handle
from gridcache.store.outcome import EntryInfo
from gridcache.units import format_bytes, format_duration

__all__ = ["CachedStats", "nbytes_of"]

_PATIENT = 100_000
"""Texts that wait to be looked up."""


class CachedStats:
    """Figures of the computations in one `cached()` block; threads may share it.

    What was stored is looked up when it is asked for: the tasks that store it may run
    in other processes, and go on after `persist` has returned.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._pending: dict[str, None] = {}
        self._stored = self._stored_nbytes = 0
        self.hits = 0
        """Tasks whose results were read."""
        self.misses = 0
        """Tasks that were computed, of those whose results may be kept."""
        self.loaded_nbytes = 0
        """Of the hits, as encoded."""
        self.saved_s = 0.0
        """Seconds that the hits took to compute, with what they were made of."""

    @property
    def stored(self) -> int:
        """Results of these computations that were worth it, and are there."""
        self._settle()
        return self._stored

    @property
    def stored_nbytes(self) -> int:
        """Of what was stored, as encoded."""
        self._settle()
        return self._stored_nbytes

    def note(self, hits: Iterable[str], timed: Iterable[str]) -> None:
        """Count a computation.

        Parameters
        ----------
        hits, timed
            Texts of what was read, and of what was computed.
        """
        infos = [self._handle.cache.info(text) for text in hits]
        waiting = list(timed)
        with self._lock:
            self.hits += len(infos)
            self.misses += len(waiting)
            self.loaded_nbytes += sum(nbytes_of(info) for info in infos)
            self.saved_s += sum(info.cost_s for info in infos if info is not None)
            self._pending.update(dict.fromkeys(waiting))
        if len(self._pending) > _PATIENT:
            self._settle()

    def _settle(self) -> None:
        with self._lock:
            found = self._handle.cache.contains_many(list(self._pending))
            for text in found:
                del self._pending[text]
                self._stored += 1
                self._stored_nbytes += nbytes_of(self._handle.cache.info(text))
            if len(self._pending) > _PATIENT:
                self._pending.clear()

    def __repr__(self) -> str:
        return (
            f"<cached: {self.hits} hits ({format_bytes(self.loaded_nbytes)}, "
            f"{format_duration(self.saved_s)} saved), {self.misses} misses, "
            f"{self.stored} stored ({format_bytes(self.stored_nbytes)})>"
        )

    def _repr_html_(self) -> str:
        rows = {
            "hits": f"{self.hits:,}, {format_bytes(self.loaded_nbytes)} loaded",
            "misses": f"{self.misses:,}",
            "stored": f"{self.stored:,}, {format_bytes(self.stored_nbytes)}",
            "saved": format_duration(self.saved_s),
        }
        cells = "".join(
            f"<tr><th>{escape(head)}</th><td>{escape(text)}</td></tr>"
            for head, text in rows.items()
        )
        return f"<b>gridcache.dask.cached</b><table>{cells}</table>"


def nbytes_of(info: EntryInfo | None) -> int:
    """Bytes of an entry as encoded; a small value has none but its header."""
    return 0 if info is None else info.raw_nbytes or info.stored_nbytes
