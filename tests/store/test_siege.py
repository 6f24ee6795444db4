"""Four processes read and write while one is killed every half second."""

from pathlib import Path

import pytest

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.shop import Shop
from tests.store.kit.siege import Siege, besiege, check_all

ROOMY, CROWDED = 256 << 20, 8 << 20


def withstand(siege: Siege, capacity_nbytes: int) -> None:
    """Nothing corrupt, nothing lost, nothing leaked, everything verified."""
    close_store(open_store(siege.directory, capacity_nbytes=capacity_nbytes))
    assert besiege(siege) >= siege.seconds // 2
    store = open_store(siege.directory)
    try:
        shop = Shop(store, store.namespace(Namespace("default")))
        store.tidy()
        check_all(siege, shop)
        report = store.check()
        assert report.ok, report.problems
        stats = store.stats()
        live = sum(extent.nbytes for extent in store.extents())
        assert stats.arena_nbytes - stats.free_nbytes == live, "leaked"
        assert stats.retired_nbytes == 0
        assert bool(stats.namespace("default").evictions) == siege.evicting
        shop.put("after", 1, 300_000)
        assert shop.number("after") == 1
    finally:
        close_store(store)


def test_nothing_is_lost_where_there_is_room(store_dir: Path) -> None:
    withstand(Siege(store_dir / "store", seconds=8), ROOMY)


def test_nothing_is_corrupt_where_there_is_none(store_dir: Path) -> None:
    siege = Siege(store_dir / "store", seconds=6, keys=100, evicting=True)
    withstand(siege, CROWDED)


@pytest.mark.soak
@pytest.mark.parametrize("evicting", [False, True], ids=["roomy", "crowded"])
def test_minutes_of_it(store_dir: Path, evicting: bool) -> None:
    siege = Siege(store_dir / "store", seconds=240, keys=100, evicting=evicting)
    withstand(siege, CROWDED if evicting else ROOMY)
