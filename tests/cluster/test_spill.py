"""Idle memory of other nodes: what has no room at one node goes to another."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gridcache.cluster.tier.demotion import START, STOP, Demoter, Trip
from gridcache.cluster.tier.ladder import DISK, NODE, Speed, rungs
from gridcache.cluster.tier.rooms import rooms_of
from gridcache.cluster.tier.spill import Spill
from gridcache.cluster.tier.tier_figures import Figures
from gridcache.errors import KeyNotFoundError
from gridcache.store.coldest import Cold
from tests.cluster.kit.small_grid import Node, SmallGrid
from tests.cluster.kit.tiers import array, fill, give_disk, immutable, tier_at


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b", "c") as grid:
        yield grid


def colds_of(node: Node) -> list[Cold]:
    own = next(one for one in node.store.namespaces() if one.name == "c")
    return node.store.cold.pick(own, immutable, 1 << 40, 1 << 20)


def entries_at(node: Node) -> int:
    return node.store.stats().namespace("c").entries


class TestSpill:
    def test_what_is_cold_goes_to_idle_memory_and_is_found_there(
        self, grid: SmallGrid
    ) -> None:
        node = grid.nodes["a"]
        keys = fill(node, START)
        demoter = Demoter(node.store, Spill(node.store))
        assert demoter.relieve() > 0
        assert node.store.cold.fill().share <= STOP
        assert Figures(node.store.directory).counts()["moved_entries"] > 0
        for name in "abc":
            cache = grid.nodes[name].cache()
            for number in (0, 1, len(keys) - 1):
                np.testing.assert_array_equal(cache[keys[number]], array(number))
        assert all(one.store.check().ok for one in grid.nodes.values())

    def test_small_values_go_many_in_a_message(self, grid: SmallGrid) -> None:
        node, cache = grid.nodes["a"], grid.nodes["a"].cache()
        values = {f"k{n}": array(n, 2000) for n in range(300)}
        cache.put_many(values, immutable=True, tags=["t"], cost=5)
        moved = Spill(node.store).move(colds_of(node))
        assert len(moved.safe) == 300
        assert not moved.refused
        node.store.cold.take_out(moved.safe)
        assert entries_at(node) == 0
        found = cache.get_many(values)
        assert all((found[key] == values[key]).all() for key in values)
        info = cache.info("k7")
        assert info is not None
        assert (info.tags, info.cost_s) == (("t",), 5)

    def test_a_node_takes_no_more_than_leaves_it_idle(self, grid: SmallGrid) -> None:
        for name in "bc":
            fill(grid.nodes[name], 0.8, stem=name)
        node = grid.nodes["a"]
        fill(node, 0.3)
        assert not Spill(node.store).has_room()
        assert len(Spill(node.store).move(colds_of(node)).refused) > 0

    def test_who_said_it_was_idle_may_refuse(self, grid: SmallGrid) -> None:
        node = grid.nodes["a"]
        rooms = rooms_of(node.store)
        assert rooms.best(1) is not None
        for name in "bc":
            fill(grid.nodes[name], 0.8, stem=name)
        fill(node, 0.1)
        moved = Spill(node.store).move(colds_of(node))
        assert moved.refused
        assert not moved.safe
        assert entries_at(node) > 0

    def test_a_node_that_is_away_keeps_nothing(self, grid: SmallGrid) -> None:
        node = grid.nodes["a"]
        keys = fill(node, 0.2)
        assert rooms_of(node.store).best(1) is not None
        for name in "bc":
            grid.nodes[name].server.close()
        moved = Spill(node.store).move(colds_of(node))
        assert not moved.safe
        np.testing.assert_array_equal(node.cache()[keys[0]], array(0))

    @pytest.mark.parametrize("home", ["a", "b", "c"])
    def test_a_key_deleted_on_its_way_is_gone_everywhere(
        self, grid: SmallGrid, home: str
    ) -> None:
        node, key = grid.nodes["a"], grid.key_at(home)
        node.cache().put(key, array(1), immutable=True)
        spill = Spill(node.store)
        make_known = spill._make_known

        def delete_first(*args: object) -> list[Cold]:
            del grid.nodes[home].cache()[key]
            return make_known(*args)  # type: ignore[arg-type]

        spill._make_known = delete_first  # type: ignore[method-assign, assignment]
        assert spill.move(colds_of(node)).safe == []
        for one in grid.nodes.values():
            assert entries_at(one) == 0
            with pytest.raises(KeyNotFoundError):
                one.cache()[key]

    def test_a_delete_reaches_a_moved_copy(self, grid: SmallGrid) -> None:
        node = grid.nodes["a"]
        for home in "abc":
            node.cache().put(grid.key_at(home), array(1), immutable=True)
        Demoter(node.store, Spill(node.store)).carry(NODE, colds_of(node))
        for home in "abc":
            del grid.nodes["b"].cache()[grid.key_at(home)]
        assert [entries_at(one) for one in grid.nodes.values()] == [0, 0, 0]


class TestLadder:
    def test_the_faster_rung_is_first(self) -> None:
        fast, slow = Speed(1e-3, 1e9), Speed(1e-3, 1e8)
        assert rungs(1 << 20, 0.0, {NODE: fast, DISK: slow}) == [NODE, DISK]
        assert rungs(1 << 20, 0.0, {NODE: slow, DISK: fast}) == [DISK, NODE]

    def test_small_values_go_by_latency_and_large_ones_by_bandwidth(self) -> None:
        speeds = {NODE: Speed(1e-4, 1e8), DISK: Speed(1e-2, 1e9)}
        assert rungs(1000, 0.0, speeds)[0] == NODE
        assert rungs(1 << 26, 0.0, speeds)[0] == DISK

    def test_what_is_computed_sooner_has_no_rung(self) -> None:
        speeds = {NODE: Speed(1e-3, 1e9), DISK: Speed(1e-2, 1e9)}
        assert rungs(1000, 1e-4, speeds) == []
        assert rungs(1000, 5e-3, speeds) == [NODE]

    def test_measurements_change_the_order(self, store_dir: Path) -> None:
        figures = Figures(store_dir)
        assert _order(figures, 1 << 20) == [NODE, DISK]
        for _ in range(30):
            figures.measure(NODE, 1.0, 1 << 20)
            figures.measure(DISK, 1e-4, 1000)
            figures.measure(DISK, 1e-3, 1 << 20)
        assert _order(figures, 1 << 20) == [DISK, NODE]
        again = Figures(store_dir)
        assert again.speed(NODE) == figures.speed(NODE)

    @pytest.mark.parametrize("fast", [NODE, DISK])
    def test_values_go_where_they_come_back_from_soonest(
        self, grid: SmallGrid, tmp_path: Path, fast: str
    ) -> None:
        node = grid.nodes["a"]
        with give_disk(node, tmp_path) as tier:
            fill(node, 0.2)
            for _ in range(30):
                for rung in (NODE, DISK):
                    seconds = 1e-3 if rung == fast else 1.0
                    tier.figures.measure(rung, seconds, 1 << 20)
            Trip(Demoter(node.store, Spill(node.store))).take(colds_of(node))
            counts = tier.figures.counts()
            other = counts["moved_entries" if fast == DISK else "demoted_entries"]
            assert counts["demoted_entries" if fast == DISK else "moved_entries"] > 0
            assert other == 0

    def test_the_disk_takes_what_no_node_has_room_for(
        self, grid: SmallGrid, tmp_path: Path
    ) -> None:
        node = grid.nodes["a"]
        for name in "bc":
            fill(grid.nodes[name], 0.8, stem=name)
        with give_disk(node, tmp_path):
            fill(node, START)
            assert Demoter(node.store, Spill(node.store)).relieve() > 0
            assert tier_at(node).figures.counts()["demoted_entries"] > 0
            assert node.store.cold.evictions() == 0


class TestPlacement:
    def test_a_new_value_goes_elsewhere_before_anything_is_evicted(
        self, grid: SmallGrid
    ) -> None:
        node, cache = grid.nodes["a"], grid.nodes["a"].cache()
        fill(node, START)
        before = entries_at(node)
        for number in range(10):
            cache.put(f"new{number}", array(number), immutable=True)
        assert entries_at(node) == before
        assert node.store.cold.evictions() == 0
        elsewhere = [entries_at(grid.nodes[name]) for name in "bc"]
        assert sum(elsewhere) == 10
        np.testing.assert_array_equal(cache["new3"], array(3))

    def test_the_most_idle_node_is_taken(self, grid: SmallGrid) -> None:
        fill(grid.nodes["a"], START)
        fill(grid.nodes["b"], 0.6, stem="b")
        grid.nodes["a"].cache().put("new", array(1), immutable=True)
        assert entries_at(grid.nodes["c"]) == 1

    def test_a_node_wished_for_is_kept_to(self, grid: SmallGrid) -> None:
        node = grid.nodes["a"]
        fill(node, START)
        node.cache().put("new", array(1), immutable=True, node="local")
        assert grid.nodes["b"].store.stats().namespace("c").entries == 0
        assert grid.nodes["c"].store.stats().namespace("c").entries == 0


class TestThread:
    def test_the_thread_makes_room_while_clients_put(
        self, grid: SmallGrid, tmp_path: Path
    ) -> None:
        node = grid.nodes["a"]
        with give_disk(node, tmp_path):
            demoter = Demoter(node.store, Spill(node.store))
            demoter.start()
            relieved = threading.Event()
            relieve = demoter.relieve

            def noted() -> int:
                nbytes = relieve()
                if nbytes:
                    relieved.set()
                return nbytes

            demoter.relieve = noted  # type: ignore[method-assign]
            try:
                fill(node, START)
                assert relieved.wait(30.0)
            finally:
                demoter.stop()


def _order(figures: Figures, nbytes: int) -> list[str]:
    return rungs(nbytes, 0.0, {rung: figures.speed(rung) for rung in (NODE, DISK)})
