"""Recruit: one Ray node on its way to having an actor that serves.

A small state machine that never waits: a survey on the node says what memory the
store will take, so that Ray can reserve it; then the actor is made, pinned to the
node; then it is asked now and then whether it lives, and made again if it is gone
for good.
"""

import os
from typing import Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    ActorUnschedulableError,
    GetTimeoutError,
    RayError,
)

from gridcache.cluster.actors.node import DistributedMemoryStore
from gridcache.cluster.actors.posts import Post
from gridcache.cluster.actors.ray_nodes import NAMESPACE, RayMachine, actor_name, pinned
from gridcache.cluster.actors.tenancy import capacity_of
from gridcache.units import format_bytes

__all__ = ["Recruit"]

_RETRY_S = 5.0
_ASK_S = 2.0
_SLOW_S = 5.0
_EVACUATE_S = 60.0
_CONCURRENCY = 8


class Recruit:
    """The actor of one Ray node, from the membership's side."""

    def __init__(self, post: Post, machine: RayMachine) -> None:
        self.post = post
        self.reason = ""
        """Why there is none that serves, with the cure; empty: nothing wrong."""
        self.failed = False
        """The last try is over, and `reason` says why."""
        self._machine = machine
        self._name = actor_name(post.grid, post.ray_node_id)
        self._capacity = 0
        self._next_s = self._since_s = 0.0
        self._pending: Any = None
        self._retiring = False
        self._evacuating: tuple[Any, float] | None = None
        self._handle: Any = None
        try:
            # The membership was restarted, the node's actor was not.
            self._handle = ray.get_actor(self._name, namespace=NAMESPACE)
        except ValueError:
            self._handle = None

    def step(self, now_s: float) -> bool:
        """Go on as far as is possible without waiting; True if it has retired."""
        if self._retiring:
            return self._retired(now_s)
        if self._pending is None:
            if now_s >= self._next_s:
                self._since_s = now_s
                self._begin()
        elif ray.wait([self._pending], timeout=0)[0]:
            self._finish(now_s)
        elif now_s - self._since_s > _SLOW_S:
            self.reason = self._slow()
        return False

    def wake(self) -> None:
        """Tell the node that there is news; does not wait for it."""
        if self._handle is not None:
            self._handle.wake.remote()

    def evacuated(self, now_s: float) -> bool:
        """Have the node give its blocks away; True when it has, or takes too long."""
        if self._handle is None:
            return True
        if self._evacuating is None:
            self._evacuating = self._handle.evacuate.remote(), now_s
        asked, since_s = self._evacuating
        done = bool(ray.wait([asked], timeout=0)[0])
        return done or now_s - since_s > _EVACUATE_S

    def retire(self) -> None:
        """Have the actor leave its store to others, and then end it."""
        if not self._retiring:
            self._retiring, self._since_s = True, 0.0
            self._pending = self.stop(remove=False)

    def _retired(self, now_s: float) -> bool:
        self._since_s = self._since_s or now_s
        gone = self._pending is None or ray.wait([self._pending], timeout=0)[0]
        if gone or now_s - self._since_s > _SLOW_S:
            self.dismiss()
        return self._handle is None

    def dismiss(self) -> None:
        """End the actor for good."""
        handle, self._handle = self._handle, None
        self._pending = None
        if handle is not None:
            ray.kill(handle, no_restart=True)

    def stop(self, *, remove: bool) -> Any:
        """Have the actor leave; returns what to wait for, or None."""
        return None if self._handle is None else self._handle.stop.remote(remove=remove)

    # -- the steps -------------------------------------------------------------

    def _begin(self) -> None:
        if self._handle is not None:
            self._pending = self._handle.failure.remote()
        elif self._capacity:
            self._handle = self._make()
            self._pending = self._handle.failure.remote()
        else:
            self._pending = _survey.options(
                scheduling_strategy=pinned(self.post.ray_node_id)
            ).remote(self.post)

    def _finish(self, now_s: float) -> None:
        pending, self._pending = self._pending, None
        try:
            found = ray.get(pending, timeout=0)
        except (ActorUnavailableError, GetTimeoutError):
            self._next_s = now_s + _ASK_S  # it is being restarted
            return
        except RayError as error:
            self._fail(self._explain(error), now_s)
            return
        if self._handle is None:
            self._capacity = int(found)
            self._begin()
        elif found:
            self._fail(str(found), now_s)
        else:
            self.reason, self.failed, self._next_s = "", False, now_s + _ASK_S

    def _make(self) -> Any:
        reserved = min(self._capacity, self._machine.memory_nbytes)
        actor: Any = ray.remote(DistributedMemoryStore)
        return actor.options(
            name=self._name,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            memory=reserved,
            max_restarts=-1,
            max_concurrency=_CONCURRENCY,
            scheduling_strategy=pinned(self.post.ray_node_id),
        ).remote(self.post)

    def _fail(self, reason: str, now_s: float) -> None:
        self.dismiss()
        self._capacity = 0
        self.reason, self.failed, self._next_s = reason, True, now_s + _RETRY_S

    def _slow(self) -> str:
        if not self._capacity:
            return "Ray starts no worker on this node; look into its raylet's log"
        wanted = format_bytes(self._capacity)
        return (
            f"its actor is slow to start; if Ray has not {wanted} of `memory` left on "
            f"this node, give it less (capacity=, memory_gb) or end other actors"
        )

    def _explain(self, error: RayError) -> str:
        if isinstance(error, ActorUnschedulableError):
            return "the node is gone, or Ray places nothing on it"
        cause = getattr(error, "cause", None) or error
        return f"{type(cause).__name__}: {str(cause).strip().splitlines()[-1]}"


@ray.remote(num_cpus=0, max_retries=0)
def _survey(post: Post) -> int:
    """On the node: how much memory its store will take."""
    os.environ.pop("GRIDCACHE_NODE", None)  # of whoever started the worker
    return capacity_of(post)
