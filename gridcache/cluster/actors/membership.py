"""Membership: the one actor that decides who is in the grid and who owns what.

A thin shell around `roster.Roster`, which holds the rules: it adds Ray's word on
who lives, a clock, and saved state. Whatever changes is saved before anybody is
told of it; killed at any point, it goes on from there.

Detached, named, and pinned to Ray's head node, whose loss ends the Ray cluster.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import lz4.frame
import ray

from gridcache.cluster.actors.describing import Heard, Scene, describe_nodes
from gridcache.cluster.actors.kv import open_state
from gridcache.cluster.actors.leaving import refuse_last, refuse_unknown
from gridcache.cluster.actors.ledger import Ledger
from gridcache.cluster.actors.posts import (
    GridPlan,
    Joined,
    NodeReport,
    Renewal,
    pack_view,
)
from gridcache.cluster.actors.ray_nodes import RayMachine, ray_machines
from gridcache.cluster.actors.recruiter import Recruiter
from gridcache.cluster.actors.status import GridStatus
from gridcache.cluster.table.roster import NotMember, NotYet, Roster
from gridcache.config import load_config

__all__ = ["Membership"]

_ROSTER = "roster"
_PERIOD_S = 0.5
_STOP_S = 10.0
_logger = logging.getLogger("gridcache")


def now_s() -> float:
    """The membership's clock; it goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _roster(grid: str, saved: bytes | None) -> Roster:
    if saved is not None:
        return Roster.load(lz4.frame.decompress(saved), now_s())
    roster = Roster(grid)
    # Stores outlive grids: no term may be given that an earlier grid ever gave.
    roster._table.last_term = time.time_ns()
    return roster


