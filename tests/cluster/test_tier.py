"""The disk tier of a node: what leaves memory is found on disk, and comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridcache.cluster.tier.demotion import START, STOP, Demoter, Trip
from gridcache.cluster.tier.tier import Tier
from gridcache.errors import ConfigError, KeyNotFoundError
from gridcache.store.coldest import Cold
from gridcache.store.records import entry_key
from tests.cluster.kit.small_grid import Node, SmallGrid
from tests.cluster.kit.tiers import (
    DISK,
    array,
    demote,
    fill,
    give_disk,
    immutable,
    tier_at,
)


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b") as grid:
        yield grid


@pytest.fixture
def node(grid: SmallGrid, tmp_path: Path) -> Iterator[Node]:
    """Node a, with a disk."""
    with give_disk(grid.nodes["a"], tmp_path):
        yield grid.nodes["a"]


@pytest.fixture
def tier(node: Node) -> Tier:
    return tier_at(node)


class TestDemotion:
    def test_room_is_made_before_anything_is_evicted(
        self, node: Node, tier: Tier
    ) -> None:
        keys = fill(node, START)
        assert Demoter(node.store).relieve() > 0
        assert node.store.cold.fill().share <= STOP
        assert node.store.cold.evictions() == 0
        cache = node.cache()
        for number, key in enumerate(keys):
            np.testing.assert_array_equal(cache[key], array(number))
        assert tier.figures.counts()["demoted_entries"] > 0
        assert node.store.check().ok
        assert tier.store.check().ok

    def test_nothing_happens_while_there_is_room(self, node: Node) -> None:
        fill(node, 0.5)
        assert Demoter(node.store).relieve() == 0

    def test_the_coldest_leave_first(self, node: Node, tier: Tier) -> None:
        keys, cache = fill(node, START), node.cache()
        hot = keys[:5]
        for key in hot:
            cache[key]
        Demoter(node.store).relieve()
        gone = {text for text, _ in tier.entries(cache._values.space)}
        assert gone == set(keys[5 : 5 + len(gone)])

    def test_mutable_values_stay(self, node: Node, grid: SmallGrid) -> None:
        cache = node.cache()
        own = grid.key_at("a")
        cache[own] = array(2)
        cache.put("free", array(3), immutable=True)
        assert demote(node) == 1

    def test_a_value_that_is_viewed_stays(self, node: Node) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True)
        view = cache["key"]
        assert demote(node) == 0
        del view
        assert demote(node) == 1

    def test_a_full_disk_lets_its_coldest_go(
        self, grid: SmallGrid, tmp_path: Path
    ) -> None:
        node = grid.nodes["b"]
        with give_disk(node, tmp_path, 16 << 20) as tier:
            fill(node, 0.6)
            demote(node)
            assert 0 < tier.sizes()["disk_entries"] < 20
            assert tier.store.check().ok

    def test_what_is_computed_sooner_than_read_is_let_go(self, node: Node) -> None:
        cache = node.cache()
        cache.put("cheap", array(1), immutable=True, cost=1e-6)
        cache.put("dear", array(2), immutable=True, cost=60)
        demoter = Demoter(node.store)
        own = cache._values.space
        colds = node.store.cold.pick(own, immutable, 1 << 40)
        Trip(demoter).take(colds)
        assert cache.get("dear") is not None
        assert cache.get("cheap") is None
        assert tier_at(node).figures.counts()["forgone_entries"] == 1


class TestReading:
    def test_a_demoted_value_is_read_here_and_there(
        self, node: Node, grid: SmallGrid
    ) -> None:
        cache, there = node.cache(), grid.nodes["b"].cache()
        keys = [grid.key_at("a"), grid.key_at("b")]
        for number, key in enumerate(keys):
            cache.put(key, array(number), immutable=True)
        assert demote(node) == 2
        for number, key in enumerate(keys):
            np.testing.assert_array_equal(there[key], array(number))
        for number, key in enumerate(keys):
            np.testing.assert_array_equal(cache[key], array(number))

    def test_a_large_demoted_value_goes_from_disk_to_the_other_arena(
        self, node: Node, grid: SmallGrid
    ) -> None:
        cache, there = node.cache(), grid.nodes["b"].cache()
        cache.put("key", array(1, 8 << 20), immutable=True)
        assert demote(node) == 1
        np.testing.assert_array_equal(there["key"], array(1, 8 << 20))
        assert not there["key"].flags.owndata

    def test_the_first_use_promotes_where_there_is_room(
        self, node: Node, tier: Tier
    ) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True, tags=["t"], ttl="1h", cost=2)
        demote(node)
        assert node.store.stats().namespace("c").entries == 0
        np.testing.assert_array_equal(cache["key"], array(1))
        assert node.store.stats().namespace("c").entries == 1
        assert tier.figures.counts()["promoted_entries"] == 1
        info = cache.info("key")
        assert info is not None
        assert (info.tags, info.cost_s) == (("t",), 2)
        assert info.expires is not None

    def test_in_a_full_arena_the_second_use_promotes(
        self, node: Node, tier: Tier
    ) -> None:
        cache = node.cache()
        cache.put("key", array(0), immutable=True)
        demote(node)
        fill(node, STOP)
        np.testing.assert_array_equal(cache["key"], array(0))
        assert tier.figures.counts()["promoted_entries"] == 0
        np.testing.assert_array_equal(cache["key"], array(0))
        assert tier.figures.counts()["promoted_entries"] == 1

    def test_a_promoted_value_leaves_again_without_being_written(
        self, node: Node, tier: Tier
    ) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True)
        demote(node)
        puts = tier.store.stats().namespace("c").puts
        assert cache["key"] is not None
        assert demote(node) == 1
        assert tier.store.stats().namespace("c").puts == puts
        np.testing.assert_array_equal(cache["key"], array(1))

    def test_demoted_keys_are_listed_once_and_described(
        self, node: Node, grid: SmallGrid
    ) -> None:
        cache, there = node.cache(), grid.nodes["b"].cache()
        cache.put_many({f"k{n}": n for n in range(5)}, immutable=True, tags=["t"])
        cache.put("kept", array(1), immutable=True, tags=["t"])
        cache.put("large", array(2), immutable=True, tags=["t"])
        demote(node, "large")
        names = [*sorted(f"k{n}" for n in range(5)), "kept", "large"]
        for one in (cache, there):
            assert list(one) == names
            assert "demoted" in str(one.explain("large"))
            info = one.info("large")
            assert info is not None
            assert info.raw_nbytes == 1 << 20
        assert cache["large"] is not None
        assert list(there) == names
        assert there.clear(tag="t") == 7
        assert list(cache) == []

    def test_a_pin_holds_a_value_where_it_lies(self, node: Node, tier: Tier) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True)
        demote(node)
        cache.pin("key")
        assert node.store.stats().namespace("c").entries == 0
        assert tier.store.stats().namespace("c").pinned_nbytes > 0

    def test_a_new_time_to_live_holds_on_disk_too(self, node: Node, tier: Tier) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True, ttl="1h")
        demote(node)
        cache.touch("key", ttl="2h")
        entry = tier.entry(cache._values.space, "key")
        assert entry is not None
        assert entry.expires - entry.created > 7000

    def test_a_namespace_s_time_to_live_does_not_begin_anew(self, node: Node) -> None:
        cache = node.cache("d", ttl="1h")
        cache.put("key", array(1), immutable=True)
        key = entry_key(cache._values.space.id, "key")[0]
        node.store.change(cache._values.space, "key", forever=True)
        assert demote(node, space="d") == 1
        assert cache["key"] is not None
        entry = node.store.snapshot(lambda txn: node.store.entry_in(txn, key))
        assert entry is not None
        assert entry.expires == 0.0


class TestDelete:
    @pytest.mark.parametrize(("home", "by"), [("a", "b"), ("b", "a")])
    def test_a_delete_reaches_the_demoted_copy(
        self, node: Node, grid: SmallGrid, home: str, by: str
    ) -> None:
        cache, key = node.cache(), grid.key_at(home)
        cache.put(key, array(1), immutable=True)
        demote(node)
        del grid.nodes[by].cache()[key]
        for one in (cache, grid.nodes["b"].cache()):
            with pytest.raises(KeyNotFoundError):
                one[key]
        cache.put(key, array(2), immutable=True)
        np.testing.assert_array_equal(cache[key], array(2))

    def test_what_was_read_before_the_delete_is_not_demoted_after_it(
        self, node: Node, tier: Tier
    ) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True)
        cold = _cold(node, "key")
        del cache["key"]
        assert tier.keep(cold) is None
        assert tier.entry(cold.space, "key") is None

    @pytest.mark.parametrize("home", ["a", "b"])
    def test_what_was_read_before_the_delete_is_not_promoted_after_it(
        self, node: Node, grid: SmallGrid, tier: Tier, home: str
    ) -> None:
        cache, key = node.cache(), grid.key_at(home)
        cache.put(key, array(1), immutable=True)
        demote(node)
        space = cache._values.space
        found, entry = tier.find(space, key), tier.entry(space, key)
        assert found is not None
        assert entry is not None
        # In the middle of a delete: gone from memory, not yet from the disk.
        order: list[bool] = []
        drop = tier.drop

        def promote_first(*args: object) -> bool:
            order.append(tier._promote(space, key, entry, found))
            return drop(*args)  # type: ignore[arg-type]

        tier.drop = promote_first  # type: ignore[method-assign, assignment]
        del cache[key]
        assert order == [False]
        assert key not in cache

    def test_a_copy_taken_back_leaves_no_trace_of_a_delete(
        self, node: Node, grid: SmallGrid
    ) -> None:
        cache, key = node.cache(), grid.key_at("b")
        cache.put(key, array(1), immutable=True)
        values: Any = cache._values
        values._far.drop(node.standing.member, cache._values.space, key)
        cache.put(key, array(1), immutable=True)
        assert key in cache


class TestStats:
    def test_the_ladder_is_in_the_stats_of_every_node(
        self, node: Node, grid: SmallGrid
    ) -> None:
        cache, there = node.cache(), grid.nodes["b"].cache()
        assert cache.stats().tier is not None  # an empty disk
        cache.put("key", array(1), immutable=True)
        demote(node)
        assert cache["key"] is not None
        for one in (cache, there):
            told = one.stats().tier
            assert told is not None
            assert (told.demoted_entries, told.promoted_entries) == (1, 1)
            assert told.demoted_nbytes >= 1 << 20
            assert (told.disk_entries, told.moved_entries) == (1, 0)
            assert told.disk_capacity_nbytes == DISK
            assert told.disk_nbytes_per_s > 0

    def test_without_a_ladder_there_is_no_block(self, grid: SmallGrid) -> None:
        assert grid.nodes["b"].cache().stats().tier is None


class TestLife:
    def test_a_disk_in_memory_is_refused(
        self, grid: SmallGrid, store_dir: Path
    ) -> None:
        with (
            pytest.raises(ConfigError, match="in memory"),
            give_disk(grid.nodes["a"], store_dir / "disk"),
        ):
            pass

    def test_without_a_tier_a_miss_is_a_miss(self, grid: SmallGrid) -> None:
        cache = grid.nodes["a"].cache()
        with pytest.raises(KeyNotFoundError):
            cache["key"]


def _cold(node: Node, key: str, space: str = "c") -> Cold:
    own = next(one for one in node.store.namespaces() if one.name == space)
    colds = node.store.cold.pick(own, immutable, 1 << 40)
    return next(cold for cold in colds if cold.text == key)
