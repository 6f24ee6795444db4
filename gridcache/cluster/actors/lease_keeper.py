"""Lease keeper: the thread that keeps a node a member of its grid.

It joins, asks for the lease again and again, installs each new view, and joins anew
when the node was removed. Whom it asks is a `Boss`: without Ray, so that every
order of answers can be tested.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from gridcache.cluster.actors.posts import Joined, NodeReport, Renewal, unpack_view
from gridcache.cluster.table.leases import RENEW_S, deadline_ns
from gridcache.cluster.table.view import View

__all__ = ["Boss", "LeaseKeeper", "NodeStanding"]

_logger = logging.getLogger("gridcache")
_LEAST_RETRY_S = 0.05


class Boss(Protocol):
    """The membership, as a node calls it; every call may fail or be late."""

    def join(self, report: NodeReport) -> Joined:
        """Take this node in."""

    def renew(self, number: int, report: NodeReport) -> Renewal:
        """Grant a lease."""

    def moved(self, number: int, moves: Iterable[tuple[int, int]]) -> None:
        """Say that partitions have arrived."""

    def backed_up(self, number: int, filled: Iterable[tuple[int, int]]) -> None:
        """Say that backups have everything."""

    def drain(self, name: str) -> bool:
        """Have a node, whose blocks are gone, give away what it has."""


class NodeStanding(Protocol):
    """A node's lease, epoch and terms, where its clients read them."""

    def install(self, view: View, member: int) -> None:
        """Go by a view; another member number begins with no terms and no lease."""

    def renew(self, deadline_ns: int) -> None:
        """Serve until then on CLOCK_BOOTTIME."""


class LeaseKeeper:
    """One node's membership.

    Parameters
    ----------
    boss, standing
        Whom to ask, and where to write what it said.
    describe
        Tells how the node is, given its number as member and its epoch.
    installed
        Called with each view once it is installed, in this thread.
    dismissed
        Called once, in this thread, when the node was drained: it joins no more.
    """

    def __init__(
        self,
        boss: Boss,
        standing: NodeStanding,
        describe: Callable[[int | None, int], NodeReport],
        *,
        installed: Callable[[View, int], None],
        dismissed: Callable[[], None],
    ) -> None:
        self.number: int | None = None
        """As member; None while it is none."""
        self._boss = boss
        self._standing = standing
        self._describe = describe
        self._installed = installed
        self._dismissed = dismissed
        self._epoch = -1
        self._news = threading.Event()
        self._ended = False
        self._thread = threading.Thread(
            target=self._run, name="gridcache-lease", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Ask now: there is a new view."""
        self._news.set()

    def stop(self) -> None:
        """End the thread and wait for it; the lease runs out by itself."""
        self._ended = True
        self._news.set()
        if self._thread.ident and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended:
            self._news.clear()
            try:
                pause_s = self.round()
            except Exception:
                # The membership is away, or the store stalled: clients see the
                # lease run out; nobody else would ask again.
                _logger.debug("no lease in this round", exc_info=True)
                pause_s = RENEW_S
            self._news.wait(pause_s)

    def round(self) -> float:
        """Join or renew; returns how long to wait before the next round."""
        if self.number is None:
            wait_s = self._join()
            if wait_s:
                return wait_s
        return self._renew()

    def _join(self) -> float:
        joined = self._boss.join(self._describe(None, self._epoch))
        if joined.number is None:
            return min(max(joined.retry_s, _LEAST_RETRY_S), RENEW_S)
        self._install(joined.view, joined.number)
        self.number = joined.number
        return 0.0

    def _renew(self) -> float:
        assert self.number is not None  # noqa: S101 - `round` has joined
        asked_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        answer = self._boss.renew(self.number, self._describe(self.number, self._epoch))
        if not answer.lease_s:
            return self._removed(answer)
        if answer.view:
            self._install(answer.view, self.number)
        self._standing.renew(deadline_ns(asked_ns, answer.lease_s))
        return RENEW_S

    def _removed(self, answer: Renewal) -> float:
        number, self.number = self.number, None
        if answer.drained:
            if answer.view and number is not None:
                # Clients of this node go on: they must know who has what it had.
                self._standing.install(unpack_view(answer.view), number)
            self._ended = True
            self._dismissed()
        return 0.0

    def _install(self, packed: bytes, number: int) -> None:
        view = unpack_view(packed)
        self._standing.install(view, number)
        self._epoch = view.epoch
        self._installed(view, number)
