"""A rebuilt index: everything that is whole, nothing that is not, within the bound."""

import logging
import sys
from pathlib import Path

import pytest

from gridcache.store import recovery
from gridcache.store.disk import HEAD_MAGIC
from gridcache.store.files import allocated_nbytes
from gridcache.store.index import Index
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from gridcache.store.records import Entry
from gridcache.store.scan import scan_arena
from tests.store.disk.stores import CAPACITY, copy_store, fill, opened, read_all
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the store of a test lies."""
    return tmp_path / "store"


def _lose_index(home: Path) -> None:
    (home / "data.mdb").unlink()


@pytest.mark.parametrize(
    ("count", "nbytes"), [(4000, 100), (700, 20_000), (40, 500_000)]
)
def test_a_full_store_comes_back_within_its_bound(
    home: Path, monkeypatch: pytest.MonkeyPatch, count: int, nbytes: int
) -> None:
    with opened(home) as shop:
        for number in range(count):
            shop.put(f"key-{number}", number, nbytes, pinned=number == count // 2)
        before = read_all(shop, shop.keys())
        last_hot = sorted(before, key=lambda key: before[key] or 0)[-10:]
    _lose_index(home)
    sizes = []
    real = Index.transact

    def sampled(index: Index, work: object) -> object:
        sizes.append(allocated_nbytes(home))
        return real(index, work)  # type: ignore[arg-type]

    monkeypatch.setattr(Index, "transact", sampled)
    with opened(home) as shop:
        after = read_all(shop, shop.keys())
        assert after.items() <= before.items()
        assert len(after) > 0.95 * len(before)
        assert set(last_hot) <= set(after)
        assert f"key-{count // 2}" in after
        for number in range(100):
            shop.put(f"new-{number}", number, nbytes)
    assert max(sizes) <= CAPACITY


def test_every_namespace_comes_back_with_its_settings(home: Path) -> None:
    with opened(home) as shop:
        wanted = Namespace("other", policy="lfu", quota_nbytes=100_000, ttl_s=500.0)
        other = Shop(shop.store, shop.store.namespace(wanted))
        other.put("key", 1, 100)
        shop.put("key", 2, 100)
        changed = shop.store.change_namespace(
            Namespace("other", other.space.id, quota_nbytes=200_000)
        )
    _lose_index(home)
    with opened(home) as shop:
        again = Shop(shop.store, shop.store.namespace(Namespace("other")))
        assert again.space == changed
        assert (again.number("key"), shop.number("key")) == (1, 2)


def test_what_was_deleted_replaced_or_is_due_stays_away(home: Path) -> None:
    with opened(home) as shop:
        for turn in range(3):
            shop.put("replaced", turn, 5000)
        shop.put("deleted", 1, 5000)
        shop.delete("deleted")
        shop.put("tagged", 1, 5000, tags=("t",))
        shop.store.clear(shop.space, tag="t")
        shop.put("due", 1, 5000, ttl_s=-1.0)
    _lose_index(home)
    with opened(home) as shop:
        assert read_all(shop, shop.keys()) == {"replaced": 2}


def test_a_value_that_looks_like_an_arena_stays_a_value(
    home: Path, tmp_path: Path
) -> None:
    with opened(tmp_path / "first") as shop:
        fill(shop, 20)
    image = (tmp_path / "first" / "arena").read_bytes()
    assert image.count(HEAD_MAGIC) > 10
    with opened(home) as shop:
        entry_frames = shop.put("image", 1, len(image))
        assert entry_frames
        entry = shop.store.find(shop.space, "image")
        assert isinstance(entry, Entry)
        start = entry.offset + entry.lead_nbytes
        shop.store._parts.arena.write_one(start, image[: entry.body_nbytes])
    found = list(scan_arena(home / "arena", torn=False))
    assert [one.key[2:] for one in found] == [b"image"]
    assert not found[0].whole  # written behind its back: not what was put


def test_a_rebuild_that_dies_is_begun_anew(home: Path) -> None:
    with opened(home) as shop:
        expected = fill(shop)
    _lose_index(home)
    for place in ("namespaces", "entries", "install"):
        with Child("disk_rebuilder", home, place) as child:
            assert child.wait() == -9
    with opened(home) as shop:
        assert read_all(shop, list(expected)) == expected


def test_a_walk_that_hangs_or_cannot_start_means_a_rebuild(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(home) as shop:
        expected = fill(shop)
        hung = copy_store(home, tmp_path / "hung")
        unable = copy_store(home, tmp_path / "unable")
    monkeypatch.setattr(recovery, "_WALK_TIMEOUT_S", -1e9)
    with opened(hung) as shop:
        assert read_all(shop, list(expected)) == expected
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with opened(unable) as shop:
        assert read_all(shop, list(expected)) == expected


def test_a_rebuild_is_told_to_the_log(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(home) as shop:
        expected = fill(shop)
    _lose_index(home)
    with caplog.at_level(logging.WARNING, "gridcache"):
        close_store(open_store(home))
    assert f"{len(expected)} entries" in caplog.text
