"""Crashes and restarts: a value on its way is in one place at least, and whole."""

import gc
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gridcache import GridCache
from gridcache.attach import _release_dropped
from gridcache.cluster.tier.demotion import Demoter
from gridcache.cluster.tier.ladder import DISK
from gridcache.cluster.tier.tier_access import make_tier, tier_of
from gridcache.codec import decode, encode
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import Hit
from gridcache.store.records import IMMUTABLE, Entry, Stamp
from gridcache.store.writer import Order
from tests.cluster.kit import demoting_process
from tests.cluster.kit.small_grid import SmallGrid
from tests.cluster.kit.tiers import array, demote, give_disk, immutable
from tests.store.kit.interrupts import killed_at

_KEYS = 24
_NBYTES = 300_000
_STRIDE = 97
"""Points of the way that are passed between two kills."""


@pytest.fixture
def memory(store_dir: Path, tmp_path: Path) -> Iterator[NodeStore]:
    # A fork takes every open store along; those of earlier tests are not there now.
    gc.collect()
    _release_dropped()
    store = open_store(store_dir / "memory", capacity_nbytes=64 << 20)
    end = make_tier(store, tmp_path / "disk", 256 << 20)
    yield store
    end()
    close_store(store)


def order(space: Namespace, number: int, *, pinned: bool = False) -> Order:
    """Order an array of 300 KB as an immutable value."""
    frames, stamp = encode(array(number, _NBYTES)), Stamp(flags=IMMUTABLE)
    return Order(space, f"k{number}", frames, pinned=pinned, stamp=stamp)


def put_some(memory: NodeStore, count: int, *, pinned: bool = False) -> Namespace:
    """Store such values; returns their namespace."""
    space = memory.namespace(Namespace("c"))
    for number in range(count):
        memory.put(order(space, number, pinned=pinned))
    return space


def assert_all_there(memory: NodeStore, space: Namespace, count: int) -> None:
    """Each value is in memory or on disk, and both stores are in order."""
    tier = tier_of(memory).open()
    assert tier is not None
    for number in range(count):
        found: object = memory.look_up(space, f"k{number}", view=False)
        if not isinstance(found, Hit):
            found = tier.find(space, f"k{number}", view=False)
        assert isinstance(found, Hit)
        value = decode(found.header, found.body, allow_pickle=False, copy=True)
        np.testing.assert_array_equal(value, array(number, _NBYTES))
    for store in (memory, tier.store):
        assert store.check().problems == ()


