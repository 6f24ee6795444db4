"""Grid: a grid that this process has joined.

Names its nodes, opens caches on it, sends nodes away, takes it down. Reading and
writing does not go through it. Every method that asks the cluster has an async twin
with an `a` before its name, which waits in a thread.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ray

from gridcache.attach import hold
from gridcache.cache import GridCache
from gridcache.cluster.actors.asking import ask
from gridcache.cluster.actors.joining import RayHold
from gridcache.cluster.actors.posts import unpack_view
from gridcache.cluster.actors.status import GridStatus, NodeInfo
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.table.leases import LEASE_S
from gridcache.cluster.table.view import View
from gridcache.errors import ClosedError, GridCacheError, NoAvailableNodesError
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import open_store

__all__ = ["Grid"]

_LOOK_S = 0.2
_STOP_S = 30.0


class Grid:
    """A grid, as this process sees it. Made by `gridcache.connect`."""

    def __init__(
        self, name: str, membership: Any, ray_hold: RayHold, here: NodeInfo | None
    ) -> None:
        self.name = name
        """Of the grid."""
        self.here = here.name if here is not None else None
        """Name of this process's node, if that is in the grid."""
        self.store_path = Path(here.store) if here is not None else None
        """Where that node's store lies."""
        self.ray_address = str(ray.get_runtime_context().gcs_address)
        """Of the Ray cluster."""
        self._membership = membership
        self._ray_hold = ray_hold
        self._view: View | None = None
        self._store: NodeStore | None = None
        self._standing: Standing | None = None
        self._peers: Peers | None = None
        self._let_go: Callable[[], None] = lambda: None
        self._closed = False

    # -- caches ------------------------------------------------------------------

    def cache(self, name: Any = "default", **options: Any) -> GridCache:
        """Open a cache on the grid; takes what `GridCache` does but for its place.

        Raises
        ------
        NoAvailableNodesError
            This process's node gives no memory to the grid.
        """
        self._check_open()
        if self.store_path is None:
            raise self._homeless()
        return GridCache(name, path=self.store_path, **options)

    # -- what the other parts of the package need ----------------------------------

    @property
    def store(self) -> NodeStore | None:
        """The store of this process's node, open until `close`."""
        self._check_open()
        if self._store is None and self.store_path is not None:
            self._store = open_store(self.store_path)
            self._let_go = hold(self, self._store)
        return self._store

    @property
    def peers(self) -> Peers:
        """The way to the nodes."""
        self._check_open()
        if self._peers is None:
            self._peers = Peers(self._ask("key"), name=f"{self.here or 'client'}")
        return self._peers

    def view(self) -> View:
        """Members and owners now: of this node's standing, else of the membership."""
        self._check_open()
        if self.store_path is not None:
            if self._standing is None:
                self._standing = Standing(self.store_path)
            return self._standing.view()
        packed = self._ask("view", self._view.epoch if self._view is not None else -1)
        if packed or self._view is None:
            self._view = unpack_view(packed)
        return self._view

    @property
    def epoch(self) -> int:
        """Of the view now; rises with every change."""
        return self.view().epoch

    def new_block_numbers(self, count: int = 1) -> int:
        """Return the first of so many numbers in a row that were never given."""
        return int(self._ask("new_numbers", count))

    # -- nodes -------------------------------------------------------------------

    def status(self) -> GridStatus:
        """Everything that is known of the grid and its nodes."""
        found: GridStatus = self._ask("status")
        return replace(found, ray_address=self.ray_address)

    def nodes(self) -> tuple[NodeInfo, ...]:
        """Every node, by name; those that do not serve with the reason."""
        return self.status().nodes

    def drain(
        self,
        name: str,
        *,
        timeout_s: float = 120.0,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """Have a node give what it has to the others and leave; waits until it has.

        Raises
        ------
        ConfigError
            There is no such node.
        NoAvailableNodesError
            No other node could take it, or it is not done in time: it goes on.
        """
        until = time.monotonic() + timeout_s
        while self._ask("drain", name):
            left = self._left(name)
            if progress is not None:
                progress(f"{name} has {left} partitions to give away")
            if time.monotonic() > until:
                message = (
                    f"{name!r} still has {left} partitions after {timeout_s:g} s and "
                    f"goes on giving them away; see grid nodes"
                )
                raise NoAvailableNodesError(message, node=name)
            time.sleep(_LOOK_S)
        if name != self.here:
            self._see_it_gone(name)

    def _see_it_gone(self, name: str) -> None:
        """Wait for this node's view, which follows the membership's in a moment.

        Else the caller's next look would find, and ask, a node that has left. Not for
        long: a node without a newer view has no lease by then.
        """
        until = time.monotonic() + LEASE_S
        while self.view().by_name(name) is not None and time.monotonic() < until:
            time.sleep(_LOOK_S / 10)

    def undrain(self, name: str) -> None:
        """Let a node that was drained join again."""
        self._ask("undrain", name)

    def _left(self, name: str) -> int:
        view = self.view()
        member = view.by_name(name)
        return 0 if member is None else int((view.owners == member.number).sum())

    # -- life --------------------------------------------------------------------

    def stop(self, *, remove_stores: bool = False) -> None:
        """Take the grid down: its actors end.

        The stores stay, as plain ones with their entries, or are removed.
        """
        self._check_open()
        with suppress(NoAvailableNodesError):  # it is down already
            ask(
                lambda: self._membership.stop.remote(remove=remove_stores),
                self.name,
                timeout_s=_STOP_S,
            )
        ray.kill(self._membership, no_restart=True)
        self.close()

    shutdown = stop

    @property
    def closed(self) -> bool:
        """True once it was left or taken down."""
        return self._closed

    def close(self) -> None:
        """Leave the grid, which goes on; idempotent.

        Caches of it stay open.
        """
        if self._closed:
            return
        self._closed = True
        self._let_go()
        if self._peers is not None:
            self._peers.close()
        if self._standing is not None:
            self._standing.close()
        self._ray_hold.release()

    def _ask(self, method: str, *arguments: object) -> Any:
        self._check_open()
        actor = self._membership
        return ask(lambda: getattr(actor, method).remote(*arguments), self.name)

    def _check_open(self) -> None:
        if self._closed:
            message = "the grid was left; connect() again"
            raise ClosedError(message)

    def _homeless(self) -> NoAvailableNodesError:
        message = (
            f"this machine gives no memory to the grid {self.name!r}, so it has no "
            f"store to open; list it with memory_gb in the cluster file, or run the "
            f"program on one of its nodes (as a Ray task or job)"
        )
        return NoAvailableNodesError(message, grid=self.name)

    def __repr__(self) -> str:
        try:
            view = self.view()
        except (GridCacheError, OSError):
            state = "left" if self._closed else "does not answer"
            return f"<Grid {self.name!r}, {state}>"
        nodes = "1 node" if len(view.members) == 1 else f"{len(view.members)} nodes"
        where = f"here {self.here!r}" if self.here else "no store here"
        return f"<Grid {self.name!r}, {nodes}, {where}, epoch {view.epoch}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Join again where it arrives, as the node that is there."""
        return _join_again, (self.name,)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- async twins -------------------------------------------------------------

    async def anodes(self) -> tuple[NodeInfo, ...]:
        """See `nodes`."""
        return await asyncio.to_thread(self.nodes)

    async def astatus(self) -> GridStatus:
        """See `status`."""
        return await asyncio.to_thread(self.status)

    async def adrain(self, name: str, **options: Any) -> None:
        """See `drain`."""
        await asyncio.to_thread(self.drain, name, **options)

    async def aundrain(self, name: str) -> None:
        """See `undrain`."""
        await asyncio.to_thread(self.undrain, name)

    async def anew_block_numbers(self, count: int = 1) -> int:
        """See `new_block_numbers`."""
        return await asyncio.to_thread(self.new_block_numbers, count)

    async def astop(self, **options: Any) -> None:
        """See `stop`."""
        await asyncio.to_thread(self.stop, **options)

    ashutdown = astop

    async def aclose(self) -> None:
        """See `close`."""
        await asyncio.to_thread(self.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _join_again(name: str) -> Grid:
    from gridcache.cluster.actors.connect import connect  # noqa: PLC0415 - it imports us

    return connect(name=name, create=False)
