"""What runs on the other node, as Ray tasks."""

import time
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gridcache.cache import GridCache

__all__ = ["compute_there", "on", "put_there", "read_there"]


def on(ray_node_id: str, work: Any, *arguments: object) -> Any:
    """Run a function on a node and return what it does."""
    pinned = NodeAffinitySchedulingStrategy(ray_node_id, soft=False)
    task = ray.remote(num_cpus=0)(work).options(scheduling_strategy=pinned)
    return ray.get(task.remote(*arguments), timeout=60)


def put_there(name: str, values: dict[str, Any]) -> str:
    """Put values into a cache by name; returns what serves it."""
    with GridCache(name) as cache:
        cache.put_many(values)
        return repr(cache)


def read_there(name: str, keys: list[str]) -> tuple[dict[str, Any], float]:
    """Read keys of a cache by name; returns them and the seconds it took."""
    with GridCache(name) as cache:
        cache.get("a first look connects")
        start = time.perf_counter()
        found = cache.get_many(keys)
        return found, time.perf_counter() - start


def compute_there(name: str, key: str) -> str:
    """Compute a key's value, unless the grid has it."""
    with GridCache(name) as cache:
        return str(cache.get_or_compute(key, lambda: "computed on the other node"))
