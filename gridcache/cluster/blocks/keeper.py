"""Block keeper: says on other nodes that this process's pools live.

One connection per node and a thread that speaks over it now and then. When the
process dies the kernel closes the connection, and the node frees the pools'
blocks after a moment. A node that restarts hears of the pools within seconds.
"""

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress

from gridcache.cluster.streams.peers import Line, Peers
from gridcache.cluster.streams.wire import Address
from gridcache.errors import GridCacheError

__all__ = ["Keeper"]

_PERIOD_S = 2.0
_TIMEOUT_S = 3.0
"""A node that answers later has a moment left before it gives a pool up."""

Addresses = Callable[[], Mapping[str, Address]]


class Keeper:
    """The pools of one process, for one grid.

    Parameters
    ----------
    addresses
        Where the nodes listen now, by name.
    """

    def __init__(self, peers: Peers, addresses: Addresses) -> None:
        self._peers = peers
        self._addresses = addresses
        self._begin()
        _keepers.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._voices: dict[str, _Voice] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(self, node: str, pool: str) -> None:
        """Speak for a pool on a node from now on; raises if it does not hear."""
        with self._lock:
            voice = self._voices.get(node)
            if voice is None:
                voice = _Voice(node, self._peers, self._addresses)
                self._voices[node] = voice
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="gridcache-blocks", daemon=True
                )
                self._thread.start()
        voice.add(pool)

    def _run(self) -> None:
        while not self._over.wait(_PERIOD_S):
            for voice in list(self._voices.values()):
                with suppress(GridCacheError):  # next time
                    voice.speak()

    def nodes(self) -> list[str]:
        """Where it speaks for any pool."""
        return list(self._voices)

    def forget(self, pool: str) -> None:
        """Speak for a pool no longer."""
        for voice in list(self._voices.values()):
            voice.pools.discard(pool)

    def close(self) -> None:
        """End the connections."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for voice in self._voices.values():
            voice.close()

    def after_fork_in_child(self) -> None:
        """What the parent speaks for is the parent's."""
        self._begin()


class _Voice:
    """What is said on one node."""

    def __init__(self, node: str, peers: Peers, addresses: Addresses) -> None:
        self.pools: set[str] = set()
        self._node = node
        self._peers = peers
        self._addresses = addresses
        self._lock = threading.Lock()
        self._line: Line | None = None

    def add(self, pool: str) -> None:
        """Speak for one more pool, at once."""
        if pool not in self.pools:
            with self._lock:
                self._say(pool)
            self.pools.add(pool)

    def speak(self) -> None:
        """Speak for all pools."""
        with self._lock:
            for pool in list(self.pools):
                self._say(pool)

    def _say(self, pool: str) -> None:
        address = self._addresses().get(self._node)
        if address is None:
            return  # it has left: whoever asks it for something is told so
        line = self._line
        if line is None:
            line = self._line = self._peers.line(address, timeout_s=_TIMEOUT_S)
        try:
            line.call("block_keep", {"pool": pool}, timeout_s=_TIMEOUT_S)
        except BaseException:
            self._line = None
            line.close()
            raise

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            line.close()


def _after_fork_in_child() -> None:
    for keeper in list(_keepers):
        keeper.after_fork_in_child()


_keepers: "weakref.WeakSet[Keeper]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork_in_child)
