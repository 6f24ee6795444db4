"""What is pinned is never lost: it goes wherever a grid has room, and stays readable."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridcache.cluster.tier.demotion import START, STOP, Demoter
from gridcache.cluster.tier.ladder import DISK, NODE
from gridcache.cluster.tier.spill import Spill
from gridcache.codec import encode
from gridcache.errors import KeyNotFoundError, OutOfSpaceError
from gridcache.store.coldest import Cold
from gridcache.store.records import IMMUTABLE, Entry, Stamp
from gridcache.store.writer import Order
from tests.cluster.kit.small_grid import Node, SmallGrid
from tests.cluster.kit.tiers import array, demote, fill, give_disk, immutable, tier_at

NODE_ARRAYS = 56
"""Of 1 MiB that one node's memory holds, about."""


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b") as grid:
        yield grid


@pytest.fixture
def node(grid: SmallGrid) -> Node:
    return grid.nodes["a"]


def put(node: Node, key: str, number: int, *, at: str = "auto", **how: Any) -> None:
    """Put `array(number)`, pinned and immutable."""
    node.cache().put(key, array(number), immutable=True, pin=True, node=at, **how)


def keep(node: Node, count: int, *, first: int = 0, at: str = "auto") -> list[str]:
    """Put pinned arrays, the n-th `array(n)`; returns their keys."""
    keys = [f"kept{n}" for n in range(first, first + count)]
    for number, key in enumerate(keys, first):
        put(node, key, number, at=at)
    return keys


def keep_until_refused(node: Node) -> tuple[list[str], OutOfSpaceError]:
    """Put pinned arrays until there is no room."""
    keys: list[str] = []
    try:
        while True:
            keys += keep(node, 1, first=len(keys))
    except OutOfSpaceError as refusal:
        return keys, refusal


def assert_kept(node: Node, keys: list[str]) -> None:
    """Each key has its array, as a node sees it."""
    cache = node.cache()
    for key in keys:
        number = int(key.removeprefix("kept"))
        np.testing.assert_array_equal(cache[key], array(number))


def assert_whole(grid: SmallGrid) -> None:
    """No store has evicted anything for want of room, and all are in order."""
    for one in grid.nodes.values():
        assert one.store.cold.evictions() == 0
        assert one.store.check().ok


def pinned_colds(node: Node) -> list[Cold]:
    own = next(one for one in node.store.namespaces() if one.name == "c")
    return node.store.cold.pick(own, immutable, 1 << 40, 1 << 20, pinned=True)


