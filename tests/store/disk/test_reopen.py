"""A store on disk persists: closed, or its processes killed, it is there again."""

import signal
from pathlib import Path

import pytest

from gridcache.store import marks, recovery
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import Miss, MissReason
from tests.store.disk.stores import CAPACITY, fill, leftovers, opened, read_all, replay
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the store of a test lies."""
    return tmp_path / "store"


def test_another_process_reads_what_was_put_before_the_close(home: Path) -> None:
    with opened(home) as shop:
        assert shop.store.on_disk
        expected = fill(shop)
    with Child("disk_reader", home, *expected) as child:
        heard = dict(child.hear().split() for _ in expected)
        child.hear("ok")
    assert heard == {key: str(number) for key, number in expected.items()}


def test_reopening_after_a_close_walks_no_index(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(home) as shop:
        expected = fill(shop)
    assert marks.read_mark(home, marks.CLEAN)
    monkeypatch.setattr(recovery, "_walk", lambda _: pytest.fail("walked"))
    with opened(home) as shop:
        assert read_all(shop, list(expected)) == expected
        assert not (home / marks.CLEAN).exists()


def test_only_the_last_user_marks_a_store_clean(home: Path) -> None:
    with opened(home) as shop:
        shop.put("key", 1, 10)
        with Child("disk_putter", home, "0") as child:
            child.hear()
            child.tell("close")
            while child.hear() != "closed":
                pass
            assert child.wait() == 0
        assert not (home / marks.CLEAN).exists()
    assert (home / marks.CLEAN).exists()


def test_a_get_from_a_store_on_disk_is_a_view_of_the_mapped_file(home: Path) -> None:
    with opened(home) as shop:
        shop.put("large", 7, 200_000)
        hit = shop.hit("large")
        assert hit.leased
        assert hit.body.readonly
        assert shop.number("large") == 7
        del hit


def _infos(shop: Shop) -> dict[str, object]:
    keys = shop.keys()
    return {key: shop.store.info(shop.space, key) for key in keys}


@pytest.mark.parametrize("lost_index", [False, True])
def test_tags_expiry_pins_and_cost_come_back(home: Path, lost_index: bool) -> None:
    with opened(home) as shop:
        shop.put("tagged", 1, 100, tags=("a", "b"), cost_s=2.5)
        shop.put("pinned", 2, 100, pinned=True)
        shop.put("late", 3, 100, ttl_s=1000.0)
        shop.put("changed", 4, 100, pinned=True, ttl_s=1000.0)
        shop.store.change(shop.space, "changed", pinned=False, forever=True)
        shop.put("later pinned", 5, 100)
        shop.store.change(shop.space, "later pinned", pinned=True, ttl_s=500.0)
        before = _infos(shop)
    if lost_index:
        (home / "data.mdb").unlink()
    with opened(home) as shop:
        after = _infos(shop)
        assert after == before
        assert shop.store.clear(shop.space, tag="a") == 1
        assert shop.number("later pinned") == 5


@pytest.mark.parametrize("lost_index", [False, True])
def test_generations_go_on_above_all_that_were_given(
    home: Path, lost_index: bool
) -> None:
    with opened(home) as shop:
        last = shop.put("key", 1, 100) or 0
        shop.put("other", 1, 100)
        shop.delete("other")
    if lost_index:
        (home / "data.mdb").unlink()
    with opened(home) as shop:
        assert (shop.put("key", 2, 100) or 0) > last + 1


@pytest.mark.parametrize("turns", [5, pytest.param(10, marks=pytest.mark.soak)])
def test_every_acknowledged_entry_is_there_after_kill_9(home: Path, turns: int) -> None:
    known: dict[str, int] = {}
    with opened(home, capacity_nbytes=64 << 20):
        pass
    for turn in range(turns):
        with Child("disk_putter", home, turn * 10_000) as child:
            log = [child.hear() for _ in range(80 + 17 * turn)]
            child.kill()
            log += leftovers(child)
        under_way = replay(log, known)
        with opened(home) as shop:
            found = read_all(shop, list(known))
        if under_way is not None and found.get(under_way[0], 0) == under_way[1]:
            known[under_way[0]] = under_way[1]
        assert {key: number or 0 for key, number in found.items()} == known


def test_a_killed_neighbour_costs_nothing_while_others_go_on(home: Path) -> None:
    with opened(home, capacity_nbytes=64 << 20) as shop:
        with Child("disk_putter", home, 0) as child:
            for _ in range(50):
                child.hear()
            child.kill()
        shop.put("mine", 1, 1000)
        assert shop.number("mine") == 1
        shop.store.tidy()


def test_what_the_dead_had_reserved_is_free_again_after_a_clean_close(
    home: Path,
) -> None:
    store = open_store(home, capacity_nbytes=CAPACITY)
    assert store._housekeeper is not None
    store._housekeeper.stop()  # it would reap within a second
    with Child("disk_reserver", home, 300_000) as child:
        assert child.wait() == -9
    close_store(store)
    with opened(home) as shop:
        shop.store.tidy()
        stats = shop.store.stats()
        assert stats.retired_nbytes == 0
        used = stats.arena_nbytes - stats.free_nbytes
        assert used == stats.namespace("default").stored_nbytes


def test_a_stopped_opener_is_named(home: Path) -> None:
    with opened(home):
        pass
    with Child("disk_opener", home) as child:
        child.hear("inside")
        child.stop()
        with pytest.raises(TimeoutError, match=str(child.pid)), opened(home):
            pass
        child.go_on()
        child.tell()
        with opened(home):
            pass


def test_a_damaged_value_is_a_miss_with_its_reason_and_then_gone(home: Path) -> None:
    with opened(home) as shop:
        shop.put("key", 1, 50_000)
        shop.put("other", 2, 100)
        entry = shop.store.find(shop.space, "key")
        assert not isinstance(entry, Miss)
        with (home / "arena").open("r+b") as file:
            file.seek(entry.offset + entry.lead_nbytes + 30_000)
            file.write(b"!!!!!!!!")
        for view in (True, False):
            found = shop.look_up("key", view=view)
            assert isinstance(found, Miss)
            assert found.reason is MissReason.CORRUPT
        assert shop.keys() == ["other"]
        assert shop.store.stats().namespace("default").misses["corrupt"] == 2
        shop.put("key", 3, 100)
        assert shop.number("key") == 3


def test_a_child_that_died_says_so() -> None:
    with Child("disk_reader", "/nowhere") as child:
        assert child.wait() not in {0, -signal.SIGSEGV}
