"""The stores of a machine, listed and removed from outside."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gridcache.errors import StoreAccessError, StoreFormatError
from gridcache.store.directory import list_stores, remove_store
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

CAPACITY = 8 << 20


def leave_over(path: Path) -> None:
    """A store whose only process is killed in the middle of a put."""
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    with Child("writer", path, "done") as child:
        child.hear("done")
    with Child("writer", path, "reserved") as child:
        child.hear("reserved")


def test_nothing_is_listed_where_there_is_nothing(store_dir: Path) -> None:
    assert list_stores(store_dir) == []
    assert list_stores(store_dir / "nowhere") == []


def test_stores_are_listed_by_name_with_their_sizes(
    open_shop: Callable[..., Shop], store_dir: Path
) -> None:
    open_shop(CAPACITY, at="b").put("key", 1, 100_000)
    open_shop(2 * CAPACITY, at="a")
    (store_dir / "file").write_text("no store")
    (store_dir / "empty").mkdir()
    (store_dir / ".b.1234").mkdir()
    one, other = list_stores(store_dir)
    assert (one.name, other.name) == ("a", "b")
    assert (one.capacity_nbytes, other.capacity_nbytes) == (2 * CAPACITY, CAPACITY)
    assert (one.entries, other.entries) == (0, 1)
    assert (one.clients, other.clients) == (1, 1)
    assert 100_000 < other.directory_nbytes <= CAPACITY
    assert other.created > 0
    assert Path(other.path) == store_dir / "b"


def test_the_store_of_killed_processes_is_listed_with_its_data(
    store_dir: Path,
) -> None:
    leave_over(store_dir / "left")
    (found,) = list_stores(store_dir)
    assert (found.clients, found.entries) == (0, 1)
    store = open_store(store_dir / "left")
    shop = Shop(store, store.namespace(Namespace("default")))
    number, report = shop.number("child"), store.check()
    close_store(store)
    assert number == 5
    assert report.ok, report.problems


def test_the_store_of_killed_processes_can_be_removed(store_dir: Path) -> None:
    leave_over(store_dir / "left")
    remove_store(store_dir / "left")
    assert [*store_dir.iterdir()] == []


def test_a_damaged_store_is_listed_and_can_be_removed(store_dir: Path) -> None:
    path = store_dir / "store"
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    size = (path / "data.mdb").stat().st_size
    (path / "data.mdb").write_bytes(b"\xff" * size)
    (found,) = list_stores(store_dir)
    assert found.entries in {-1, 0}
    remove_store(path)
    assert not path.exists()


def test_an_open_store_is_removed_by_force_alone(store_dir: Path) -> None:
    path = store_dir / "store"
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    with Child("writer", path, "done") as child:
        child.hear("done")
        with pytest.raises(StoreAccessError, match=str(child.pid)) as caught:
            remove_store(path)
        assert caught.value.context["pids"] == [child.pid]
        assert path.exists()
        remove_store(path, force=True)
        assert not path.exists()


def test_what_is_no_store_is_not_removed(store_dir: Path) -> None:
    other = store_dir / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(FileNotFoundError):
        remove_store(other)
    (other / "superblock").write_text("{}")
    with pytest.raises(StoreFormatError):
        remove_store(other)
    assert (other / "thesis.txt").exists()


def test_after_a_removal_a_new_store_can_be_made_in_the_place(
    store_dir: Path,
) -> None:
    path = store_dir / "store"
    old = open_store(path, capacity_nbytes=CAPACITY)
    shop = Shop(old, old.namespace(Namespace("default")))
    shop.put("key", 1, 100_000)
    remove_store(path, force=True)
    new = open_store(path, capacity_nbytes=2 * CAPACITY)
    fresh = Shop(new, new.namespace(Namespace("default")))
    assert new is not old
    assert fresh.number("key") is None
    fresh.put("key", 2, 100_000)
    assert fresh.number("key") == 2
    close_store(new)
    close_store(old)


def test_listing_disturbs_nobody(
    open_shop: Callable[..., Shop], store_dir: Path
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 100_000)
    held = shop.hit("key")
    for _ in range(3):
        assert len(list_stores(store_dir)) == 1
    assert held.leased
    assert shop.number("key") == 1
    assert shop.store.stats().clients == 1