class TestPlacing:
    def test_what_is_pinned_goes_to_other_nodes_when_a_memory_is_full(
        self, grid: SmallGrid, node: Node
    ) -> None:
        keys = keep(node, NODE_ARRAYS + 30)
        assert grid.nodes["b"].store.stats().namespace("c").entries > 20
        assert_kept(node, keys)
        assert_whole(grid)

    def test_it_is_refused_when_nowhere_is_room_and_nothing_is_lost(
        self, grid: SmallGrid, node: Node
    ) -> None:
        keys, refusal = keep_until_refused(node)
        assert len(keys) > 1.8 * NODE_ARRAYS
        assert "disk=" in str(refusal)
        assert f"kept{len(keys)}" not in node.cache()
        assert_kept(grid.nodes["b"], keys)
        assert_kept(node, keys)
        assert_whole(grid)

    def test_with_a_disk_it_goes_there_when_both_memories_are_full(
        self, grid: SmallGrid, node: Node, tmp_path: Path
    ) -> None:
        with give_disk(node, tmp_path) as tier:
            keys = keep(node, 2 * NODE_ARRAYS + 30)
            assert_whole(grid)
            for one in grid.nodes.values():
                assert_kept(one, keys)
                assert one.store.check().ok
            assert tier.store.check().ok

    def test_where_there_is_a_disk_pins_leave_memory_to_others(
        self, grid: SmallGrid, node: Node, tmp_path: Path
    ) -> None:
        with give_disk(node, tmp_path):
            keep(node, NODE_ARRAYS + 10, at="local")
            node.cache().put(grid.key_at("a"), array(0, 2 << 20))
            assert node.store.cold.evictions() == 0

    def test_a_node_wished_for_takes_it_on_its_disk(
        self, grid: SmallGrid, node: Node, tmp_path: Path
    ) -> None:
        other = grid.nodes["b"]
        with give_disk(other, tmp_path) as tier:
            keep(other, NODE_ARRAYS + 6, at="local")
            before = tier.sizes()["disk_entries"]
            cache = node.cache()
            cache.put("small", array(1, 1_000_000), immutable=True, pin=True, node="b")
            cache.put("large", array(2, 3 << 20), immutable=True, pin=True, node="b")
            assert tier.sizes()["disk_entries"] == before + 2
            assert node.store.stats().namespace("c").entries == 0
            for one in (node, other):
                np.testing.assert_array_equal(one.cache()["small"], array(1, 1_000_000))
                np.testing.assert_array_equal(one.cache()["large"], array(2, 3 << 20))

    def test_a_full_node_wished_for_refuses(self, node: Node) -> None:
        with pytest.raises(OutOfSpaceError, match="node='local' allows no other"):
            keep(node, 2 * NODE_ARRAYS, at="local")

    def test_what_others_may_lose_gives_way_to_what_is_pinned(
        self, grid: SmallGrid, node: Node
    ) -> None:
        fill(grid.nodes["b"], 0.95, stem="other")
        keys = keep(node, NODE_ARRAYS + 20)
        assert_kept(node, keys)

    def test_a_node_that_was_lost_is_passed_over(
        self, grid: SmallGrid, node: Node
    ) -> None:
        fill(node, START)
        grid.nodes["b"].server.close()
        assert_kept(node, keep(node, 2))

    def test_a_quota_is_the_memory_s(self, node: Node, tmp_path: Path) -> None:
        with give_disk(node, tmp_path) as tier:
            cache = node.cache("q", quota="8MiB")
            for number in range(20):
                cache.put(f"k{number}", array(number), immutable=True, pin=True)
            assert tier.sizes()["disk_entries"] > 10
            for number in range(20):
                np.testing.assert_array_equal(cache[f"k{number}"], array(number))

    def test_another_value_under_the_key_is_refused_on_disk_too(
        self, node: Node, tmp_path: Path
    ) -> None:
        with give_disk(node, tmp_path):
            keys = keep(node, NODE_ARRAYS + 10, at="local")
            with pytest.raises(ValueError, match="another immutable value"):
                node.cache().put(keys[-1], array(0), immutable=True, pin=True)
            assert_kept(node, keys[-1:])


class TestEditions:
    def test_a_value_put_again_after_a_delete_lies_in_one_place_of_its_node(
        self, grid: SmallGrid, node: Node, tmp_path: Path
    ) -> None:
        """The second time under the edition of the home: as the pins fill a memory."""
        with give_disk(node, tmp_path) as tier:
            keys = keep(node, NODE_ARRAYS + 6, at="local")
            for key in keys:
                del grid.nodes["b"].cache()[key]
            keep(node, NODE_ARRAYS + 6, at="local")
            in_memory = {cold.text: cold.entry for cold in pinned_colds(node)}
            on_disk = dict(tier.entries(node.cache()._values.space))
            assert on_disk
            for key in keys:
                there = [one[key] for one in (in_memory, on_disk) if key in one]
                assert len(there) == 1
                assert there[0].stamp.origin > 0
            for one in grid.nodes.values():
                assert one.chores.reregister(grid.roster.view)
            assert_kept(grid.nodes["b"], keys)

    def test_an_older_copy_in_memory_does_not_replace_a_newer_one_on_disk(
        self, node: Node, tmp_path: Path
    ) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True, pin=True)
        (cold,) = pinned_colds(node)
        with give_disk(node, tmp_path) as tier:
            space, frames = cache._values.space, encode(array(1))
            newer = Order(space, "key", frames, stamp=Stamp(0, 7, IMMUTABLE))
            tier.take(newer)
            assert tier.keep(cold) is None
            entry = tier.entry(space, "key")
            assert entry is not None
            assert entry.stamp.origin == 7


