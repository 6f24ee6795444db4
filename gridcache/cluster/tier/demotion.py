"""Demotion: what has to leave a node's memory goes down the spill ladder instead.

A thread of the node's actor. It begins before clients would have to evict, takes the
coldest immutable entries, and gives each to the rung that would bring it back
soonest: another node's idle memory, or the own disk. A value leaves memory when its
copy on the other rung is safe, so that a crash in between leaves it twice, never not
at all. Pinned ones go last, when the others do not suffice, and are pinned where they
come to. What nobody has room for stays, and is evicted when its memory is needed, or
not if it is pinned.
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from gridcache.cluster.tier.ladder import DISK, NODE, Speed, rungs
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.cluster.tier.tier_figures import Figures
from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.coldest import Cold, Fill
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, TOMBSTONE, Entry

__all__ = ["Carried", "Demoter", "OtherNodes", "Trip"]

START = 0.90
"""Fill of the arena, or of a quota, at which demotion begins."""
STOP = 0.85
"""Fill at which it ends."""
_HASTE = 0.97
"""Fill above which there is no time to compress first."""
_BATCH_NBYTES = 32 << 20
"""Copied before anything of it leaves memory: one sync of the disk for all."""
_BATCH = 128
_LOOK_S = 0.1
_LONGEST_S = 5.0
_logger = logging.getLogger("gridcache")


class OtherNodes(Protocol):
    """What takes entries to the idle memory of other nodes."""

    def has_room(self) -> bool:
        """True if another node's memory is idle."""

    def move(self, colds: Sequence[Cold]) -> "Carried":
        """Store copies elsewhere, and make them known."""


class Carried(NamedTuple):
    """How far some entries have come."""

    safe: list[Cold]
    """A copy is where it should be."""
    refused: list[Cold]
    """There was no room; what is in neither list has changed meanwhile."""


