"""Under load: what is pinned is there, wherever it went, and what is deleted is not."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gridcache.cluster.tier.demotion import Demoter
from gridcache.cluster.tier.spill import Spill
from gridcache.errors import OutOfSpaceError
from tests.cluster.kit.small_grid import SmallGrid
from tests.cluster.kit.tiers import array, give_disk, tier_at

pytestmark = pytest.mark.soak

_LOAD_S = 15.0
_DISK = 32 << 20
_SIZES = (2_000, 300_000, 1_100_000, 3_000_000)
_AT = "aabb"
"""Nodes of the clients."""


@pytest.fixture
def grid(store_dir: Path, tmp_path: Path) -> Iterator[SmallGrid]:
    """Two nodes with disks that fill, whose actors make room."""
    with SmallGrid(store_dir, "a", "b") as grid, ExitStack() as stack:
        for node in grid.nodes.values():
            stack.enter_context(give_disk(node, tmp_path, _DISK))
            demoter = Demoter(node.store, Spill(node.store))
            demoter.start()
            stack.callback(demoter.stop)
        yield grid


class Client:
    """Puts, reads and deletes pinned values, until a time."""

    def __init__(self, grid: SmallGrid, node: str, number: int) -> None:
        # Opened once: nobody renews here what tells that a grid serves the stores.
        self._caches = {name: one.cache() for name, one in grid.nodes.items()}
        self._cache, self._number = self._caches[node], number
        self._random = random.Random(number)
        self._there: dict[str, tuple[int, int]] = {}
        self._gone: list[str] = []
        self.refusals = 0

    def run(self, until: float) -> None:
        while time.monotonic() < until:
            act = self._random.random()
            if act < 0.6 or len(self._there) < 3:
                self._put()
            elif act < 0.9:
                self._look(self._some())
            else:
                self._delete(self._some())
        for key in self._there:
            self._look(key)
        assert not self._cache.get_many(self._gone)

    def _some(self) -> str:
        return self._random.choice(list(self._there))

    def _put(self) -> None:
        key = f"{self._number} {len(self._there) + len(self._gone)}"
        what = self._random.getrandbits(30), self._random.choice(_SIZES)
        try:
            self._cache.put(key, array(*what), immutable=True, pin=True)
        except OutOfSpaceError:
            self.refusals += 1
            assert key not in self._cache
            self._gone.append(key)
            if self._there:
                self._delete(self._some())
        else:
            self._there[key] = what

    def _look(self, key: str) -> None:
        for cache in self._caches.values():
            value = cache.get(key)
            assert value is not None, cache.explain(key).text
            np.testing.assert_array_equal(value, array(*self._there[key]))

    def _delete(self, key: str) -> None:
        del self._cache[key]
        del self._there[key]
        self._gone.append(key)


def test_clients_that_fill_every_rung_find_what_they_put(grid: SmallGrid) -> None:
    clients = [Client(grid, node, number) for number, node in enumerate(_AT)]
    until = time.monotonic() + _LOAD_S
    with ThreadPoolExecutor(len(clients)) as pool:
        for done in [pool.submit(one.run, until) for one in clients]:
            done.result()
    assert any(one.refusals for one in clients)
    for node in grid.nodes.values():
        assert tier_at(node).sizes()["disk_entries"] > 0
        assert node.store.check().problems == ()
        assert tier_at(node).store.check().problems == ()
