"""Driver: starts a process that is a driver of Ray, and asks it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gridcache.bench.children import Child
from gridcache.bench.scale import RayDataScale

__all__ = ["Driver", "driver"]

_PROCESS = "gridcache.bench.ray_data.driver_process"


class Driver:
    """One that runs; see `driver_process` for what it can be asked."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.address = str(json.loads(child.greeting)["address"])
        """Of its cluster."""

    def ask(self, module: str, function: str, **arguments: Any) -> dict[str, float]:
        """Have it do a piece of work, and wait.

        Raises
        ------
        RuntimeError
            The work failed.
        ChildProcessError
            The driver died.
        """
        self._child.tell(json.dumps([module, function, arguments]))
        answer: dict[str, Any] = json.loads(self._child.hear())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


@contextmanager
def driver(
    cluster: str, sizes: RayDataScale, directory: Path, **arguments: Any
) -> Iterator[Driver]:
    """Run one while the block lasts.

    Parameters
    ----------
    cluster
        A function of `gridcache.bench.ray_data.cluster`.
    directory
        Of the store.
    """
    given = {
        "arguments": {"directory": str(directory), **arguments},
        "sizes": asdict(sizes),
    }
    with Child(_PROCESS, cluster, json.dumps(given)) as child:
        yield Driver(child)
