"""Actors: what is measured of Ray beside the grid, on a node of its choice.

One actor that holds bytes in its heap, and Ray's own objects made on its node. The
calls are those a user would write: `ray.get(actor.method.remote(...))`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HeapActor", "actor_starter"]


class _Heap:
    """What the actor runs."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._block = bytearray()

    def fill(self, items: dict[str, bytes]) -> None:
        self._values.update(items)

    def get(self, key: str) -> bytes | None:
        return self._values.get(key)

    def allocate(self, nbytes: int) -> None:
        self._block = bytearray(nbytes)

    def write(self, data: bytes, offset: int) -> int:
        self._block[offset : offset + len(data)] = data
        return len(data)

    def read(self, nbytes: int, offset: int) -> bytes:
        return bytes(self._block[offset : offset + nbytes])

    def new_object(self, nbytes: int) -> list[Any]:
        """Put an array into the object store of this node."""
        return [import_module("ray").put(np.ones(nbytes, np.uint8))]


class HeapActor:
    """An actor on one node, as the process that uses it sees it."""

    def __init__(self, ray: Any, ray_node_id: str) -> None:
        self._ray = ray
        strategies = import_module("ray.util.scheduling_strategies")
        pinned = strategies.NodeAffinitySchedulingStrategy(ray_node_id, soft=False)
        made = ray.remote(_Heap).options(num_cpus=0, scheduling_strategy=pinned)
        self._actor = actor = made.remote()
        fetch = ray.get

        def get(key: str) -> object:
            return fetch(actor.get.remote(key))

        def write(data: bytes, offset: int) -> object:
            return fetch(actor.write.remote(data, offset))

        def read(nbytes: int, offset: int) -> object:
            return fetch(actor.read.remote(nbytes, offset))

        self.get, self.write, self.read = get, write, read

    def fill(self, items: Mapping[str, bytes]) -> None:
        """Give it values, in one call."""
        self._ray.get(self._actor.fill.remote(dict(items)))

    def allocate(self, nbytes: int) -> None:
        """Give it a block of zeros."""
        self._ray.get(self._actor.allocate.remote(nbytes))

    def new_object(self, nbytes: int) -> Any:
        """Return a reference to a new array in its node's object store."""
        (reference,) = self._ray.get(self._actor.new_object.remote(nbytes))
        return reference

    def copied(self, reference: Any) -> NDArray[np.uint8]:
        """Bring an array to this process's node and copy it."""
        return np.array(self._ray.get(reference))

    def close(self) -> None:
        """End the actor."""
        self._ray.kill(self._actor)


def actor_starter(
    ray: Any, ray_node_ids: Mapping[str, str]
) -> Callable[[str], HeapActor]:
    """Return what starts an actor on a node, by the name it has in the grid."""

    def start(node: str) -> HeapActor:
        return HeapActor(ray, ray_node_ids[node])

    return start
