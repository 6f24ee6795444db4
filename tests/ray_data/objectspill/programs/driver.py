"""A driver with a cluster of two nodes that spill to stores; does what it is told.

Arguments: the directory of Ray's files, that of the stores, and how many IO workers of
a kind a node has.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcache.cluster.actors.simulated import (
    HEALTH_CHECKS,
    LEAST_OBJECT_STORE_NBYTES,
    SETTINGS,
    no_warnings,
)
from tests.ray_data.objectspill.kit.values import MARK, value

if TYPE_CHECKING:
    import ray

_CAPACITY = "192MiB"
_QUICK = {"RAY_enable_worker_prestart": "0"}


class Driver:
    """Its public methods are what it can be told."""

    def __init__(self, base: str, stores: str, workers: str) -> None:
        os.environ.update(SETTINGS | {"RAY_TMPDIR": base} | _QUICK)
        self._stores = Path(stores)
        self._refs: dict[str, ray.ObjectRef[Any]] = {}
        with no_warnings():
            from ray.cluster_utils import Cluster  # noqa: PLC0415 - warns

            self._cluster = Cluster()
            checks = HEALTH_CHECKS | {"max_io_workers": int(workers)}
            self._nodes = {"head": self._start("head", _system_config=checks)}
            self.add("other")
            self._join()

    def _start(self, name: str, **options: Any) -> Any:
        from gridcache.ray_data import object_spilling  # noqa: PLC0415 - loads Ray

        spilling = object_spilling(path=self._stores / name, capacity=_CAPACITY)
        with spilling.environment():
            return self._cluster.add_node(
                num_cpus=1,
                resources={name: 1},
                object_store_memory=LEAST_OBJECT_STORE_NBYTES,
                include_dashboard=False,
                **options,
                **spilling.init_kwargs(),
            )

    def _join(self) -> None:
        import ray  # noqa: PLC0415 - warns

        ray.init(
            self._cluster.address, log_to_driver=False, logging_level=logging.ERROR
        )

    def add(self, name: str) -> None:
        """Start one more node."""
        self._nodes[name] = self._start(name)

    def put(self, first: int, count: int) -> None:
        """Have objects in the head's store, or wherever it spills."""
        import ray  # noqa: PLC0415 - warns

        for number in range(first, first + count):
            self._refs[str(number)] = ray.put(value(number))

    def make(self, node: str, first: int, count: int) -> None:
        """Have a node's tasks make objects; they can be made again."""
        import ray  # noqa: PLC0415 - warns

        made = ray.remote(value).options(resources={node: 0.01}, max_retries=3)
        refs = {
            str(number): made.remote(number) for number in range(first, first + count)
        }
        ray.wait(list(refs.values()), num_returns=count, fetch_local=False)
        self._refs |= refs

    def right(self, node: str) -> int:
        """How many of the objects are as they were, seen from a node."""
        import ray  # noqa: PLC0415 - warns

        def same(number: int, box: "list[ray.ObjectRef[Any]]") -> bool:
            return bool(np.array_equal(ray.get(box[0]), value(number)))

        task = ray.remote(same).options(resources={node: 0.01}, num_cpus=0.4)
        return sum(
            ray.get([task.remote(int(n), [ref]) for n, ref in self._refs.items()])
        )

    def forget(self) -> None:
        """Drop all objects."""
        self._refs.clear()

    def raylet(self, node: str) -> int:
        """The process of a node's raylet."""
        return int(self._nodes[node].all_processes["raylet"][0].process.pid)

    def remove(self, node: str) -> None:
        """Kill all of a node."""
        with no_warnings():
            self._cluster.remove_node(self._nodes.pop(node), allow_graceful=False)

    def end(self) -> None:
        """End the cluster."""
        import ray  # noqa: PLC0415 - warns

        with no_warnings():
            ray.shutdown()
            self._cluster.shutdown()  # type: ignore[no-untyped-call]


def main() -> None:
    """Do what stdin says, line by line."""
    driver = Driver(*sys.argv[1:])
    _say("ready")
    for line in sys.stdin:
        name, args = json.loads(line)
        _say(json.dumps(getattr(driver, name)(*args)))


def _say(line: str) -> None:
    # Ray writes there as well.
    sys.stdout.write(f"{MARK}{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
