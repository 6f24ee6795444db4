"""How clients have the scheduler prefer workers, and what a task reads."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from dask.base import collections_to_expr
from dask.delayed import delayed
from distributed import Client, LocalCluster

from gridcache import GridCache
from gridcache.dask.graph import low_level, task
from gridcache.dask.locality import aprefer_near, prefer_near
from gridcache.dask.locality.reads import Read, favourite, reads_of
from gridcache.dask.partitions import fetch_partition
from gridcache.published.handle import Handle, close_all

_HANDLE = Handle("dask")


def read(number: int, node: str) -> Any:
    return task(number, fetch_partition, _HANDLE, str(number), "x", node)


def test_a_read_says_where_it_is() -> None:
    assert favourite(read(1, "north")) == Read(_HANDLE, "north")


def test_a_read_of_an_unknown_place_says_nothing() -> None:
    assert favourite(read(1, "")) is None


def test_reads_inside_of_a_fused_task_are_found() -> None:
    inner = [read(n, node) for n, node in enumerate(["north", "south", "south"])]
    fused = task("sum", sum, inner[0], inner[1], inner[2])
    assert [one.node for one in reads_of(fused)] == ["north", "south", "south"]
    assert favourite(fused) == Read(_HANDLE, "south")


def test_other_tasks_read_nothing() -> None:
    collection = delayed(sum)([delayed(len)("abc"), 2])
    graph = low_level(collections_to_expr((collection,), optimize_graph=True))
    assert [favourite(one) for one in graph.values()] == [None] * len(graph)
    assert favourite(None) is None


def known(dask_scheduler: Any) -> set[Handle]:
    plugin = dask_scheduler.plugins.get("gridcache-locality")
    return set() if plugin is None else set(plugin._nodes)


@pytest.fixture
def handles(store_dir: Path) -> list[Handle]:
    """Two caches in one store of this test."""
    path = str(store_dir / "store")
    GridCache("one", path=path, capacity="8MiB").close()
    return [Handle(name, path) for name in ("one", "two")]


def test_an_asynchronous_client_is_awaited_or_told_by_the_way(
    handles: list[Handle],
) -> None:
    async def run() -> None:
        async with (
            LocalCluster(
                n_workers=1, processes=False, dashboard_address=":0", asynchronous=True
            ) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            first, second = handles
            await aprefer_near(first, client)
            assert await client.run_on_scheduler(known) == {first}
            prefer_near(second, client)
            while await client.run_on_scheduler(known) != set(handles):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 30))
    close_all()


def test_it_is_told_once(workers: Client, handles: list[Handle]) -> None:
    def count(dask_scheduler: Any) -> int:
        return sum(
            event["action"] == "run-function"
            for _, event in dask_scheduler.get_events("all")
        )

    before = workers.run_on_scheduler(count)
    for _ in range(3):
        prefer_near(handles[0], workers)
    assert workers.run_on_scheduler(count) == before + 2
    close_all()


def test_a_scheduler_that_cannot_is_no_failure(
    workers: Client, handles: list[Handle], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        message = "no pickles here"
        raise ValueError(message)

    monkeypatch.setattr(workers, "_run_on_scheduler", refuse)
    prefer_near(handles[1], workers)