class TestDemotion:
    def test_it_leaves_memory_when_what_is_not_pinned_does_not_suffice(
        self, grid: SmallGrid, node: Node, tmp_path: Path
    ) -> None:
        keys = keep(node, NODE_ARRAYS - 2, at="local")
        with give_disk(node, tmp_path) as tier:
            fill(node, 0.93)
            assert Demoter(node.store).relieve() > 0
            assert node.store.cold.fill().share <= STOP
            assert pinned_colds(node)
            assert tier.store.stats().namespace("c").pinned_nbytes > 0
            assert_whole(grid)
            assert_kept(grid.nodes["b"], keys)
            assert_kept(node, keys)

    def test_it_stays_while_others_suffice(self, node: Node, tmp_path: Path) -> None:
        keys = keep(node, 20, at="local")
        with give_disk(node, tmp_path):
            fill(node, START)
            assert Demoter(node.store).relieve() > 0
            assert len(pinned_colds(node)) == len(keys)

    def test_it_is_never_let_go_however_cheap(self, node: Node, tmp_path: Path) -> None:
        with give_disk(node, tmp_path):
            keys = [f"kept{n}" for n in range(50)]
            for number, key in enumerate(keys):
                put(node, key, number, at="local", cost=1e-6)
            Demoter(node.store).relieve()
            assert_kept(node, keys)
            assert tier_at(node).figures.counts()["forgone_entries"] == 0

    def test_the_disk_does_not_evict_it(self, node: Node, tmp_path: Path) -> None:
        keys = keep(node, 8, at="local")
        with give_disk(node, tmp_path, 24 << 20):
            Demoter(node.store).carry(DISK, pinned_colds(node))
            others = fill(node, 0.6)
            demote(node)
            lost = [key for key in others if node.cache().get(key) is None]
            assert lost
            assert_kept(node, keys)

    def test_what_a_full_disk_does_not_take_stays_in_memory(
        self, node: Node, tmp_path: Path
    ) -> None:
        keys = keep(node, 40, at="local")
        with give_disk(node, tmp_path, 16 << 20):
            carried = Demoter(node.store).carry(DISK, pinned_colds(node))
            assert carried.safe
            assert carried.refused
            assert_kept(node, keys)

    def test_at_another_node_it_is_pinned_too(
        self, grid: SmallGrid, node: Node
    ) -> None:
        keys, other = keep(node, 3, at="local"), grid.nodes["b"]
        np.testing.assert_array_equal(other.cache()[keys[0]], array(0))
        assert not pinned_colds(other)  # a copy that was read is not
        demoter = Demoter(node.store, Spill(node.store))
        assert len(demoter.carry(NODE, pinned_colds(node)).safe) == 3
        assert len(pinned_colds(other)) == 3
        assert_kept(node, keys)

    def test_brought_back_it_may_leave_again(self, node: Node, tmp_path: Path) -> None:
        (key,) = keep(node, 1)
        with give_disk(node, tmp_path) as tier:
            Demoter(node.store).carry(DISK, pinned_colds(node))
            assert_kept(node, [key])
            assert tier.figures.counts()["promoted_entries"] == 1
            assert not pinned_colds(node)
            info = node.cache().info(key)
            assert info is not None
            assert info.pinned
            assert demote(node) == 1
            assert_kept(node, [key])


class TestPins:
    @pytest.mark.parametrize("pinned", [True, False])
    def test_a_change_of_mind_on_the_way_down_holds(
        self, node: Node, tmp_path: Path, *, pinned: bool
    ) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True, pin=not pinned)
        with give_disk(node, tmp_path) as tier:
            own = cache._values.space
            (cold,) = node.store.cold.pick(own, immutable, 1, pinned=not pinned)
            assert tier.keep(cold)
            (cache.pin if pinned else cache.unpin)("key")
            assert node.store.cold.take_out([cold]) == []
            entry = tier.entry(own, "key")
            assert entry is not None
            assert entry.pinned == pinned

    def test_what_was_pinned_since_it_went_down_is_written_again(
        self, node: Node, tmp_path: Path
    ) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True)
        with give_disk(node, tmp_path) as tier:
            demote(node)
            assert cache["key"] is not None
            own = cache._values.space
            node.store.change(own, "key", pinned=True)
            Demoter(node.store).carry(DISK, pinned_colds(node))
            entry = tier.entry(own, "key")
            assert entry is not None
            assert entry.pinned

    def test_an_unpin_reaches_every_copy(self, grid: SmallGrid, node: Node) -> None:
        cache = node.cache()
        cache.put("key", array(1), immutable=True, pin=True, replicas=2)
        assert len(pinned_colds(grid.nodes["b"])) == 1
        cache.unpin("key")
        assert not pinned_colds(node)
        assert not pinned_colds(grid.nodes["b"])

    def test_a_time_to_live_reaches_every_copy(self, grid: SmallGrid) -> None:
        cache = grid.nodes["a"].cache()
        cache.put("key", array(1), immutable=True, ttl="1m", replicas=2)
        cache.touch("key", ttl="2h")
        for one in grid.nodes.values():
            info = one.cache().info("key")
            assert info is not None
            assert info.expires is not None
            assert info.expires - info.created > 7000


