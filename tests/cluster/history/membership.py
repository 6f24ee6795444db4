"""Membership: the pure roster with a clock and pipes, and notes of what was lost."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np

from gridcache.cluster.actors.posts import Joined, NodeReport, Renewal, pack_view
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.roster import NotMember, NotYet, Roster
from gridcache.cluster.table.view import View
from tests.cluster.history.ops import Op, loss
from tests.cluster.history.workload import KEYS

__all__ = ["Loss", "Membership"]

_PERIOD_S = 0.05


@dataclass(frozen=True, slots=True)
class Loss:
    """Owners went: in a time that is known, since nobody served in it."""

    start: int
    end: int
    lost: frozenset[int]
    """Partitions of which what had one copy is gone."""
    empty: frozenset[int]
    """Partitions of which everything is gone."""

    def ops(self, keys: Iterable[str]) -> Iterator[Op]:
        """Return the losses that keys of the workload may have had."""
        for key in keys:
            partition = partition_of("c", key)
            gone = self.empty if key.startswith("double") else self.lost | self.empty
            if partition in gone:
                yield loss(key, self.start, self.end)


class Membership:
    """What the actor is in Ray, in a thread of the test."""

    def __init__(self, address: Path, wake: Callable[[], None]) -> None:
        self.address = str(address)
        self.losses: list[Loss] = []
        self.homes: list[tuple[int, str, str]] = []
        """Time, key and who had it from then on."""
        self.dead: set[str] = set()
        """Ids of nodes that are known to be gone."""
        self._lock = threading.RLock()
        self._wake = wake
        self._roster = Roster("default")
        self._drained: set[str] = set()
        self._listener = Listener(self.address, "AF_UNIX", backlog=16)
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._accept, daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def view(self) -> View:
        """The newest view."""
        return self._roster.view

    def restart(self) -> None:
        """As if the actor had been killed and had come back with its saved state."""
        with self._lock:
            self._roster = Roster.load(self._roster.save(), _now_s())

    def close(self) -> None:
        """Answer no more."""
        self._ended.set()
        self._listener.close()
        self._threads[1].join()

    # -- what nodes ask ----------------------------------------------------

    def join(self, report: NodeReport) -> Joined:
        with self._changing():
            found = self._roster.join(report.info, _now_s(), time.time())
        if isinstance(found, NotYet):
            return Joined(number=None, retry_s=found.retry_at_s - _now_s())
        return Joined(number=found.number, view=pack_view(self.view))

    def renew(self, number: int, report: NodeReport) -> Renewal:
        with self._lock:
            grant = self._roster.renew(number, _now_s())
            if isinstance(grant, NotMember):
                drained = report.info.ray_node_id in self._drained
                return Renewal(drained=drained, view=pack_view(self.view))
            news = pack_view(self.view) if report.epoch != grant.epoch else b""
            return Renewal(lease_s=grant.lease_s, view=news)

    def moved(self, number: int, moves: list[tuple[int, int]]) -> None:
        with self._changing():
            self._roster.moved(number, moves)

    def backed_up(self, number: int, filled: list[tuple[int, int]]) -> None:
        with self._changing():
            self._roster.backed_up(number, filled)

    def drain(self, name: str) -> bool:
        with self._changing():
            member = self._roster.view.by_name(name)
            if member is None:
                return False
            self._drained.add(member.ray_node_id)
            self._roster.drain(name)
            return True

    # -- its threads -------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone; what is lost by it is noted, and nodes hear of the new view."""
        with self._lock:
            before, start = self.view, time.monotonic_ns()
            yield
            after = self.view
            lost, empty = (
                frozenset(np.flatnonzero(one != other).tolist())
                for one, other in (
                    (before.lost_epochs, after.lost_epochs),
                    (before.empty_epochs, after.empty_epochs),
                )
            )
            if lost or empty:
                self.losses.append(Loss(start, time.monotonic_ns(), lost, empty))
        if after.epoch != before.epoch:
            self._note_homes(before, after)
            self._wake()

    def _note_homes(self, before: View, after: View) -> None:
        now = time.monotonic_ns()
        for key in KEYS:
            home = _home(after, key)
            if home != _home(before, key):
                self.homes.append((now, key, f"epoch {after.epoch}: {home}"))

    def _watch(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            with self._changing():
                self._roster.lost(self.dead, _now_s(), time.time())

    def _accept(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError, EOFError):
                pipe = self._listener.accept()
                threading.Thread(target=self._serve, args=(pipe,), daemon=True).start()

    def _serve(self, pipe: "Connection[Any, Any]") -> None:
        with suppress(OSError, EOFError), pipe:
            while True:
                name, arguments = pipe.recv()
                pipe.send(getattr(self, name)(*arguments))


def _home(view: View, key: str) -> str:
    partition = partition_of("c", key)
    moves = [move for move in view.moves if move.partition == partition]
    owner, term = view.owners[partition], view.terms[partition]
    copies, ready = view.copies(partition), bool(view.ready[partition])
    names = [(one.number, one.name) for one in view.members]
    return f"owner {owner} term {term} {copies=} {ready=} {moves} {names}"


def _now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
