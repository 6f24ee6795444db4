"""`dask gridcache`, called as Dask calls it."""

import json
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import dask.array as da
import pytest
from click.testing import CliRunner, Result
from distributed import Client

import gridcache.dask
from gridcache import GridCache
from gridcache.cli.dask import gridcache as group

Call = Callable[..., Result]


@pytest.fixture
def call(store_dir: Path) -> Call:
    """Call a command on the store of `cache`."""

    def run(*words: str) -> Result:
        arguments = [*words, "--path", str(store_dir / "store")]
        return CliRunner().invoke(group, arguments, prog_name="dask gridcache")

    return run


@pytest.fixture
def published(cache: GridCache) -> GridCache:
    for name, chunks in (("clean", 10), ("raw", 20)):
        array = da.arange(40, chunks=chunks)
        gridcache.dask.persist(array, name, cache=cache, scheduler="sync")
    return cache


def test_dask_finds_the_group() -> None:
    found = {point.name: point.value for point in entry_points(group="dask_cli")}
    if "gridcache" not in found:
        pytest.skip("installed before the group was there; install again")
    assert found["gridcache"] == "gridcache.cli.dask:gridcache"


def test_every_command_explains_itself() -> None:
    for words in ([], ["names"], ["info"], ["release"], ["spilled"]):
        result = CliRunner().invoke(group, [*words, "--help"])
        assert result.exit_code == 0
        assert "Usage:" in result.stdout
        assert "Examples:" in result.stdout or not words


@pytest.mark.usefixtures("published")
def test_names_are_listed(call: Call) -> None:
    result = call("names")
    assert result.exit_code == 0
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == [
        *("name", "kind", "partitions", "present", "bytes", "age", "nodes"),
    ]
    assert [row.split()[:4] for row in rows] == [
        ["clean", "Array", "4", "4"],
        ["raw", "Array", "2", "2"],
    ]


@pytest.mark.usefixtures("published")
def test_names_for_programs(call: Call) -> None:
    found = json.loads(call("names", "--json").stdout)["names"]
    assert [(one["name"], one["nbytes"]) for one in found] == [
        ("clean", 320),
        ("raw", 320),
    ]


def test_a_part_that_is_gone_is_said(call: Call, published: GridCache) -> None:
    published.delete_many([next(iter(published.keys("part:clean:")))])
    result = call("names")
    assert result.stdout.splitlines()[1].split()[2:4] == ["4", "3"]
    assert "only what is missing is computed" in result.stderr


@pytest.mark.usefixtures("published")
def test_info_of_one(call: Call) -> None:
    result = call("info", "clean")
    assert result.exit_code == 0
    assert "(40,) int64" in result.stdout
    assert "Nodes" in result.stdout


@pytest.mark.usefixtures("published")
def test_info_of_what_is_not_published_says_what_is_like_it(call: Call) -> None:
    result = call("info", "claen")
    assert result.exit_code == 4
    assert "'clean'" in result.stderr
    assert "dask gridcache names" in result.stderr


def test_released_is_gone_and_a_missing_name_is_said(
    call: Call, published: GridCache
) -> None:
    result = call("release", "clean", "never")
    assert result.exit_code == 4
    assert "never" in result.stderr
    assert gridcache.dask.names(cache=published) == ["raw"]
    assert call("release", "never", "--force").exit_code == 0


def test_without_a_store_it_says_how_to_begin(call: Call) -> None:
    result = call("names")
    assert result.exit_code == 3
    assert "gridcache.dask.persist" in result.stderr


def test_nothing_published_is_no_failure(call: Call, cache: GridCache) -> None:
    cache.put("other", 1)
    result = call("names")
    assert result.exit_code == 0
    assert "nothing is published" in result.stderr


def test_spilled_of_a_cluster(workers: Client) -> None:
    address = str(workers.scheduler_info()["address"])
    result = CliRunner().invoke(group, ["spilled", "--scheduler", address, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["spilled"]
    assert {one["worker"] for one in found} == set(workers.scheduler_info()["workers"])
    assert "SpillPlugin" in result.stderr


def test_spilled_wants_to_know_which_cluster() -> None:
    result = CliRunner().invoke(group, ["spilled"])
    assert result.exit_code == 2
    assert "--scheduler tcp://" in result.stderr


def test_a_scheduler_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gridcache.cli.dask.spilled._CONNECT_S", 0.5)
    address = "tcp://127.0.0.1:9"
    result = CliRunner().invoke(group, ["spilled", "--scheduler", address])
    assert result.exit_code == 3
    assert address in result.stderr