class TestKill:
    @pytest.mark.parametrize("seed", range(2))
    def test_a_demoter_killed_at_any_moment_loses_nothing(
        self, memory: NodeStore, seed: int
    ) -> None:
        space = put_some(memory, _KEYS)
        command = [sys.executable, demoting_process.__file__, str(memory.directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(random.Random(seed).uniform(0.05, 0.6))
            child.send_signal(signal.SIGKILL)
        assert_all_there(memory, space, _KEYS)

    @pytest.mark.parametrize("way", ["down", "up"])
    def test_a_kill_at_any_point_of_the_way_leaves_the_value_somewhere(
        self, memory: NodeStore, way: str
    ) -> None:
        space, tier = put_some(memory, 1), tier_of(memory).open()
        assert tier is not None

        def down() -> None:
            colds = memory.cold.pick(space, immutable, 1 << 40)
            Demoter(memory).carry(DISK, colds)

        def up() -> None:
            tier.fetch(space, "k0")

        if way == "up":
            down()
        point, was_killed = 1, True
        while was_killed:
            was_killed = killed_at(point, down if way == "down" else up)
            assert_all_there(memory, space, 1)
            point += _STRIDE
        assert point > 5 * _STRIDE

    def test_what_is_pinned_is_so_wherever_a_kill_left_it(
        self, memory: NodeStore
    ) -> None:
        space, tier = put_some(memory, 1, pinned=True), tier_of(memory).open()
        assert tier is not None

        def down() -> None:
            colds = memory.cold.pick(space, immutable, 1 << 40, pinned=True)
            Demoter(memory).carry(DISK, colds)

        point, was_killed = 1, True
        while was_killed:
            was_killed = killed_at(point, down)
            entries = [memory.find(space, "k0"), tier.entry(space, "k0")]
            there = [one for one in entries if isinstance(one, Entry)]
            assert there
            assert all(one.pinned for one in there)
            assert_all_there(memory, space, 1)
            point += _STRIDE

    def test_a_put_to_the_disk_alone_is_whole_or_not_there(
        self, memory: NodeStore
    ) -> None:
        space, tier = put_some(memory, 1), tier_of(memory).open()
        assert tier is not None
        point, was_killed = 1, True
        while was_killed:
            was_killed = killed_at(point, lambda: tier.take(order(space, 1)))
            found = tier.find(space, "k1", view=False)
            assert found is not None or was_killed
            assert_all_there(memory, space, 2 if found is not None else 1)
            point += _STRIDE


class TestRestart:
    def test_a_whole_cluster_finds_what_was_on_its_disks(
        self, store_dir: Path, tmp_path: Path
    ) -> None:
        with SmallGrid(store_dir / "before", "a", "b") as grid:
            keys = [grid.key_at(home, stem="s") for home in "ab"]
            with give_disk(grid.nodes["a"], tmp_path):
                cache = grid.nodes["a"].cache("c", ttl="1h", policy="lfu")
                for number, key in enumerate(keys):
                    cache.put(key, array(number), immutable=True, tags=["t"])
                cache.put("gone", array(9), immutable=True)
                assert demote(grid.nodes["a"]) == 3
                del cache["gone"]
        with (
            SmallGrid(store_dir / "after", "a", "b") as grid,
            give_disk(grid.nodes["a"], tmp_path),
        ):
            for node in grid.nodes.values():
                assert node.chores.reregister(grid.roster.view)
            there = grid.nodes["b"].cache()
            for number, key in enumerate(keys):
                np.testing.assert_array_equal(there[key], array(number))
            assert sorted(there.keys()) == sorted(keys)
            assert there.stats().namespace.policy == "lfu"
            del there[keys[0]]
            assert grid.nodes["a"].cache().get(keys[0]) is None

    def test_the_next_actor_takes_the_disk_over(
        self, store_dir: Path, tmp_path: Path
    ) -> None:
        with SmallGrid(store_dir, "a", "b") as grid:
            node = grid.nodes["a"]
            with give_disk(node, tmp_path):
                node.cache().put("key", array(1), immutable=True)
                demote(node)
            assert node.cache().get("key") is None  # there is no tier meanwhile
            with give_disk(node, tmp_path) as tier:
                assert tier.sizes()["disk_entries"] == 1
                np.testing.assert_array_equal(node.cache()["key"], array(1))

    @pytest.mark.parametrize("change", ["delete", "replace"])
    def test_what_a_plain_cache_changed_meanwhile_does_not_come_back(
        self, store_dir: Path, tmp_path: Path, change: str
    ) -> None:
        with SmallGrid(store_dir, "a", "b") as grid:
            node = grid.nodes["a"]
            with give_disk(node, tmp_path):
                node.cache().put("key", array(1), immutable=True)
                node.cache().put("kept", array(2), immutable=True)
                demote(node)
                assert node.cache()["key"] is not None  # in both places
            with GridCache("c", path=node.store.directory, grid=None) as plain:
                del plain["key"]
                if change == "replace":
                    plain["key"] = 2
            with give_disk(node, tmp_path) as tier:
                assert tier.sizes()["disk_entries"] == 1
                np.testing.assert_array_equal(node.cache()["kept"], array(2))


class TestFarewell:
    def test_a_node_that_goes_gives_away_what_is_on_its_disk_only(
        self, store_dir: Path, tmp_path: Path
    ) -> None:
        with SmallGrid(store_dir, "a", "b") as grid:
            node, keys = grid.nodes["a"], [f"k{number}" for number in range(3)]
            with give_disk(node, tmp_path):
                for number, key in enumerate(keys):
                    nbytes = (1 << 21) if number else 1000
                    value = array(number, nbytes)
                    node.cache().put(key, value, immutable=True, node="local")
                demote(node)
                assert node.chores.hand_over_copies(10.0).entries == 3
            assert grid.nodes["b"].store.stats().namespace("c").entries == 3
