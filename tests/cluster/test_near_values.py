"""Values that a process of a node has decoded already count under the grid's rules."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.cache import GridCache
from tests.cluster.kit.small_grid import SmallGrid


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b") as grid:
        yield grid


@pytest.fixture
def cache(grid: SmallGrid) -> Iterator[GridCache]:
    with grid.nodes["a"].cache() as cache:
        yield cache


@pytest.fixture
def other(grid: SmallGrid) -> Iterator[GridCache]:
    with grid.nodes["b"].cache() as cache:
        yield cache


def keep_near(cache: GridCache, key: str) -> None:
    """Read a value until this process keeps it."""
    for _ in range(3):
        assert cache[key] == "old"
    kept = cache._values.near.get(key)
    assert kept is not None
    assert kept.under is not None


def test_it_counts_no_longer_than_the_lease(
    grid: SmallGrid, cache: GridCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cluster.client.far._READ_S", 0.01)
    node, key = grid.nodes["a"], grid.key_at("a")
    cache[key] = "old"
    keep_near(cache, key)
    node.lease(0.0)
    assert cache.get(key) is None
    node.lease()
    assert cache[key] == "old"


def test_another_nodes_put_is_seen(
    grid: SmallGrid, cache: GridCache, other: GridCache
) -> None:
    key = grid.key_at("a")
    cache[key] = "old"
    keep_near(cache, key)
    other[key] = "new"
    assert cache[key] == "new"


def test_it_counts_no_more_where_its_partition_has_left(
    grid: SmallGrid, cache: GridCache, other: GridCache
) -> None:
    keys = [key for key in map(str, range(200)) if grid.home_of(key).name == "a"]
    cache.put_many(dict.fromkeys(keys, "old"))
    for key in keys:
        keep_near(cache, key)
    grid.add("c")
    grid.settle()
    left = [key for key in keys if grid.home_of(key).name != "a"]
    assert left
    other.put_many(dict.fromkeys(left, "new"))
    assert cache.get_many(left) == dict.fromkeys(left, "new")
    assert all(cache[key] == "old" for key in set(keys) - set(left))
