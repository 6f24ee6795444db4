"""The page of a real scheduler, asked over HTTP."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import pytest
from distributed import Client, LocalCluster

import gridcache.dask
from gridcache.dask.dashboard import add_routes, install, overview
from gridcache.dask.recovery import RecoveryPlugin
from gridcache.published.handle import close_all

_MODULE = "gridcache.dask.dashboard"


@pytest.fixture
def own_store(store_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A default store of this test alone."""
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(store_dir))
    monkeypatch.setenv("GRIDCACHE_CAPACITY", "64MiB")
    yield store_dir
    close_all()


def cluster() -> LocalCluster:
    return LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=":0",
        memory_limit="8GiB",
    )


@pytest.fixture
def client(own_store: Path) -> Iterator[Client]:
    """A cluster that was not told of the page."""
    assert own_store.is_dir()
    with cluster() as started, Client(started) as client:
        yield client


def fetch(client: Client, path: str) -> str:
    port = client.scheduler_info()["services"].get("dashboard")
    scheduler: Any = client.cluster.scheduler  # type: ignore[union-attr]
    port = port or scheduler.http_server.port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as got:
        return str(got.read().decode())


def test_a_scheduler_gets_it_by_its_settings(own_store: Path) -> None:
    assert own_store.is_dir()
    routes = [*dask.config.get("distributed.scheduler.http.routes"), _MODULE]
    with (
        dask.config.set({"distributed.scheduler.http.routes": routes}),
        cluster() as started,
        Client(started) as client,
    ):
        assert "Nothing yet" in fetch(client, "/gridcache")
        assert not client.run_on_scheduler(install)
        assert list(own_store.iterdir()) == []


def test_a_running_scheduler_gets_it_once(client: Client) -> None:
    with pytest.raises(urllib.error.HTTPError):
        fetch(client, "/gridcache")
    assert client.run_on_scheduler(install)
    assert not client.run_on_scheduler(install)
    assert "<h1>gridcache</h1>" in fetch(client, "/gridcache")


def test_what_is_published_and_where(client: Client) -> None:
    client.run_on_scheduler(install)
    gridcache.dask.persist(da.arange(40, chunks=10), "a <b>")
    gridcache.dask.load("a <b>").sum().compute()
    found = json.loads(fetch(client, "/gridcache.json"))
    (name,) = found["names"]
    assert (name["name"], name["partitions"], name["nbytes"]) == ("a <b>", 4, 320)
    (node,) = found["nodes"]
    assert node["workers"] == 2
    assert node["hits"] >= 4
    assert node["entries"] >= 5
    assert list(name["nodes"]) == [node["node"]]
    assert found["problems"] == []
    page = fetch(client, "/gridcache")
    assert "a &lt;b&gt;" in page
    assert "<b>" not in page


def test_what_each_worker_has_spilled(client: Client) -> None:
    client.run_on_scheduler(install)
    client.register_plugin(RecoveryPlugin())
    found = json.loads(fetch(client, "/gridcache.json"))
    workers = client.scheduler_info()["workers"]
    assert {one["address"] for one in found["workers"]} == set(workers)
    for one in found["workers"]:
        assert one["spill"]["fell"] == 0
        assert one["recovery"]["off"] == ""
        assert not one["into_grid"]


def test_a_store_that_hangs_holds_up_nothing_but_its_part(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(overview, "_STORE_S", 0.1)
    monkeypatch.setattr(overview, "published", lambda: gate.wait(20) and [])
    client.run_on_scheduler(install)
    try:
        found = json.loads(fetch(client, "/gridcache.json"))
    finally:
        gate.set()
    assert "was not read: no answer" in found["problems"][0]
    assert len(found["workers"]) == 2


def test_a_worker_that_does_not_answer_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, _ = client.scheduler_info()["workers"]
    stock = overview._of_worker

    async def of_worker(dask_worker: Any) -> dict[str, Any]:
        if dask_worker.address == silent:
            await asyncio.sleep(20)
        return await stock(dask_worker)

    monkeypatch.setattr(overview, "_of_worker", of_worker)
    monkeypatch.setattr(overview, "_WORKERS_S", 0.5)
    client.run_on_scheduler(install)
    began_s = time.monotonic()
    found = json.loads(fetch(client, "/gridcache.json"))
    assert time.monotonic() - began_s < 10
    assert len(found["workers"]) == 1
    assert silent in found["problems"][0]


def test_without_an_http_server_there_is_no_page() -> None:
    assert not add_routes(object())
