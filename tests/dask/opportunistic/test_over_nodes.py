"""What one node keeps another finds."""

from collections.abc import Iterator
from pathlib import Path

import dask
import pytest

from gridcache.dask import cached, plan
from gridcache.published.handle import Handle, close_all
from tests.cluster.kit.small_grid import SmallGrid
from tests.dask.kit.collections import array, assert_same
from tests.dask.kit.notes import Log
from tests.dask.opportunistic.kit import ALL

_NORTH, _SOUTH = "default", "default@south"
"""Nodes, and names of stores by which a process without Ray finds them."""


@pytest.fixture
def nodes(store_dir: Path) -> Iterator[SmallGrid]:
    with (
        dask.config.set(scheduler="threads"),
        SmallGrid(store_dir, _NORTH, _SOUTH) as grid,
    ):
        yield grid
        close_all()


def test_what_one_node_keeps_another_finds(nodes: SmallGrid, tmp_path: Path) -> None:
    north, south = (
        Handle("dask", path=str(nodes.nodes[name].store.directory))
        for name in (_NORTH, _SOUTH)
    )
    log = Log(tmp_path / "log")
    with cached(north, **ALL) as first:
        wanted = array(log).compute()
    computed = log.count
    outlook = plan(array(log), cache=south)
    with cached(south, **ALL) as second:
        assert_same(array(log).compute(), wanted)
        assert_same((array(log) + 1).compute(), wanted + 1)
    assert log.count == computed + 4  # fused with what adds one
    assert (outlook.hits, outlook.computed) == (1, 0)
    assert outlook.nbytes == second.loaded_nbytes > 0
    assert outlook.saved_s == pytest.approx(second.saved_s)
    assert second.hits == 1
    assert first.stored == first.misses > 0
