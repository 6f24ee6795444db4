"""Reads of one key from another node: what they find, count, and how long they wait."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridcache.cache import GridCache
from gridcache.cluster.client.arrivals import Arrivals
from gridcache.cluster.home.home import Home
from gridcache.codec import compress
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit
from gridcache.store.records import Entry, entry_key
from tests.cluster.kit.small_grid import SmallGrid


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b", "c") as grid:
        yield grid


@pytest.fixture
def cache(grid: SmallGrid) -> Iterator[GridCache]:
    with grid.nodes["a"].cache() as cache:
        yield cache


def test_a_hit_at_its_home_is_no_miss_here(grid: SmallGrid, cache: GridCache) -> None:
    key = grid.key_at("b")
    cache[key] = 1
    assert [cache[key], cache.get(key), cache.get_many([key])] == [1, 1, {key: 1}]
    counted = cache.stats().namespace
    assert (counted.hits, sum(counted.misses.values())) == (3, 0)


def test_a_miss_is_counted_once(grid: SmallGrid, cache: GridCache) -> None:
    for name in grid.nodes:
        assert cache.get(grid.key_at(name)) is None
    counted = cache.stats().namespace
    assert (counted.hits, sum(counted.misses.values())) == (0, 3)


@pytest.mark.parametrize("nbytes", [10, 100_000, 3 << 20])
def test_a_value_held_by_a_third_node_comes_from_there(
    grid: SmallGrid, cache: GridCache, nbytes: int
) -> None:
    key, value = grid.key_at("b"), bytes(nbytes)
    with grid.nodes["c"].cache() as holder:
        holder.put(key, value, immutable=True)
    assert cache[key] == value
    assert cache[key] == value


def test_a_home_that_does_not_answer_is_waited_for_so_long_and_no_longer(
    grid: SmallGrid, cache: GridCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cluster.client.far._READ_S", 0.1)
    key = grid.key_at("b")
    cache[key] = 1
    grid.nodes["b"].server.close()
    assert cache.get(key) is None
    assert cache.get_many([key]) == {}


def test_what_only_a_lost_node_held_is_not_there(grid: SmallGrid) -> None:
    with grid.nodes["a"].cache() as here, grid.nodes["b"].cache() as there:
        keys = [f"key-{number}" for number in range(64)]
        for key in keys:  # their homes are on all nodes
            there.put(key, key, immutable=True, node="b")
        assert here.contains_many(keys) == set(keys)
        grid.lose("b")
        assert here.contains_many(keys) == set()
        assert not any(key in here for key in keys)
        assert here.get_many(keys) == {}


@pytest.mark.parametrize("room", [True, False])
def test_a_value_that_is_compressed_while_it_is_read_is_read_again(
    grid: SmallGrid,
    cache: GridCache,
    monkeypatch: pytest.MonkeyPatch,
    room: bool,
) -> None:
    node, key = grid.nodes["b"], grid.key_at("b")
    value = b"cold".ljust(3 << 20, b".")
    body = Home.body

    def compressed_first(self: Home, space: Namespace, text: str, *which: Any) -> Any:
        _compress(node.store, space, text)
        return body(self, space, text, *which)

    with node.cache() as there:
        there.put(key, value, immutable=True)
        monkeypatch.setattr(Home, "body", compressed_first)
        if not room:
            monkeypatch.setattr(Arrivals, "_would_push_out", lambda *_: True)
        assert cache[key] == value
        found = there.info(key)
        assert found is not None
        assert found.compressed


def _compress(store: NodeStore, space: Namespace, text: str) -> None:
    """As a put does that needs room, if the value is cold."""
    key, _ = entry_key(space.id, text)
    entry, hit = store.find(space, text), store.get(key)
    assert isinstance(entry, Entry)
    assert isinstance(hit, Hit)
    frames = compress(hit.header, hit.body)
    if frames is not None:
        store._compressor._replace(key, entry, frames)