class Demoter:
    """Demotions at one node.

    Parameters
    ----------
    store
        The node's memory.
    others
        None: no other node takes anything.
    """

    def __init__(self, store: NodeStore, others: OtherNodes | None = None) -> None:
        self._store = store
        self._others = others
        self._tier = tier_of(store)
        self._figures = Figures(store.directory)
        self._evictions = store.cold.evictions()
        self._pressed = False
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="gridcache-demoter", daemon=True
        )

    def start(self) -> None:
        """Look after the memory from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End; idempotent."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause_s = _LOOK_S
        while not self._ended.wait(pause_s):
            vain = False
            try:
                vain = not self.relieve() and self._pressed
            except Exception:
                # A stalled store, a full disk, a node that is away: what could not
                # leave is evicted when its memory is needed, as without a ladder.
                _logger.debug("a round of demotion failed", exc_info=True)
            # Where nothing may leave, looking for it is costly.
            pause_s = min(2 * pause_s, _LONGEST_S) if vain else _LOOK_S

    # -- one round ---------------------------------------------------------

    def relieve(self) -> int:
        """Make room if it is time; returns the bytes that left memory."""
        if self._tier.open() is None and self._others is None:
            return 0
        cold, left = self._store.cold, 0
        fill, evictions = cold.fill(), cold.evictions()
        self._pressed = fill.share >= START or evictions != self._evictions
        self._evictions = evictions
        if self._pressed:
            left += self._lower(cold.givers(), fill)
        for space, quota in cold.quotas():
            if quota.share >= START:
                left += self._lower([space], quota)
        return left

    def _lower(self, spaces: Sequence[Namespace], fill: Fill) -> int:
        """Have entries of namespaces leave until a fill is at its lower mark."""
        surplus, trip, left = (
            fill.used_nbytes - int(STOP * fill.limit_nbytes),
            Trip(self),
            0,
        )
        if not trip.open:
            return 0
        if surplus > 0 and fill.share < _HASTE:
            surplus -= self._store.cold.compress(surplus)
        for pinned in (False, True):
            for space in spaces:
                left += self._send(trip, space, surplus - left, pinned=pinned)
        return left

    def _send(
        self, trip: "Trip", space: Namespace, surplus: int, *, pinned: bool
    ) -> int:
        """Have a namespace's coldest leave; returns the bytes that did."""
        left, pick = 0, self._store.cold.pick
        while surplus > left and not self._ended.is_set():
            wanted = min(surplus - left, _BATCH_NBYTES)
            gone = trip.take(pick(space, _may_leave, wanted, _BATCH, pinned=pinned))
            if not gone:
                break
            left += _nbytes(gone)
        return left

    def speeds(self) -> dict[str, Speed]:
        """What was measured of the rungs that are there."""
        there = [DISK] if self._tier.open() is not None else []
        if self._others is not None and self._others.has_room():
            there.append(NODE)
        return {rung: self._figures.speed(rung) for rung in there}

    # -- the rungs ---------------------------------------------------------

    def carry(self, rung: str, colds: Sequence[Cold]) -> Carried:
        """Take entries to a rung and out of memory."""
        safe, refused = (self._to_disk if rung == DISK else self._to_node)(colds)
        gone = self._store.cold.take_out(safe)
        what = "demoted" if rung == DISK else "moved"
        self._figures.count(what, len(gone), _nbytes(gone))
        return Carried(gone, refused)

    def forgo(self, colds: Sequence[Cold]) -> list[Cold]:
        """Let go of what is computed sooner than it would come back."""
        gone = self._store.cold.take_out(colds)
        self._figures.count("forgone", len(gone), _nbytes(gone))
        return gone

    def _to_disk(self, colds: Sequence[Cold]) -> Carried:
        tier = self._tier.open()
        if tier is None:
            return Carried([], list(colds))
        started, carried, written = time.perf_counter(), Carried([], []), list[int]()
        with tier.store.batch():
            for cold in colds:
                try:
                    nbytes = tier.keep(cold)
                except (OutOfSpaceError, ValueTooLargeError):
                    carried.refused.append(cold)
                    continue
                if nbytes is not None:
                    carried.safe.append(cold)
                    written += [nbytes] if nbytes else []
        self._measure(DISK, time.perf_counter() - started, written)
        return carried

    def _to_node(self, colds: Sequence[Cold]) -> Carried:
        if self._others is None:
            return Carried([], list(colds))
        started = time.perf_counter()
        carried = self._others.move(colds)
        moved = [cold.entry.extent_nbytes for cold in carried.safe]
        self._measure(NODE, time.perf_counter() - started, moved)
        return carried

    def _measure(self, rung: str, seconds: float, sizes: Sequence[int]) -> None:
        if sizes:
            nbytes = sum(sizes) // len(sizes)
            self._figures.measure(rung, seconds / len(sizes), nbytes)


class Trip:
    """One way down: which rungs still take something."""

    def __init__(self, demoter: Demoter) -> None:
        self._demoter = demoter
        self._speeds = demoter.speeds()

    @property
    def open(self) -> bool:
        """True while a rung takes something."""
        return bool(self._speeds)

    def take(self, colds: Sequence[Cold]) -> list[Cold]:
        """Carry entries down, each to the best rung that takes it."""
        gone: list[Cold] = []
        left = list(colds)
        while left and self._speeds:
            groups = self._sorted(left)
            left = []
            for rung, some in groups.items():
                safe, refused = self._carry(rung, some)
                gone += safe
                left += refused
                if refused:
                    self._speeds.pop(rung, None)  # it is full, or away
        return gone

    def _sorted(self, colds: Sequence[Cold]) -> dict[str, list[Cold]]:
        groups: dict[str, list[Cold]] = {}
        for cold in colds:
            entry = cold.entry
            cost_s = 0.0 if entry.pinned else entry.cost_s  # never let go
            best = rungs(entry.extent_nbytes, cost_s, self._speeds)
            groups.setdefault(best[0] if best else "", []).append(cold)
        return groups

    def _carry(self, rung: str, colds: Sequence[Cold]) -> Carried:
        if not rung:
            return Carried(self._demoter.forgo(colds), [])
        return self._demoter.carry(rung, colds)


def _may_leave(entry: Entry) -> bool:
    flags = entry.stamp.flags
    return bool(flags & IMMUTABLE) and not flags & TOMBSTONE


def _nbytes(colds: Sequence[Cold]) -> int:
    return sum(cold.entry.extent_nbytes for cold in colds)
