"""Caches over several nodes, without Ray: what one node puts, all others see."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gridcache import GridCache, grid_cache
from gridcache.cluster.client.adoption import adopt
from gridcache.cluster.client.local import local_of
from gridcache.cluster.home.plain import make_plain
from gridcache.errors import (
    ConfigError,
    ImmutableKeyError,
    KeyNotFoundError,
    NoAvailableNodesError,
    NotEncodableError,
)
from gridcache.store.opening import close_store, open_store
from tests.cluster.kit.ray_cluster import wait_until
from tests.cluster.kit.small_grid import CAPACITY, SmallGrid


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

    def test_values_are_compressed_where_that_is_asked(self, grid: SmallGrid) -> None:
        here, there = grid.nodes["a"].cache(), grid.nodes["b"].cache()
        values = {f"k{number}": np.zeros(10_000) for number in range(3)}
        here.put("fixed", values["k0"], immutable=True, compression="lz4")
        here.put_many(values, compression="lz4")
        for key in ("fixed", *values):
            found = there.info(key)
            assert found is not None
            assert found.compressed
            np.testing.assert_array_equal(there[key], values["k0"])

    def test_many_keys_in_one_call(self, grid: SmallGrid) -> None:
        here, there = grid.nodes["a"].cache(), grid.nodes["b"].cache()
        here.put_many({f"k{number}": number for number in range(300)})
        found = there.get_many([f"k{number}" for number in range(301)])
        assert found == {f"k{number}": number for number in range(300)}
        assert there.delete_many([f"k{number}" for number in range(0, 300, 2)]) == 150
        assert sorted(here) == sorted(f"k{number}" for number in range(1, 300, 2))
        assert len(here) == 150

    def test_many_are_there_wherever_they_lie(self, grid: SmallGrid) -> None:
        here, there = grid.nodes["a"].cache(), grid.nodes["b"].cache()
        for number in range(100):
            cache, lasting = (here if number % 3 else there), number % 2 == 0
            cache.put(f"k{number}", number, immutable=lasting)
        gone = [f"k{number}" for number in range(0, 100, 10)]
        here.delete_many(gone)
        asked = [f"k{number}" for number in range(150)]
        left = {f"k{number}" for number in range(100)}.difference(gone)
        for node in grid.nodes.values():
            assert node.cache().contains_many([*asked, *asked]) == left

    def test_what_precedes_a_bad_value_is_stored(self, grid: SmallGrid) -> None:
        here, there = grid.nodes["a"].cache(), grid.nodes["b"].cache()
        items: dict[str, object] = {f"k{number}": number for number in range(20)}
        with pytest.raises(NotEncodableError):
            here.put_many({**items, "bad": threading.Lock(), "after": 1})
        assert there.get_many([*items, "after"]) == items

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
        assert caches[2].get(key) is None
        # A copy that its home has not heard of yet goes when it hears of it.
        wait_until(lambda: [cache.get(key) for cache in caches] == [None] * 3)
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


def test_a_grid_that_is_asked_for_by_name_is_that_grid(
    grid: SmallGrid, store_dir: Path
) -> None:
    cache = grid.nodes["a"].cache(grid="default")
    assert "grid 'default'" in repr(cache)
    with pytest.raises(NoAvailableNodesError, match="no grid 'other'"):
        grid.nodes["a"].cache(grid="other")
    with pytest.raises(NoAvailableNodesError, match="no grid 'default'"):
        GridCache(path=store_dir / "alone", capacity="8MiB", grid="default")


def test_grid_none_is_the_nodes_store_alone(grid: SmallGrid) -> None:
    key = grid.key_at("b")
    grid.nodes["a"].cache()[key] = 1
    assert key not in grid.nodes["a"].cache(grid=None)


class TestComputing:
    @pytest.mark.parametrize("home", ["a", "b", "c"])
    def test_of_many_nodes_one_computes(self, grid: SmallGrid, home: str) -> None:
        key, calls = grid.key_at(home), list[str]()
        started, go_on = threading.Event(), threading.Event()

        def compute(name: str) -> str:
            calls.append(name)
            started.set()
            assert go_on.wait(20)
            return f"by {name}"

        def ask(name: str) -> str:
            cache = grid.nodes[name].cache()
            return cache.get_or_compute(key, lambda: compute(name))

        with ThreadPoolExecutor(6) as pool:
            first = pool.submit(ask, "a")
            assert started.wait(20)
            others = [pool.submit(ask, name) for name in "abcbc"]
            go_on.set()
            assert first.result(20) == "by a"
            assert {other.result(20) for other in others} == {"by a"}
        assert calls == ["a"]

    def test_a_leader_that_fails_is_followed_by_another(self, grid: SmallGrid) -> None:
        key = grid.key_at("c")
        with pytest.raises(ZeroDivisionError):
            grid.nodes["a"].cache().get_or_compute(key, lambda: 1 // 0)
        assert grid.nodes["b"].cache().get_or_compute(key, lambda: 2) == 2
        assert grid.nodes["a"].cache()[key] == 2

    def test_a_delete_takes_the_fence(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        here, there = grid.nodes["a"].cache(), grid.nodes["c"].cache()

        def compute() -> int:
            there.delete_many([key])
            return 1

        assert here.get_or_compute(key, compute) == 1
        assert key not in there

    def test_a_decorated_function_runs_once_in_the_grid(
        self, grid: SmallGrid, tmp_path: Path
    ) -> None:
        log = str(tmp_path / "calls")

        def slow(number: int) -> int:
            with Path(log).open("a") as file:
                file.write(f"{number} ")
            return number * 2

        for node in grid.nodes.values():
            cached = grid_cache(cache=node.cache())(slow)
            assert [cached(number) for number in range(12)] == list(range(0, 24, 2))
        assert Path(log).read_text().split() == [str(number) for number in range(12)]

    def test_a_flight_inside_a_flight(self, grid: SmallGrid) -> None:
        outer, inner = grid.key_at("b"), grid.key_at("c", stem="inner")
        cache = grid.nodes["a"].cache()
        value = cache.get_or_compute(
            outer, lambda: 1 + cache.get_or_compute(inner, lambda: 1)
        )
        assert value == 2
        assert grid.nodes["b"].cache()[inner] == 1
        assert cache.get_or_compute(outer, lambda: 5) == 2


def test_what_was_there_before_goes_to_its_home(grid: SmallGrid) -> None:
    path = grid.directory / "d"
    store = open_store(path, capacity_nbytes=CAPACITY)
    with GridCache("c", path=path, grid=None) as alone:
        alone.put_many({f"old{number}": number for number in range(50)})
        grid.nodes["a"].cache()["old7"] = "newer"
    close_store(store)
    node = grid.add("d")
    grid.settle()
    assert adopt(node.store, local_of(node.store)) == 50
    wanted = {f"old{number}": number for number in range(50)} | {"old7": "newer"}
    assert grid.nodes["b"].cache().get_many(wanted) == wanted
    assert len(grid.nodes["c"].cache()) == 50


def test_a_node_that_left_in_order_has_what_it_was_home_of(grid: SmallGrid) -> None:
    values = {f"k{number}": number for number in range(60)}
    grid.nodes["b"].cache().put_many(values, replicas=2)
    grid.nodes["b"].cache().delete_many(["k3", "k4"])
    left: dict[str, int] = {}
    for name, node in grid.nodes.items():
        node.standing.leave()
        make_plain(node.store, node.standing)
        own = dict(node.cache(grid=None).items())
        assert {name} == {grid.home_of(key).name for key in own}
        left |= own
        assert node.store.check().ok
    del values["k3"], values["k4"]
    assert left == values


def test_what_a_removed_node_had_is_not_adopted_when_it_is_back(
    grid: SmallGrid,
) -> None:
    node = grid.nodes["b"]
    assert not node.standing.has_adopted
    node.standing.install(node.store, grid.roster.view, 99)
    assert node.standing.has_adopted
