"""Index care: that the index has pages, and the access table slots, in time.

Both grow at the arena's cost. A full index evicts, a few entries at a time. Puts
are refused while deletes still find pages.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from gridcache.store.access import AccessTable
from gridcache.store.evictions import EVICT_MOST, Evictions
from gridcache.store.index import IndexFullError
from gridcache.store.leftovers import Leftovers
from gridcache.store.parts import Parts
from gridcache.store.refusals import out_of_space
from gridcache.store.room import Room
from gridcache.store.transaction import WriteTxn

__all__ = ["IndexCare", "Trouble"]

T = TypeVar("T")

_INDEX_BATCH = 32
_CHECK_EVERY, _PREPARE_EVERY = 16, 512
"""Write transactions between two looks at the index's fill, now and to come."""
_PAUSE_S = 0.002
_ALONE_S = 0.1
"""Patience of the only client: nobody else will give pages back."""
_HELD_S = 1.0
"""Longer than a value is written; who holds the tail for longer is viewing it."""
_NOW = 0.0
_WAIT_S = 0.02
"""How long pages may be others' before entries are evicted for them."""
_SLACK = 0.95


@dataclass(frozen=True, slots=True)
class Trouble:
    """A full index, since some moment."""

    since: float
    """Monotonic seconds."""
    readers: frozenset[tuple[str, ...]]
    """Who was inside which read when it began."""


class IndexCare:
    """Care for one store's index by one process."""

    def __init__(
        self, parts: Parts, room: Room, evictions: Evictions, leftovers: Leftovers
    ) -> None:
        self._parts = parts
        self._room = room
        self._evictions = evictions
        self._leftovers = leftovers
        self._patience_s = parts.index.gate.timeout_s
        self.is_full = False
        """At its share: small values go to the arena."""
        self.is_exhausted = False
        """Only the reserve is left, for deletes: every put looks again."""
        self._full_at = 0
        """Entries when that was said last."""
        self._rows = 0

    def transact(self, work: Callable[[WriteTxn], T]) -> T:
        """A write transaction; pages are found for it if there are none.

        Raises
        ------
        OutOfSpaceError, StoreStalledError
            There still are none; nothing was changed.
        """
        trouble: Trouble | None = None
        while True:
            try:
                return self._parts.index.transact(work)
            except IndexFullError:
                trouble = trouble or self.trouble()
                self.relieve(trouble)

    def look_after(self) -> None:
        """What is due before an allocation: now and then a look at the fill."""
        writes = self._parts.index.writes
        if writes % _CHECK_EVERY == 0 or self.is_exhausted:
            self.watch()
        if writes % _PREPARE_EVERY == 0:
            self.prepare()

    def watch(self) -> None:
        """Keep the bound, and see to the index before it is full."""
        clients = self._parts.clients
        clients.refresh()
        if clients.rows != self._rows:
            self._rows = clients.rows
            self._room.keep_bound()
        if self._parts.index.near_full() and not self._has_slack():
            self.is_exhausted = True
            trouble = self.trouble()
            while not self._find_pages(trouble, _NOW):
                pass
        self.is_exhausted = False

    def _has_slack(self) -> bool:
        """True if entries were deleted since no page could be had.

        Their leaf pages are still there, with room for as many again.
        """
        return self._parts.index.entries() < self._full_at * _SLACK

    def prepare(self) -> None:
        """Let the index keep up with the arena."""
        while self._room.index_lags() and self._room.grow_index():
            self.is_full = False

    def trouble(self) -> "Trouble":
        """Note that a transaction found no page just now."""
        return Trouble(time.monotonic(), self._parts.index.reading())

    def relieve(self, trouble: "Trouble") -> None:
        """Grow, evict or wait a moment; raises when that went on for too long."""
        self._find_pages(trouble, _WAIT_S)

    def _find_pages(self, trouble: "Trouble", wait_s: float) -> bool:
        """Grow or evict; False after a moment's wait instead.

        Other processes hold pages for microseconds, so for `wait_s` nothing is
        evicted for them while pages seem to be there; and only who stands inside
        one read all the time is to blame in the end.
        """
        self.is_full = not self._grow()
        if not self.is_full:
            return True
        now = time.monotonic()
        waiting = now < trouble.since + wait_s and not self._parts.index.near_full()
        if not waiting and self._evict():
            return True
        alone = len(self._parts.clients.read()) == 1
        if now > trouble.since + (_ALONE_S if alone else self._patience_s):
            self._full_at = self._parts.index.entries()
            raise self._parts.index.full_error(trouble.readers)
        time.sleep(_PAUSE_S)
        self._parts.index.drop_dead_readers()
        return False

    def _grow(self) -> bool:
        try:
            return self._room.grow_index()
        except IndexFullError:
            return False

    def _evict(self) -> int:
        """Evict a few entries, one at a time if there is no page for more."""
        done = 0
        for space in self._parts.index.snapshot(self._parts.evictor.victims):
            for most in (EVICT_MOST, 1, 1, 1):
                try:
                    while done < _INDEX_BATCH and self._evictions.evict(
                        space, sys.maxsize, 0, "index", most=most
                    ):
                        done += most
                    break
                except IndexFullError:
                    continue
        with suppress(IndexFullError):
            self._parts.index.transact(self._leftovers.free)
        return done

    def slots_used(self, txn: WriteTxn) -> bool:
        """True if a new entry would find no slot."""
        state = txn.state
        return not state.free_slots and state.next_slot >= self._parts.access.slots

    def grow_access(self) -> None:
        """Make the access table longer, at the arena's cost."""
        access = self._parts.access
        self._make_budget(AccessTable.nbytes(AccessTable.STEP) - AccessTable.nbytes(0))

        def grow(txn: WriteTxn) -> None:
            if txn.state.next_slot >= access.slots:
                access.grow(txn.state.next_slot + AccessTable.STEP)

        self.transact(grow)

    def _make_budget(self, nbytes: int) -> None:
        """Have the arena give way, which writes into the index for its tail.

        What others are writing into that tail holds it for a moment.
        """
        trouble = self.trouble()
        while True:
            try:
                if self._room.make_budget(nbytes):
                    return
            except IndexFullError:
                self.relieve(trouble)
                continue
            alone = len(self._parts.clients.read()) == 1
            if time.monotonic() > trouble.since + (_ALONE_S if alone else _HELD_S):
                raise self._room.shortage or out_of_space(self._parts, nbytes)
            time.sleep(_PAUSE_S)
