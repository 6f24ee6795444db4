"""Prefetch: values come to this node before they are asked for."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gridcache import GridCache
from gridcache.cluster.client import prefetching
from gridcache.cluster.client.far import Far
from tests.cluster.kit.small_grid import SmallGrid
from tests.cluster.kit.tiers import array, demote, give_disk


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b") as grid:
        yield grid


def test_values_of_other_nodes_come_and_are_read_without_them(grid: SmallGrid) -> None:
    there, here = grid.nodes["b"].cache(), grid.nodes["a"].cache()
    sizes = [100, 5000, 40_000, 3 << 20]
    for number, nbytes in enumerate(sizes):
        there.put(f"k{number}", array(number, nbytes), immutable=True)
    keys = [*(f"k{number}" for number in range(len(sizes))), "none"]
    with here.prefetch(keys) as coming:
        assert coming.wait(30)
        assert coming.done
        assert (coming.here, coming.absent, coming.wanted) == (4, 1, 5)
        grid.nodes["b"].server.close()
        for number, nbytes in enumerate(sizes):
            np.testing.assert_array_equal(here[f"k{number}"], array(number, nbytes))


def test_what_came_is_held_until_it_is_let_go(grid: SmallGrid) -> None:
    node = grid.nodes["a"]
    grid.nodes["b"].cache().put("key", array(1), immutable=True)
    coming = node.cache().prefetch(["key"])
    assert coming.wait(30)
    assert len(node.store._parts.clients.pinned_offsets()) == 1
    coming.close()
    assert len(node.store._parts.clients.pinned_offsets()) == 0


def test_mutable_values_stay_at_their_homes(grid: SmallGrid) -> None:
    key = grid.key_at("b")
    grid.nodes["b"].cache()[key] = array(1)
    coming = grid.nodes["a"].cache().prefetch([key])
    assert coming.wait(30)
    assert (coming.here, coming.absent) == (0, 1)


def test_demoted_values_come_back(grid: SmallGrid, tmp_path: Path) -> None:
    node = grid.nodes["a"]
    with give_disk(node, tmp_path):
        node.cache().put("key", array(1), immutable=True)
        demote(node)
        with node.cache().prefetch(["key"]) as coming:
            assert coming.wait(30)
            assert coming.here == 1
        assert node.store.stats().namespace("c").entries == 1


def test_little_is_on_its_way_at_a_time_and_a_cancel_ends_it(
    grid: SmallGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetching, "_BATCH_NBYTES", 100_000)
    there, here = grid.nodes["b"].cache(), grid.nodes["a"].cache()
    keys = [f"k{number}" for number in range(20)]
    there.put_many({key: array(1, 40_000) for key in keys}, immutable=True)
    batches, begun, go_on = list[int](), threading.Event(), threading.Event()
    get_many = Far.get_many

    def noted(self: Far, space: object, texts: list[str]) -> object:
        batches.append(len(texts))
        begun.set()
        assert go_on.wait(30)
        return get_many(self, space, texts)  # type: ignore[arg-type]

    monkeypatch.setattr(Far, "get_many", noted)
    coming = here.prefetch(keys)
    assert begun.wait(30)
    assert not coming.done
    assert not coming.wait(0)
    coming.cancel()
    go_on.set()
    assert coming.wait(30)
    assert batches == [2]
    assert coming.canceled
    assert coming.here == 2


def test_a_single_store_says_what_is_there(store_dir: Path) -> None:
    with GridCache(path=store_dir / "plain") as cache:
        cache["a"] = 1
        with cache.prefetch(["a", "b"]) as coming:
            assert coming.done
            assert coming.wait(0)
            assert (coming.here, coming.absent) == (1, 1)
            assert repr(coming) == "<Prefetch 1 of 2 here, done>"
