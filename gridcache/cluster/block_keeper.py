"""Block keeper: says on other nodes that this process's pools live.

One connection per node and a thread that speaks over it now and then. When the
process dies the kernel closes the connection, and the node frees the pools'
blocks after a moment. A node that restarts hears of the pools within seconds.
"""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from gridcache.cluster.peers import Line, Peers
from gridcache.cluster.wire import Address
from gridcache.errors import GridCacheError

__all__ = ["Keeper"]

_PERIOD_S = 2.0


class Keeper:
    """The pools of one process, for one grid.

    Parameters
    ----------
    addresses
        Where the nodes listen now, by name.
    """

    def __init__(
        self, peers: Peers, addresses: Callable[[], Mapping[str, Address]]
    ) -> None:
        self._peers = peers
        self._addresses = addresses
        self._lock = threading.Lock()
        self._pools: dict[str, set[str]] = {}
        """By node."""
        self._lines: dict[str, Line] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def keep(self, node: str, pool: str) -> None:
        """Speak for a pool on a node from now on; raises if it does not hear."""
        with self._lock:
            pools = self._pools.setdefault(node, set())
            if pool in pools:
                return
            self._speak(node, pool)
            pools.add(pool)
            if self._thread is None and os.getpid() == self._pid:
                self._thread = threading.Thread(
                    target=self._run, name="gridcache-blocks", daemon=True
                )
                self._thread.start()

    def _speak(self, node: str, pool: str) -> None:
        line = self._lines.get(node)
        if line is None:
            address = self._addresses().get(node)
            if address is None:
                return  # it has left: whoever asks it for something is told so
            line = self._lines[node] = self._peers.line(address)
        try:
            line.call("block_keep", {"pool": pool})
        except BaseException:
            self._lines.pop(node).close()
            raise

    def _run(self) -> None:
        while not self._over.wait(_PERIOD_S):
            with self._lock:
                for node, pools in self._pools.items():
                    for pool in pools:
                        with suppress(GridCacheError):  # next time
                            self._speak(node, pool)

    def forget(self, pool: str) -> None:
        """Speak for a pool no longer."""
        with self._lock:
            for pools in self._pools.values():
                pools.discard(pool)

    def close(self) -> None:
        """End the connections."""
        self._over.set()
        thread = self._thread
        if thread is not None and os.getpid() == self._pid:
            thread.join()
        for line in self._lines.values():
            line.close()
        self._lines.clear()
