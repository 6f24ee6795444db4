"""Caches over several nodes, without Ray: what one node puts, all others see."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gridcache.errors import ConfigError, ImmutableKeyError, KeyNotFoundError
from tests.cluster.kit.small_grid import SmallGrid


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b", "c") as grid:
        yield grid


class TestMutable:
    @pytest.mark.parametrize("home", ["a", "b", "c"])
    def test_a_value_is_seen_from_every_node(self, grid: SmallGrid, home: str) -> None:
        key = grid.key_at(home)
        grid.nodes["a"].cache()[key] = {"value": home}
        for node in grid.nodes.values():
            assert node.cache()[key] == {"value": home}

    def test_the_last_put_counts_everywhere(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        caches = [node.cache() for node in grid.nodes.values()]
        for number in range(12):
            caches[number % 3][key] = number
            assert [cache[key] for cache in caches] == [number] * 3

    def test_a_delete_is_seen_from_every_node(self, grid: SmallGrid) -> None:
        key = grid.key_at("c")
        caches = [node.cache() for node in grid.nodes.values()]
        caches[0][key] = 1
        del caches[1][key]
        assert all(key not in cache for cache in caches)
        with pytest.raises(KeyNotFoundError) as raised:
            caches[2][key]
        assert raised.value.reason == "deleted"

    def test_a_large_array_goes_through_the_network(self, grid: SmallGrid) -> None:
        key, array = grid.key_at("b"), np.arange(2 << 20, dtype=np.int64)
        grid.nodes["a"].cache()[key] = array
        for node in grid.nodes.values():
            np.testing.assert_array_equal(node.cache()[key], array)

    def test_many_keys_in_one_call(self, grid: SmallGrid) -> None:
        here, there = grid.nodes["a"].cache(), grid.nodes["b"].cache()
        here.put_many({f"k{number}": number for number in range(300)})
        found = there.get_many([f"k{number}" for number in range(301)])
        assert found == {f"k{number}": number for number in range(300)}
        assert there.delete_many([f"k{number}" for number in range(0, 300, 2)]) == 150
        assert sorted(here) == sorted(f"k{number}" for number in range(1, 300, 2))
        assert len(here) == 150

    def test_a_placed_mutable_value_is_refused(self, grid: SmallGrid) -> None:
        with pytest.raises(ConfigError, match="immutable=True"):
            grid.nodes["a"].cache().put("key", 1, node="b")

    def test_clear_by_tag_reaches_every_node(self, grid: SmallGrid) -> None:
        here, there = grid.nodes["a"].cache(), grid.nodes["c"].cache()
        for number in range(30):
            here.put(f"k{number}", number, tags=["even"] if number % 2 == 0 else [])
        assert there.clear(tag="even") == 15
        assert len(here) == 15
        assert here.clear() == 15
        assert not list(there)

    def test_two_copies_outlive_the_home(self, grid: SmallGrid) -> None:
        here = grid.nodes["a"].cache()
        keys = [grid.key_at("b", stem=f"s{number}-") for number in range(20)]
        for key in keys:
            here.put(key, key, replicas=2)
            here.put(f"{key}/gone", 1, replicas=2)
            del here[f"{key}/gone"]
        grid.lose("b")
        assert here.get_many(keys) == {key: key for key in keys}
        assert not here.get_many([f"{key}/gone" for key in keys])

    def test_one_copy_is_lost_with_its_home(self, grid: SmallGrid) -> None:
        here, key = grid.nodes["a"].cache(), grid.key_at("b")
        here[key] = 1
        grid.lose("b")
        with pytest.raises(KeyNotFoundError) as raised:
            here[key]
        assert raised.value.reason == "node_lost"
        here[key] = 2
        assert grid.nodes["c"].cache()[key] == 2


class TestImmutable:
    @pytest.mark.parametrize("home", ["a", "b", "c"])
    def test_a_value_is_stored_here_and_read_there(
        self, grid: SmallGrid, home: str
    ) -> None:
        key = grid.key_at(home)
        grid.nodes["a"].cache().put(key, [1, 2], immutable=True)
        assert grid.nodes["b"].cache()[key] == [1, 2]
        assert grid.nodes["c"].cache()[key] == [1, 2]

    def test_a_read_from_afar_leaves_a_copy(self, grid: SmallGrid) -> None:
        key, array = grid.key_at("a"), np.arange(1 << 19, dtype=np.int64)
        grid.nodes["a"].cache().put(key, array, immutable=True)
        there = grid.nodes["b"].cache()
        np.testing.assert_array_equal(there[key], array)
        assert not there[key].flags.owndata  # a view of this node's arena
        grid.nodes["a"].server.close()
        np.testing.assert_array_equal(there[key], array)

    def test_another_value_under_the_key_is_an_error(self, grid: SmallGrid) -> None:
        key = grid.key_at("c")
        grid.nodes["a"].cache().put(key, 1, immutable=True)
        for name in "abc":
            cache = grid.nodes[name].cache()
            cache.put(key, 1, immutable=True)
            with pytest.raises(ImmutableKeyError):
                cache.put(key, 2, immutable=True)
            with pytest.raises(ImmutableKeyError):
                cache[key] = 2
            assert cache[key] == 1

    def test_a_delete_reaches_every_copy(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        caches = [node.cache() for node in grid.nodes.values()]
        caches[0].put(key, 1, immutable=True)
        assert [cache[key] for cache in caches] == [1, 1, 1]
        del caches[2][key]
        assert [cache.get(key) for cache in caches] == [None, None, None]
        caches[1].put(key, 2, immutable=True)
        assert [cache[key] for cache in caches] == [2, 2, 2]

    def test_it_is_placed_where_it_is_wanted(self, grid: SmallGrid) -> None:
        cache = grid.nodes["a"].cache()
        cache.put("placed", 1, immutable=True, node="c")
        assert "at node c" in cache.explain("placed").text
        with pytest.raises(ConfigError, match="there are a, b, c"):
            cache.put("nowhere", 1, immutable=True, node="d")

    def test_two_copies_outlive_a_node(self, grid: SmallGrid) -> None:
        cache = grid.nodes["b"].cache()
        for number in range(20):
            cache.put(f"k{number}", number, immutable=True, replicas=2)
        grid.lose("b")
        for node in grid.nodes.values():
            node.service.registry  # noqa: B018
        held = [
            {text for text, _ in node.store.entries(node.cache()._values.space)}
            for node in grid.nodes.values()
        ]
        assert held[0] | held[1] == {f"k{number}" for number in range(20)}


def test_a_cache_says_what_serves_it(grid: SmallGrid) -> None:
    cache = grid.nodes["a"].cache()
    cache["key"] = 1
    assert "grid 'default', 3 nodes, here a" in repr(cache)
    assert cache.stats().namespace.puts == 1
    assert cache.info("key").key == "key"  # type: ignore[union-attr]
    assert cache.explain("key").present
    assert not cache.explain("kay").present


def test_grid_none_is_the_nodes_store_alone(grid: SmallGrid) -> None:
    key = grid.key_at("b")
    grid.nodes["a"].cache()[key] = 1
    assert key not in grid.nodes["a"].cache(grid=None)
