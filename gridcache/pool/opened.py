"""Opened: what a pool works with between `initialize` and `shutdown`."""

import os
import socket
import threading
import uuid
import weakref
from contextlib import suppress
from functools import partial

from gridcache.errors import GridCacheError
from gridcache.pool.finding import Finder
from gridcache.pool.joining import giving_names, join
from gridcache.pool.parallel import at_once
from gridcache.pool.placing import Placer

__all__ = ["Opened"]

_NUMBERS_MOST = 64
"""Numbers taken at once by a pool that allocates many."""


class Opened:
    """The nodes of a grid, in use by one pool of one process.

    Parameters
    ----------
    config
        As for the pool.
    """

    def __init__(self, config: object) -> None:
        self.nodes = join(config)
        self._is_joined_here = self.nodes is not config
        self._name = f"{socket.gethostname()}/{uuid.uuid4().hex[:16]}"
        """Of the pool, as nodes know it."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._numbers = range(0)
        self._next_count = 1
        self.finder = Finder(self.nodes)
        try:
            self.placer = Placer(
                self.nodes, self._name, self._number, giving_names(config)
            )
            self.nodes.open(self._name)
        except BaseException:
            self._leave()
            raise
        _all_opened.add(self)

    def _number(self) -> int:
        """A number that no block ever had; more at once, the more are wanted."""
        with self._lock:
            if not self._numbers:
                first = self.nodes.new_numbers(self._next_count)
                self._numbers = range(first, first + self._next_count)
                self._next_count = min(2 * self._next_count, _NUMBERS_MOST)
            number, self._numbers = self._numbers[0], self._numbers[1:]
            return number

    def close(self) -> None:
        """Free what the pool allocated; in a forked child, leave that alone."""
        if os.getpid() == self._pid:
            with suppress(GridCacheError):  # the grid was left: they go with us
                self._reap()
            self.nodes.forget(self._name)
        self._leave()

    def _reap(self) -> None:
        """On all nodes: blocks may have been moved."""
        nodes = self.nodes.nodes()
        at_once({n: partial(node.reap, self._name) for n, node in nodes.items()})

    def _leave(self) -> None:
        if self._is_joined_here:
            self.nodes.close()

    def after_fork_in_child(self) -> None:
        """A lock and numbers of its own."""
        self._lock = threading.Lock()
        self._numbers = range(0)


def _after_fork_in_child() -> None:
    for opened in list(_all_opened):
        opened.after_fork_in_child()


_all_opened: "weakref.WeakSet[Opened]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork_in_child)