class TestDelete:
    @pytest.mark.parametrize(("home", "by"), [("a", "b"), ("b", "a")])
    def test_a_delete_reaches_what_never_was_in_memory(
        self, grid: SmallGrid, tmp_path: Path, home: str, by: str
    ) -> None:
        node, key = grid.nodes["a"], grid.key_at(home, stem="late")
        with give_disk(node, tmp_path) as tier:
            keep(node, NODE_ARRAYS, at="local")
            there = tier.sizes()["disk_entries"]
            put(node, key, 1, at="local")
            assert tier.sizes()["disk_entries"] == there + 1
            np.testing.assert_array_equal(grid.nodes["b"].cache()[key], array(1))
            del grid.nodes[by].cache()[key]
            for one in grid.nodes.values():
                with pytest.raises(KeyNotFoundError):
                    one.cache()[key]
            assert tier.sizes()["disk_entries"] == there
            put(node, key, 2, at="local")
            np.testing.assert_array_equal(node.cache()[key], array(2))

    def test_a_delete_of_many_leaves_nothing(
        self, grid: SmallGrid, node: Node, tmp_path: Path
    ) -> None:
        with give_disk(node, tmp_path) as tier:
            keys = keep(node, 2 * NODE_ARRAYS + 10)
            assert_kept(node, keys[:5])
            assert grid.nodes["b"].cache().clear() == len(keys)
            assert list(node.cache()) == []
            assert tier.sizes()["disk_entries"] == 0
            for one in grid.nodes.values():
                assert one.store.stats().namespace("c").pinned_nbytes == 0


class TestRestart:
    def test_what_lay_on_disk_alone_is_found_and_pinned(
        self, store_dir: Path, tmp_path: Path
    ) -> None:
        with SmallGrid(store_dir / "before", "a", "b") as grid:
            node = grid.nodes["a"]
            with give_disk(node, tmp_path):
                keys = keep(node, NODE_ARRAYS + 10, at="local")[-5:]
        with (
            SmallGrid(store_dir / "after", "a", "b") as grid,
            give_disk(grid.nodes["a"], tmp_path) as tier,
        ):
            for one in grid.nodes.values():
                assert one.chores.reregister(grid.roster.view)
            assert_kept(grid.nodes["b"], keys)
            assert tier.store.stats().namespace("c").pinned_nbytes >= 5 << 20


class TestFarewell:
    def test_a_node_that_goes_leaves_it_pinned_where_it_was_only_read(
        self, grid: SmallGrid, node: Node, tmp_path: Path
    ) -> None:
        other, space = grid.nodes["b"], node.cache()._values.space
        with give_disk(node, tmp_path):
            # In memory, on disk, and in both places; small and large.
            for number, key in enumerate(("memory", "disk", "both")):
                put(node, key, number, at="local")
                np.testing.assert_array_equal(other.cache()[key], array(number))
            down = [cold for cold in pinned_colds(node) if cold.text != "memory"]
            Demoter(node.store).carry(DISK, down)
            assert node.cache()["both"] is not None
            assert isinstance(node.store.find(space, "both"), Entry)
            node.chores.hand_over_copies(10.0)
            found = {cold.text for cold in pinned_colds(other)}
            assert found == {"memory", "disk", "both"}
