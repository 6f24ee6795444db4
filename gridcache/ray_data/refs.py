"""References: values between Ray's object store and the grid.

Where a large value lies on another node, it is copied from store to store there, by a
small task; nothing of it travels. Small ones, and those of this node, are copied by
this process: a task takes longer than they do.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gridcache.cache import GridCache
from gridcache.cluster.actors.ray_nodes import here_id
from gridcache.keys import Key
from gridcache.published.handle import Handle
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.clientcheck import check_not_client
from gridcache.ray_data.holders import far_holder

__all__ = ["get_ref", "put_ref"]

_LARGE_NBYTES = 4 << 20
"""From here on a task is faster than the way between two nodes."""


def put_ref(
    key: Key,
    ref: "ray.ObjectRef[Any]",
    *,
    cache: GridCache | Handle | str | None = None,
    **options: Any,
) -> None:
    """Store the value of a reference, once it is there.

    Parameters
    ----------
    cache
        A `GridCache`, or the name of one; None for "ray_data".
    **options
        As for `GridCache.put`.

    Raises
    ------
    Exception
        What the task that was to make the value has raised; nothing is stored.
    NotEncodableError, ValueTooLargeError, OutOfSpaceError
        As `GridCache.put` does.
    """
    check_not_client()
    handle = handle_of(cache).renewed()
    node = _far_node_of(ref) if handle.grid_name else ""
    if node:
        ray.get(_on(_keep, node).remote(handle, key, ref, options))
    else:
        handle.cache.put(key, ray.get(ref), **options)


def get_ref(
    key: Key, *, cache: GridCache | Handle | str | None = None
) -> "ray.ObjectRef[Any]":
    """Give a reference to a stored value, for tasks and actors of Ray.

    The value is copied into Ray's object store, on the node that has it.

    Parameters
    ----------
    cache
        A `GridCache`, or the name of one; None for "ray_data".

    Raises
    ------
    KeyNotFoundError
        There is no such value.
    """
    check_not_client()
    handle = handle_of(cache).renewed()
    found = handle.cache.info(key)
    large = found is not None and found.stored_nbytes >= _LARGE_NBYTES
    node = far_holder(handle, key) if large else ""
    if not node:
        return ray.put(handle.cache[key])
    told, value = _on(_give, node, num_returns=2).remote(handle, key)
    ray.get(told)
    given: ray.ObjectRef[Any] = value
    return given


def _far_node_of(ref: "ray.ObjectRef[Any]") -> str:
    """The node that has a large value, if this one has not; else empty."""
    ray.wait([ref], fetch_local=False)
    found = ray.experimental.get_object_locations([ref]).get(ref, {})
    nodes: Iterable[str] = found.get("node_ids") or ()
    if (found.get("object_size") or 0) < _LARGE_NBYTES or here_id() in nodes:
        return ""
    return min(nodes, default="")


def _on(work: Callable[..., Any], node: str, **options: Any) -> Any:
    # If the node is lost meanwhile another one does it, from further away.
    pinned = NodeAffinitySchedulingStrategy(node, soft=True)
    return _remote(work).options(scheduling_strategy=pinned, **options)


@lru_cache
def _remote(work: Callable[..., Any]) -> Any:
    return ray.remote(num_cpus=0)(work)


def _keep(handle: Handle, key: Key, value: Any, options: dict[str, Any]) -> None:
    handle.renewed().cache.put(key, value, **options)


def _give(handle: Handle, key: Key) -> tuple[None, Any]:
    return None, handle.renewed().cache[key]
