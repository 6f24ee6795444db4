"""Serving: a node of a grid at work, put together in order and taken apart again.

The store, its standing, the services, the server for the other nodes, and the
threads that keep the lease and do the chores. Without Ray: who makes it gives it
the membership as a `Boss`.
"""

import logging
import os
import time
from contextlib import ExitStack, suppress
from dataclasses import replace

from gridcache.cluster.actors.desk import Desk
from gridcache.cluster.actors.lease_keeper import Boss, LeaseKeeper
from gridcache.cluster.actors.posts import NodeReport, Post
from gridcache.cluster.actors.services import NodeServices
from gridcache.cluster.actors.tenancy import Tenancy, enter
from gridcache.cluster.home.naming import beat, forget_grid, write_facts
from gridcache.cluster.home.plain import make_plain
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server
from gridcache.cluster.table.roster import MemberInfo
from gridcache.cluster.table.view import View
from gridcache.errors import GridCacheError
from gridcache.store.directory import remove_store
from gridcache.store.outcome import StoreStats

__all__ = ["ServingNode"]

_REPORT_S = 2.0
"""How old the sizes in a report may be."""
_DRAIN_S = 8.0
_EVACUATE_S = 45.0
_LOOK_S = 0.1
_logger = logging.getLogger("gridcache")


class _Standing:
    """The standing with the store that its transactions need."""

    def __init__(self, tenancy: Tenancy) -> None:
        incarnation = int(tenancy.facts.incarnation, 16)
        self.inner = Standing.create(tenancy.store, incarnation, make_plain)
        self._store = tenancy.store

    def install(self, view: View, member: int) -> None:
        self.inner.install(self._store, view, member)

    def renew(self, deadline_ns: int) -> None:
        self.inner.renew(deadline_ns)


class ServingNode:
    """One node's work. Everything is begun when this returns.

    Raises
    ------
    GridCacheError, OSError
        The store cannot be had, or no port; nothing is left behind.
    """

    def __init__(self, post: Post, boss: Boss, ray_address: str) -> None:
        self.post = post
        self._boss = boss
        self._sizes: tuple[float, StoreStats] | None = None
        with ExitStack() as undo:
            self._tenancy = enter(post)
            undo.callback(self._tenancy.leave)
            self._standing = _Standing(self._tenancy)
            undo.callback(self._standing.inner.close)
            undo.callback(self._leave_plainly)
            self._peers = Peers(post.key, name=post.node)
            undo.callback(self._peers.close)
            self._services = NodeServices(
                self._tenancy.store,
                self._standing.inner,
                self._peers,
                post=post,
                boss=boss,
                undo=undo,
            )
            self._server = self._listen(self._services.desk)
            undo.callback(self._server.close)
            host, port = self._server.address
            self._facts = replace(
                self._tenancy.facts, host=host, port=port, ray_address=ray_address
            )
            self._note(self._facts.number)
            self._keeper = LeaseKeeper(
                boss,
                self._standing,
                self._describe,
                installed=self._installed,
                dismissed=self._dismissed,
            )
            self._begin(undo)
            self._undo = undo.pop_all()

    def _begin(self, undo: ExitStack) -> None:
        """Start what is to end in the opposite order."""
        self._server.start()
        self._services.start(undo)
        self._keeper.start()
        undo.callback(self._keeper.stop)

    def wake(self) -> None:
        """There is a new view."""
        self._keeper.wake()

    def stop(self, *, remove: bool = False) -> None:
        """Serve no more; the store is a plain one again, or removed. Idempotent."""
        self._standing.inner.leave()
        self._undo.close()
        forget_grid(self._tenancy.path)
        if remove:
            with suppress(GridCacheError, OSError):
                remove_store(self._tenancy.path, force=True)
            self._services.remove_disk()

    def _leave_plainly(self) -> None:
        """With everything ended that could write for others."""
        with suppress(GridCacheError, OSError):  # else the next grid does it
            if self._standing.inner.has_left:
                make_plain(self._tenancy.store, self._standing.inner)

    def evacuate(self) -> None:
        """Give away what is not partitions, while everybody finds it here."""
        self._services.evacuate(_EVACUATE_S)

    def drain(self) -> None:
        """Give away what others can take, within some seconds."""
        until = time.monotonic() + _DRAIN_S
        try:
            self._services.evacuate(_DRAIN_S / 4)
            self._boss.drain(self.post.node)
        except Exception as error:  # noqa: BLE001 - of Ray or ours: nobody takes it
            _logger.warning("%s leaves without a drain: %s", self.post.node, error)
            until = 0.0
        while self._keeper.number is not None and time.monotonic() < until:
            time.sleep(_LOOK_S)

    # -- what the threads call ---------------------------------------------------

    def _listen(self, desk: Desk) -> Server:
        """Where this node listened before, as far as that is free."""
        post = self.post
        for port in dict.fromkeys((self._tenancy.facts.port or post.port, post.port)):
            with suppress(OSError):
                return self._server_at(desk, port)
        _logger.warning("port %d is taken; any other will do", post.port)
        return self._server_at(desk, 0)

    def _server_at(self, desk: Desk, port: int) -> Server:
        return Server(
            self.post.key,
            desk.handle,
            host=self.post.host,
            port=port,
            streams=desk.streams,
        )

    def _describe(self, number: int | None, epoch: int) -> NodeReport:
        beat(self._tenancy.path)
        stats = self._stats()
        return NodeReport(
            info=self._info(number),
            epoch=epoch,
            free_nbytes=stats.capacity_nbytes - _used(stats),
            entries=sum(space.entries for space in stats.namespaces),
            blocks=stats.blocks,
            next_block=self._tenancy.store.blocks.next_number(),
            pid=os.getpid(),
        )

    def _info(self, number: int | None) -> MemberInfo:
        host, port = self._server.address
        return MemberInfo(
            name=self.post.node,
            host=host,
            port=port,
            ray_node_id=self.post.ray_node_id,
            store=str(self._tenancy.path),
            capacity_nbytes=self._tenancy.store.capacity_nbytes,
            labels=self.post.labels,
            number=self._facts.number if number is None else number,
        )

    def _stats(self) -> StoreStats:
        now = time.monotonic()
        if self._sizes is None or now - self._sizes[0] > _REPORT_S:
            self._sizes = now, self._tenancy.store.stats()
        return self._sizes[1]

    def _installed(self, view: View, number: int) -> None:
        if number != self._facts.number:
            self._note(number)
        self._services.mover.go_by(view, number)

    def _note(self, number: int | None) -> None:
        self._facts = replace(self._facts, number=number)
        write_facts(self._tenancy.path, self._facts)

    def _dismissed(self) -> None:
        _logger.info("node %s was drained", self.post.node)


def _used(stats: StoreStats) -> int:
    """Bytes that values and blocks hold: the arena grows into what it may."""
    return stats.arena_nbytes - stats.free_nbytes + stats.index_nbytes
