"""Node: `DistributedMemoryStore`, the actor that is pinned to each node of a grid.

A thin shell around `serving.ServingNode`. Nobody's local work goes through it: the
processes of the node open the store themselves. It does what must happen while no
client runs, and answers the other nodes. Killed, it is started again by Ray, adopts
the store and goes on as the same member.
"""

import os
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType
from typing import Any

import ray

from gridcache.cluster.actors.posts import Joined, NodeReport, Post, Renewal
from gridcache.cluster.actors.ray_nodes import NAMESPACE, actor_name
from gridcache.cluster.actors.serving import ServingNode
from gridcache.errors import GridCacheError

__all__ = ["DistributedMemoryStore"]

_LEASE_CALL_S = 2.0
"""A lease that is granted later is not worth having."""
_CALL_S = 10.0


class DistributedMemoryStore:
    """The actor's class.

    A node that cannot serve stays there to say why: see `failure`.
    """

    def __init__(self, post: Post) -> None:
        self._failure = ""
        self._node: ServingNode | None = None
        try:
            context = ray.get_runtime_context()
            address = str(context.gcs_address)
            self._node = ServingNode(post, _RayBoss(post.grid), address)
        except (GridCacheError, OSError) as error:
            self._failure = str(error)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._terminate)

    def failure(self) -> str:
        """Why this node does not serve, with the cure; empty if it does."""
        return self._failure

    def pid(self) -> int:
        """Of the actor's process."""
        return os.getpid()

    def wake(self) -> None:
        """There is a new view."""
        if self._node is not None:
            self._node.wake()

    def evacuate(self) -> None:
        """Give blocks away before the node leaves."""
        if self._node is not None:
            self._node.evacuate()

    def stop(self, *, remove: bool = False) -> None:
        """Leave the grid; the store stays, or is removed. Idempotent."""
        node, self._node = self._node, None
        if node is not None:
            node.stop(remove=remove)

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM: what others can take goes to them first."""
        threading.Thread(target=self._leave, name="gridcache-leave").start()

    def _leave(self) -> None:
        with suppress(Exception):
            if self._node is not None:
                self._node.drain()
                self.stop()
        os._exit(0)


class _RayBoss:
    """The membership actor as a `Boss`."""

    def __init__(self, grid: str) -> None:
        self._name = actor_name(grid)
        self._handle: Any = None

    def join(self, report: NodeReport) -> Joined:
        found: Joined = self._call("join", report)
        return found

    def renew(self, number: int, report: NodeReport) -> Renewal:
        found: Renewal = self._call("renew", number, report)
        return found

    def moved(self, number: int, moves: Iterable[tuple[int, int]]) -> None:
        self._call("moved", number, list(moves), timeout_s=_CALL_S)

    def backed_up(self, number: int, filled: Iterable[tuple[int, int]]) -> None:
        self._call("backed_up", number, list(filled), timeout_s=_CALL_S)

    def drain(self, name: str) -> bool:
        return bool(self._call("drain", name, evacuated=True))

    def _call(
        self,
        method: str,
        *arguments: object,
        timeout_s: float = _LEASE_CALL_S,
        **options: object,
    ) -> Any:
        if self._handle is None:
            self._handle = ray.get_actor(self._name, namespace=NAMESPACE)
        return ray.get(
            getattr(self._handle, method).remote(*arguments, **options),
            timeout=timeout_s,
        )