class Membership:
    """The actor's class. Every method may be called by several threads at once."""

    def __init__(self, plan: GridPlan) -> None:
        self._lock = threading.RLock()
        self._state = open_state(plan.name, load_config().directory)
        self._ledger = Ledger(self._state, plan)
        saved = self._state.get(_ROSTER)
        self._roster = _roster(plan.name, saved)
        self._saved_epoch = -1 if saved is None else self._roster.view.epoch
        self._news = threading.Event()
        self._packed: tuple[int, bytes] = (-1, b"")
        self._told_epoch = -1
        self._heard: dict[int, Heard] = {}
        self._machines: list[RayMachine] = []
        self._recruiter = Recruiter(self._ledger)
        self._commit()
        self._ended = False
        self._watcher = threading.Thread(
            target=self._watch, name="gridcache-membership", daemon=True
        )
        self._watcher.start()

    # -- what nodes call -------------------------------------------------------

    def join(self, report: NodeReport) -> Joined:
        """Take a node in, or know it again."""
        self._ledger.skip_numbers(report.next_block)
        with self._changing():
            found = self._roster.join(report.info, now_s(), time.time())
            if isinstance(found, NotYet):
                return Joined(number=None, retry_s=found.retry_at_s - now_s())
            self._hear(found.number, report)
            self._commit()
            return Joined(number=found.number, view=self._view())

    def renew(self, number: int, report: NodeReport) -> Renewal:
        """Grant a lease, with the newest view for a node that has an older one."""
        with self._changing():
            free = report.free_nbytes
            grant = self._roster.renew(number, now_s(), free_nbytes=free)
            if self._ended:
                return Renewal(drained=True)
            if isinstance(grant, NotMember):
                drained = report.info.ray_node_id in self._ledger.drained()
                return Renewal(drained=drained, view=self._view())
            self._hear(number, report)
            news = self._view() if report.epoch != grant.epoch else b""
            return Renewal(lease_s=grant.lease_s, view=news)

    def moved(self, number: int, moves: Iterable[tuple[int, int]]) -> tuple[int, ...]:
        """See `Roster.moved`."""
        with self._changing():
            return self._roster.moved(number, moves)

    def backed_up(
        self, number: int, filled: Iterable[tuple[int, int]]
    ) -> tuple[int, ...]:
        """See `Roster.backed_up`."""
        with self._changing():
            return self._roster.backed_up(number, filled)

    # -- what clients call -----------------------------------------------------

    def drain(self, name: str, *, evacuated: bool = False) -> bool:
        """Have a node give away what it has and go; False once it is gone.

        Its blocks go first, while all find them there, then its partitions.

        Raises
        ------
        ConfigError
            There is no such node.
        NoAvailableNodesError
            There is no other node that could take what it has.
        """
        with self._changing():
            member = self._roster.view.by_name(name)
            if member is None:
                refuse_unknown(self._roster.view, self._ledger, name)
                return False
            refuse_last(self._roster.view, member)
            self._ledger.send_away(member.ray_node_id)
            if evacuated:
                self._roster.drain(name)
        return True

    def undrain(self, name: str) -> None:
        """Let a node that was drained join again."""
        with self._lock:
            for machine in self._machines:
                if self._ledger.name_of(machine.node_id) == name and machine.alive:
                    self._ledger.take_back(machine.node_id)
                    return
        refuse_unknown(self._roster.view, self._ledger, name)

    def new_numbers(self, count: int) -> int:
        """Return the first of so many numbers that were never given."""
        return self._ledger.new_numbers(count)

    def amend(self, plan: GridPlan) -> None:
        """Go by another cluster file from now on; nodes keep what they have."""
        self._ledger.amend(plan)

    def pid(self) -> int:
        """Of the actor's process."""
        return os.getpid()

    def key(self) -> bytes:
        """What members and clients prove to each other that they have."""
        return self._ledger.key

    def view(self, epoch: int) -> bytes:
        """Return the newest view, packed; empty if it is of this epoch."""
        with self._changing():
            return self._view() if self._roster.view.epoch != epoch else b""

    def status(self) -> GridStatus:
        """Everything that is known of the grid and its nodes."""
        with self._lock:
            view = self._roster.view
            return GridStatus(
                name=view.grid,
                epoch=view.epoch,
                nodes=describe_nodes(self._scene()),
                moves=view.moves,
                replicated=view.replicated,
                mode=self._ledger.plan.config.resource_sharing.mode,
            )

    def stop(self, *, remove: bool = False) -> list[str]:
        """Take the grid down; returns what went wrong on the way.

        The caller ends this actor afterwards.
        """
        self._ended = True  # nodes that ask now are told to go
        self._news.set()
        self._watcher.join()
        asked = self._recruiter.stop(remove=remove)
        left = ray.wait(asked, num_returns=len(asked), timeout=_STOP_S)[1]
        for machine in self._machines:
            self._recruiter.dismiss(machine.node_id)
        self._state.clear(_ROSTER)
        self._ledger.clear()
        return [f"{len(left)} nodes did not answer and were ended"] if left else []

    def _scene(self) -> Scene:
        return Scene(
            view=self._roster.view,
            machines=self._machines,
            heard=self._heard,
            recruiter=self._recruiter,
            ledger=self._ledger,
            now_s=now_s(),
        )

    def _hear(self, number: int, report: NodeReport) -> None:
        self._heard[number] = Heard(report, now_s())

    # -- saved before it is told -------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone, and with what a call changed saved before its answer goes out."""
        with self._lock:
            self._commit()  # what an earlier call could not save
            yield
            self._commit()

    def _commit(self) -> None:
        """Save the roster if it changed. With the lock held."""
        epoch = self._roster.view.epoch
        if epoch != self._saved_epoch:
            self._state.put(_ROSTER, bytes(lz4.frame.compress(self._roster.save())))
            self._saved_epoch = epoch
            self._news.set()

    def _view(self) -> bytes:
        """Pack the newest view, which must be saved. With the lock held."""
        self._commit()
        epoch = self._roster.view.epoch
        if self._packed[0] != epoch:
            self._packed = epoch, pack_view(self._roster.view)
        return self._packed[1]

    # -- watching ----------------------------------------------------------------

    def _watch(self) -> None:
        due_s = 0.0
        while not self._ended:
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + _PERIOD_S
                self._try(self._look)
            self._try(self._tell)
            self._news.wait(max(due_s - time.monotonic(), 0.0))
            self._news.clear()

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            # Ray's head may be busy or restarting; nobody else would look.
            _logger.warning("a look at Ray's nodes failed", exc_info=True)

    def _look(self) -> None:
        machines = ray_machines()
        with self._changing():
            self._machines = machines
            self._remove_lost()
            if self._ledger.plan.config.resource_sharing.mode == "dynamic_balancing":
                self._roster.rebalance(now_s())
        self._go_on_draining()
        self._recruiter.look(machines, now_s())

    def _tell(self) -> None:
        """Have every node fetch the newest view; waits for none."""
        if self._told_epoch != self._saved_epoch:
            self._told_epoch = self._saved_epoch
            self._recruiter.wake()

    def _remove_lost(self) -> None:
        alive = {one.node_id for one in self._machines if one.alive}
        members = {one.ray_node_id for one in self._roster.view.members}
        for member in self._roster.lost(members - alive, now_s(), time.time()):
            self._heard.pop(member.number, None)
            _logger.warning("node %s is lost", member.name)

    def _go_on_draining(self) -> None:
        """Take those that were sent away one step further."""
        away = self._ledger.drained()
        members = {one.ray_node_id: one for one in self._roster.view.members}
        for node_id in away - set(members):
            self._recruiter.retire(node_id)
        for node_id in away & set(members):
            if self._recruiter.evacuated(node_id, now_s()):
                with self._changing():
                    self._roster.drain(members[node_id].name)
