"""Services: what a node does for the others and for its own memory, put together.

Answers requests about entries and blocks, takes and gives partitions, moves blocks,
and demotes what must leave memory: to other nodes and to the node's disk.
"""

import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from gridcache.cluster.actors.desk import Desk
from gridcache.cluster.actors.lease_keeper import Boss
from gridcache.cluster.actors.mover import Mover
from gridcache.cluster.actors.posts import Post
from gridcache.cluster.blocks.mover import BlockMover, Elsewhere
from gridcache.cluster.blocks.service import BlockService
from gridcache.cluster.handover.handover import Handover
from gridcache.cluster.home.service import Service
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.tier.demotion import Demoter
from gridcache.cluster.tier.spill import Spill
from gridcache.cluster.tier.tier_access import make_tier
from gridcache.errors import GridCacheError
from gridcache.store.directory import remove_store
from gridcache.store.node_store import NodeStore

__all__ = ["NodeServices"]

_LOOK_S = 0.1


class NodeServices:
    """The services of one node.

    Parameters
    ----------
    undo
        Gets what ends them, in the right order; also if one of them cannot begin.
    """

    def __init__(
        self,
        store: NodeStore,
        standing: Standing,
        peers: Peers,
        *,
        post: Post,
        boss: Boss,
        undo: ExitStack,
    ) -> None:
        self.disk_path = _disk_path(store, post)
        """Where the disk store lies, if there is one."""
        if self.disk_path is not None and post.disk_nbytes is not None:
            undo.callback(make_tier(store, self.disk_path, post.disk_nbytes))
        service = Service(store, standing, peers)
        undo.callback(service.close)
        self._handover = Handover(store, standing, peers)
        _add(service, self._handover)
        blocks = BlockService(store.blocks, post.node)
        undo.callback(blocks.close)
        elsewhere = Elsewhere(
            peers, lambda: standing.view() if standing.member else None
        )
        self._block_mover = BlockMover(
            store.blocks, post.node, elsewhere, lambda: post.balances
        )
        self._demoter = Demoter(store, Spill(store))
        self.mover = Mover(boss, self._handover)
        self.desk = Desk(blocks, service)

    def start(self, undo: ExitStack) -> None:
        """Begin what goes on by itself."""
        for one in (self._block_mover, self._demoter, self.mover):
            one.start()
            undo.callback(one.stop)

    def evacuate(self, time_limit_s: float) -> None:
        """Give away blocks, and copies that only this node has, before it leaves."""
        until = time.monotonic() + time_limit_s
        while self._block_mover.evacuate() and time.monotonic() < until:
            time.sleep(_LOOK_S)
        self._handover.hand_over_copies(max(until - time.monotonic(), 0.0))

    def remove_disk(self) -> None:
        """Delete the disk store; after the end."""
        if self.disk_path is not None:
            with suppress(GridCacheError, OSError):
                remove_store(self.disk_path, force=True)


def _add(service: Service, handover: Handover) -> None:
    """Have the service answer what the handover does, too."""
    twice = service.handlers.keys() & handover.handlers.keys()
    if twice:
        message = f"two services answer {sorted(twice)}"
        raise AssertionError(message)
    service.handlers.update(handover.handlers)
    service.streams.update(handover.streams)


def _disk_path(store: NodeStore, post: Post) -> Path | None:
    if post.disk_nbytes is None:
        return None
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "gridcache")
    return (post.disk_directory or caches).expanduser() / store.directory.name
