"""Overview: everything the page shows, collected without holding up the scheduler.

The store is read in a thread, the workers are asked at once and with an end to the
waiting. However many look, it is collected once in `_FRESH_S`.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from gridcache.dask.asking import ask_workers
from gridcache.dask.dashboard.stored import published, store_figures
from gridcache.dask.describe import NameInfo
from gridcache.errors import GridCacheError

__all__ = ["Overview", "Watch"]

_FRESH_S = 1.0
_WORKERS_S = 3.0
_STORE_S = 5.0

_Stored = tuple[list[NameInfo], dict[str, object] | None]


@dataclass(frozen=True, slots=True)
class Overview:
    """What was found, and what could not be."""

    names: list[NameInfo]
    nodes: list[dict[str, Any]]
    """`NodeFigures`, with the number of workers."""
    workers: list[dict[str, Any]]
    problems: list[str] = field(default_factory=list)
    at_s: float = field(default_factory=time.time)
    """Seconds since the epoch."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        names = [{**asdict(one), "complete": one.complete} for one in self.names]
        return {
            "schema_version": 1,
            "at": self.at_s,
            "names": names,
            "nodes": self.nodes,
            "workers": self.workers,
            "problems": self.problems,
        }


class Watch:
    """Collects overviews of one scheduler."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        # One thread: a store that hangs holds up this page and nothing else.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="grid-dashboard")
        self._reading: asyncio.Future[_Stored] | None = None
        self._collecting: asyncio.Task[Overview] | None = None
        self._began_s = 0.0

    async def overview(self) -> Overview:
        """What there is now, or was a moment ago."""
        now, collecting = time.monotonic(), self._collecting
        old = now - self._began_s > _FRESH_S
        if collecting is None or (old and collecting.done()):
            self._began_s = now
            collecting = self._collecting = asyncio.ensure_future(self._collect())
        # Who looks may leave; the others still want it.
        return await asyncio.shield(collecting)

    async def _collect(self) -> Overview:
        problems: list[str] = []
        (names, here), answers = await asyncio.gather(
            self._read(problems),
            ask_workers(self._scheduler, _of_worker, timeout_s=_WORKERS_S),
        )
        silent = [one for one in self._scheduler.workers if one not in answers]
        if silent:
            problems.append(f"no answer from {len(silent)} workers: {silent[0]}, ...")
        nodes = _nodes([here, *(one["store"] for one in answers.values())])
        workers = [_worker(address, one) for address, one in answers.items()]
        return Overview(names, nodes, workers, problems)

    async def _read(self, problems: list[str]) -> _Stored:
        """Read in the thread, unless it is still at the last time's."""
        loop = asyncio.get_running_loop()
        if self._reading is None or self._reading.done():
            self._reading = loop.run_in_executor(self._pool, _stored)
        try:
            async with asyncio.timeout(_STORE_S):
                return await asyncio.shield(self._reading)
        except (GridCacheError, OSError) as error:
            why = str(error) or f"no answer in {_STORE_S:.0f} s"
            problems.append(f"the store was not read: {why}")
            return [], None


def _stored() -> _Stored:
    return published(), store_figures()


async def _of_worker(dask_worker: Any) -> dict[str, Any]:
    """On a worker: what it has spilled, recovered, and its node's store."""
    from gridcache.dask.recovery import recovery_figures  # noqa: PLC0415 - distributed
    from gridcache.dask.spill.buffer import tiers_of  # noqa: PLC0415 - distributed
    from gridcache.dask.spill.figures import figures_of  # noqa: PLC0415 - distributed

    return {
        "name": str(dask_worker.name),
        "spill": asdict(figures_of(dask_worker.data)),
        "into_grid": tiers_of(dask_worker.data) is not None,
        "recovery": recovery_figures(dask_worker),
        "store": await asyncio.to_thread(store_figures),
    }


def _worker(address: str, answer: dict[str, Any]) -> dict[str, Any]:
    store = answer["store"]
    shown = {key: value for key, value in answer.items() if key != "store"}
    return {"address": address, "node": store and store["node"], **shown}


def _nodes(stores: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """One entry a node; the first is the scheduler's own, which is no worker."""
    found: dict[str, dict[str, Any]] = {}
    for number, store in enumerate(stores):
        if store is not None:
            entry = found.setdefault(store["node"], {**store, "workers": 0})
            entry["workers"] += number > 0
    return sorted(found.values(), key=lambda entry: str(entry["node"]))
