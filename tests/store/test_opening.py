"""Making, joining and refusing stores."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gridcache.errors import (
    ClosedError,
    ConfigError,
    OutOfSpaceError,
    StoreAccessError,
    StoreFormatError,
)
from gridcache.store import housekeeping
from gridcache.store.layout import FORMAT, MINIMUM_CAPACITY
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

CAPACITY = 8 << 20
is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="needs to be root")


# -- capacity --------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [0, -1, 1, 4096, MINIMUM_CAPACITY - 1, 1 << 60])
def test_a_capacity_that_cannot_be_is_refused(store_dir: Path, capacity: int) -> None:
    with pytest.raises(ConfigError, match=str(capacity)) as caught:
        open_store(store_dir / "store", capacity_nbytes=capacity)
    assert caught.value.context["capacity"] == capacity
    assert [*store_dir.iterdir()] == []


@pytest.mark.parametrize("capacity", [0, -1, 1, 4096, 1 << 60])
def test_a_resize_to_a_capacity_that_cannot_be_changes_nothing(
    open_shop: Callable[..., Shop], capacity: int
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 1_000_000)
    with pytest.raises((ConfigError, OutOfSpaceError)):
        shop.store.resize(capacity)
    assert shop.store.capacity_nbytes == CAPACITY
    assert shop.number("key") == 1


def test_the_smallest_store_works(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(MINIMUM_CAPACITY)
    for number in range(500):
        shop.put(f"key{number}", number, 20_000)
    assert shop.number("key499") == 499


def test_a_second_opener_gets_the_store_as_it_is(
    open_shop: Callable[..., Shop],
) -> None:
    """The sizes come from the files, never from the caller."""
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 100_000)
    assert open_shop(4 * CAPACITY).store is shop.store
    with Child("filler", shop.store.directory, 1, 2000, 100, 5000) as child:
        child.hear("ready")
        child.tell()
        child.hear("done")
    assert shop.store.capacity_nbytes == CAPACITY


# -- places ----------------------------------------------------------------------


def test_no_store_and_no_capacity_is_a_missing_file(store_dir: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_store(store_dir / "store")


def test_missing_parents_are_made_for_the_user_alone(store_dir: Path) -> None:
    path = store_dir / "a" / "b" / "store"
    store = open_store(path, capacity_nbytes=CAPACITY)
    close_store(store)
    assert path.stat().st_mode & 0o777 == 0o700
    for file in path.rglob("*"):
        allowed = 0o700 if file.is_dir() else 0o600
        assert file.stat().st_mode & 0o777 == allowed, file.name


def test_an_empty_directory_becomes_a_store(store_dir: Path) -> None:
    path = store_dir / "store"
    path.mkdir()
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    assert (path / "superblock").exists()


def test_a_directory_of_other_things_is_left_alone(store_dir: Path) -> None:
    path = store_dir / "store"
    path.mkdir()
    (path / "thesis.txt").write_text("mine")
    with pytest.raises(StoreFormatError, match="not empty"):
        open_store(path, capacity_nbytes=CAPACITY)
    assert [file.name for file in path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", '{"magic": "other"}'])
def test_a_foreign_superblock_is_refused(store_dir: Path, text: str) -> None:
    path = store_dir / "store"
    path.mkdir()
    (path / "superblock").write_text(text)
    with pytest.raises(StoreFormatError):
        open_store(path, capacity_nbytes=CAPACITY)
    assert [file.name for file in path.iterdir()] == ["superblock"]


def test_a_newer_format_is_refused_and_untouched(store_dir: Path) -> None:
    path = store_dir / "store"
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    block = json.loads((path / "superblock").read_text())
    block |= {"format": FORMAT + 1, "something new": 1}
    (path / "superblock").write_text(json.dumps(block))
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    with pytest.raises(StoreFormatError, match=f"format {FORMAT + 1}"):
        open_store(path, capacity_nbytes=CAPACITY)
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before


def test_a_file_in_the_place_is_refused(store_dir: Path) -> None:
    (store_dir / "store").write_text("mine")
    with pytest.raises((StoreFormatError, StoreAccessError)):
        open_store(store_dir / "store", capacity_nbytes=CAPACITY)
    with pytest.raises((StoreFormatError, StoreAccessError)):
        open_store(store_dir / "store" / "below", capacity_nbytes=CAPACITY)
    assert (store_dir / "store").read_text() == "mine"


def test_a_directory_others_can_write_is_refused(store_dir: Path) -> None:
    path = store_dir / "store"
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    path.chmod(0o770)
    with pytest.raises(StoreAccessError, match="others"):
        open_store(path)


@needs_root
def test_a_store_of_another_user_is_refused(store_dir: Path) -> None:
    path = store_dir / "store"
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    os.chown(path, 65534, -1)
    with pytest.raises(StoreAccessError, match="belongs to user 65534"):
        open_store(path)


@needs_root
@pytest.mark.parametrize(
    "place", ["store", "empty", "nowhere/store", "below/store", "unwritable/store"]
)
def test_another_user_is_refused_and_told_so(store_dir: Path, place: str) -> None:
    """Of a private directory, in every form: there, empty, or not yet made."""
    (store_dir / "unwritable").mkdir(mode=0o500)
    os.chown(store_dir / "unwritable", 65534, 65534)
    close_store(open_store(store_dir / "store", capacity_nbytes=CAPACITY))
    (store_dir / "empty").mkdir(mode=0o755)
    (store_dir / "below").mkdir(mode=0o700)
    store_dir.chmod(0o755)
    with Child("nobody", store_dir / place) as child:
        child.hear("StoreAccessError")


def test_links_are_not_followed(store_dir: Path) -> None:
    path = store_dir / "store"
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    (path / "arena").rename(store_dir / "elsewhere")
    (path / "arena").symlink_to(store_dir / "elsewhere")
    with pytest.raises((StoreAccessError, StoreFormatError)):
        open_store(path)


# -- many at once ------------------------------------------------------------------


def test_openers_of_one_path_share_the_store_until_the_last_closes(
    store_dir: Path,
) -> None:
    one = open_store(store_dir / "store", capacity_nbytes=CAPACITY)
    other = open_store(store_dir / "." / "store")
    assert other is one
    close_store(other)
    shop = Shop(one, one.namespace(Namespace("default")))
    shop.put("key", 1, 10)
    close_store(one)
    with pytest.raises(ClosedError):
        shop.number("key")


def test_after_close_every_call_says_so(store_dir: Path) -> None:
    store = open_store(store_dir / "store", capacity_nbytes=CAPACITY)
    shop = Shop(store, store.namespace(Namespace("default")))
    shop.put("key", 1, 100_000)
    held = shop.hit("key")
    close_store(store)
    close_store(store)
    store.close()
    calls: list[Callable[[], object]] = [
        lambda: shop.put("key", 1, 10),
        lambda: shop.put("key", 1, 10_000),
        lambda: shop.put("key", 1, 1_000_000),
        lambda: shop.look_up("key"),
        lambda: shop.delete("key"),
        shop.keys,
        lambda: store.clear(shop.space),
        lambda: store.change(shop.space, "key", pinned=True),
        store.stats,
        store.check,
        lambda: store.resize(2 * CAPACITY),
        lambda: store.info(shop.space, "key"),
        lambda: store.namespace(Namespace("other")),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()
    assert len(held.body) == 100_000
    del held


def test_threads_open_and_close_one_path_at_once(store_dir: Path) -> None:
    failures: list[BaseException] = []

    def come_and_go(which: int) -> None:
        try:
            for turn in range(25):
                store = open_store(store_dir / "store", capacity_nbytes=CAPACITY)
                shop = Shop(store, store.namespace(Namespace("default")))
                shop.put(f"key{which}", turn, 5000)
                assert shop.number(f"key{which}") == turn
                close_store(store)
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_closing_while_threads_write_ends_them_with_a_clear_error(
    store_dir: Path,
) -> None:
    store = open_store(store_dir / "store", capacity_nbytes=CAPACITY)
    shop = Shop(store, store.namespace(Namespace("default")))
    ended: list[BaseException] = []
    started = threading.Barrier(5)

    def work(which: int) -> None:
        started.wait()
        try:
            for number in range(1_000_000):
                shop.put(f"{which}/{number % 100}", number, number % 70_000)
                shop.number(f"{which}/{number % 90}")
        except BaseException as error:  # noqa: BLE001 - looked at in the main thread
            ended.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    shop.put("key", 1, 100_000)
    close_store(store)
    for thread in threads:
        thread.join(20)
    assert [type(error) for error in ended] == [ClosedError] * 4


def test_processes_make_one_store_at_once(store_dir: Path) -> None:
    children = [Child("maker", store_dir / "store", CAPACITY) for _ in range(4)]
    try:
        for child in children:
            child.hear("ready")
        for child in children:
            child.tell()
        for child in children:
            child.hear("made")
    finally:
        for child in children:
            with child:
                pass
    assert [path.name for path in store_dir.iterdir()] == ["store"]


def test_two_stores_side_by_side(open_shop: Callable[..., Shop]) -> None:
    one, other = open_shop(CAPACITY, at="one"), open_shop(CAPACITY, at="other")
    for number in range(200):
        one.put(f"key{number}", number, 100_000)
        other.put(f"key{number}", number + 1000, 90_000)
    assert (one.number("key199"), other.number("key199")) == (199, 1199)


def test_generations_are_never_used_again(store_dir: Path) -> None:
    seen = set()
    for turn in range(5):
        store = open_store(store_dir / "store", capacity_nbytes=CAPACITY)
        shop = Shop(store, store.namespace(Namespace("default")))
        for number in range(20):
            seen.add(shop.put(f"key{number}", turn, 5000))
        if turn % 2:
            store.clear(shop.space)
        close_store(store)
    assert len(seen) == 100
    assert None not in seen


# -- resizing ----------------------------------------------------------------------


def test_a_store_grows_with_its_data_in_place(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    for number in range(60):
        shop.put(f"key{number}", number, 100_000)
    shop.store.resize(3 * CAPACITY)
    for number in range(60, 150):
        shop.put(f"key{number}", number, 100_000)
    assert [shop.number(f"key{number}") for number in range(150)] == [*range(150)]


def test_a_store_shrinks_with_its_warmest_data_in_place(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(3 * CAPACITY)
    for number in range(200):
        shop.put(f"key{number}", number, 100_000)
    for number in range(40):
        shop.number(f"key{number}")
    shop.store.resize(CAPACITY)
    stats = shop.store.stats()
    assert stats.directory_nbytes <= CAPACITY
    assert stats.capacity_nbytes == CAPACITY
    assert [shop.number(f"key{number}") for number in range(40)] == [*range(40)]
    assert stats.namespace("default").entries > 55


def test_a_shrink_that_pins_forbid_changes_nothing(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(2 * CAPACITY)
    for number in range(110):
        shop.put(f"key{number}", number, 100_000, pinned=True)
    for number in range(20):
        shop.put(f"free{number}", number, 100_000)
    with pytest.raises(OutOfSpaceError, match="pins"):
        shop.store.resize(CAPACITY)
    assert shop.store.capacity_nbytes == 2 * CAPACITY
    assert [shop.number(f"key{number}") for number in range(110)] == [*range(110)]
    shop.put("more", 1, 1_000_000)
    assert shop.number("more") == 1


def test_a_resize_is_seen_by_the_others(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    with Child("filler", shop.store.directory, 1, 300, 100_000) as child:
        child.hear("ready")
        shop.store.resize(4 * CAPACITY)
        child.tell()
        child.hear("done")
    assert shop.store.stats().namespace("default").entries > 200
    shop.store.resize(CAPACITY)
    assert shop.store.stats().directory_nbytes <= CAPACITY


def test_the_map_grows_under_a_process_that_has_it_open(
    open_shop: Callable[..., Shop],
) -> None:
    """And the other way round: both see the pages beyond their first size."""
    shop = open_shop(CAPACITY)
    size = shop.store.stats().index_nbytes
    with Child("filler", shop.store.directory, "a", 8000, 10) as child:
        child.hear("ready")
        child.tell()
        child.hear("done")
        assert shop.store.stats().index_nbytes > size
        for number in range(0, 8000, 7):
            assert shop.number(f"a-{number}") in {number, None}
        for number in range(8000):
            shop.put(f"b{number}", number, 10)
        assert shop.number("b7999") == 7999
    assert shop.store.check().ok


def test_a_write_is_the_first_to_meet_a_map_that_another_grew(
    open_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "PERIOD_S", 1000.0)
    shop = open_shop(CAPACITY)
    with Child("filler", shop.store.directory, "a", 8000, 10) as child:
        child.hear("ready")
        child.tell()
        child.hear("done")
        shop.put("key", 1, 10)
        assert shop.number("key") == 1


def test_what_was_killed_in_the_making_is_removed_in_time(store_dir: Path) -> None:
    old, young = store_dir / ".store.1234", store_dir / ".store.5678"
    for draft in (old, young):
        draft.mkdir()
        (draft / "arena").write_bytes(bytes(1000))
    os.utime(old, (1, 1))
    close_store(open_store(store_dir / "store", capacity_nbytes=CAPACITY))
    assert not old.exists()
    assert young.exists()
