"""Mover: the thread that does what a view asks of a node, in the background.

Takes the partitions that are to come here, fills the backups of those that are
here, and tells the membership. What cannot be done now, since another node is
away, is tried again until the view no longer asks for it.
"""

import logging
import threading
from collections.abc import Iterable
from typing import Protocol

from gridcache.cluster.actors.lease_keeper import Boss
from gridcache.cluster.table.view import View

__all__ = ["Chores", "Mover"]

_RETRY_S = 0.3
_LOOK_S = 30.0
"""Some chores are due now and then, whatever the view."""
_logger = logging.getLogger("gridcache")


class Chores(Protocol):
    """What a node can do about a view; each call does what it can now."""

    def pull_moves(self, view: View) -> Iterable[tuple[int, int]]:
        """Take in what is to come; returns (partition, term) of what has come."""

    def fill_backups(self, view: View) -> Iterable[tuple[int, int]]:
        """Fill copies elsewhere; returns (partition, copy's term) of full ones."""

    def reregister(self, view: View) -> bool:
        """Tell new homes of immutable entries; False if some must be told again."""


class Mover:
    """One node's chores."""

    def __init__(self, boss: Boss, chores: Chores) -> None:
        self._boss = boss
        self._chores = chores
        self._now: tuple[View, int] | None = None
        self._news = threading.Event()
        self._ended = False
        self._thread = threading.Thread(
            target=self._run, name="gridcache-mover", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def go_by(self, view: View, number: int) -> None:
        """Do what a newer view asks."""
        self._now = view, number
        self._news.set()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._ended = True
        self._news.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        again = False
        while not self._ended:
            self._news.wait(_RETRY_S if again else _LOOK_S)
            self._news.clear()
            again = self._try_round()

    def _try_round(self) -> bool:
        try:
            return not self._ended and self.round()
        except Exception:
            # A node that is away, a store that is full: the view changes or it is
            # tried again; nobody waits for this thread.
            _logger.debug("chores were left undone", exc_info=True)
            return True

    def round(self) -> bool:
        """Do what can be done now; True if the view asks for more."""
        if self._now is None:
            return False
        view, number = self._now
        self._tell(self._boss.moved, number, self._chores.pull_moves(view))
        self._tell(self._boss.backed_up, number, self._chores.fill_backups(view))
        told = self._chores.reregister(view)
        return bool(not told or view.moves_to(number) or len(view.unfilled(number)))

    @staticmethod
    def _tell(tell: object, number: int, done: Iterable[tuple[int, int]]) -> None:
        found = list(done)
        if found and callable(tell):
            tell(number, found)
