"""Forked children share the store; views stay right on both sides."""

import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from gridcache.errors import StoreStalledError
from gridcache.store import opening
from gridcache.store.opening import close_store, open_store
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_body, read_number

fork: Any = multiprocessing.get_context("fork")
CAPACITY = 8 << 20


@contextmanager
def forked(work: Callable[[Connection], None]) -> Iterator[Connection]:
    """Run in a forked child, joined by a pipe; its exit code must be 0."""
    here, there = fork.Pipe()
    child = fork.Process(target=work, args=(there,))
    child.start()
    there.close()
    try:
        yield here
        child.join(60)
        assert child.exitcode == 0
    finally:
        here.close()
        child.kill()
        child.join()


def overfill(shop: Shop, name: str) -> None:
    for number in range(2 * CAPACITY // 100_000):
        shop.put(f"{name}{number}", number, 100_000)


def test_parent_and_child_see_each_others_values(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("before", 1, 50_000)

    def work(pipe: Connection) -> None:
        assert shop.number("before") == 1
        shop.put("child", 2, 50_000)
        pipe.send("put")
        assert pipe.recv() == "put"
        assert shop.number("parent") == 3
        assert shop.delete("before") == 1

    with forked(work) as pipe:
        assert pipe.recv() == "put"
        assert shop.number("child") == 2
        shop.put("parent", 3, 50_000)
        pipe.send("put")
    assert shop.number("before") is None


def test_the_parents_view_stays_right_while_the_child_evicts_everything(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 300_000)
    hit = shop.hit("key")
    before = read_body(hit)

    def work(_: Connection) -> None:
        overfill(shop, "child")
        assert shop.number("key") is None

    with forked(work):
        pass
    assert read_body(hit) == before


def test_the_childs_view_stays_right_after_the_parent_dropped_its_own(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 300_000)
    held = [shop.hit("key")]

    def work(pipe: Connection) -> None:
        pipe.send("holds")
        assert pipe.recv() == "dropped"
        assert read_number(held[0]) == 1
        held.clear()
        pipe.send("dropped")
        assert pipe.recv() == "end"

    with forked(work) as pipe:
        assert pipe.recv() == "holds"
        held.clear()
        shop.delete("key")
        overfill(shop, "parent")
        shop.store.tidy()
        assert shop.store.stats().retired_nbytes >= 300_000
        pipe.send("dropped")
        assert pipe.recv() == "dropped"
        shop.store.tidy()
        assert shop.store.stats().retired_nbytes == 0
        pipe.send("end")


def test_what_a_killed_child_held_is_free_again(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 300_000)
    held = [shop.hit("key")]
    pid = os.fork()
    if not pid:
        signal_end()
    held.clear()
    shop.delete("key")
    shop.store.tidy()
    assert shop.store.stats().retired_nbytes >= 300_000
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    shop.store.tidy()
    assert shop.store.stats().retired_nbytes == 0


def signal_end() -> None:
    """In a child: wait for the end, running nothing of the parent's."""
    threading.Event().wait(60)
    os._exit(1)


def test_forking_while_other_threads_read_and_write(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("fixed", 7, 100_000, pinned=True)
    ended = threading.Event()
    failures: list[BaseException] = []

    def keep_busy(name: str) -> None:
        number = 0
        try:
            while not ended.is_set():
                number += 1
                shop.put(f"{name}{number % 50}", number, number % 90_000)
                found = shop.number(f"{name}{(number * 7) % 50}")
                assert found is None or found % 50 == (number * 7) % 50
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            failures.append(error)

    threads = [threading.Thread(target=keep_busy, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    try:
        for turn in range(50):
            pid = os.fork()
            if not pid:
                run_and_exit(shop, turn)
            _, status = os.waitpid(pid, 0)
            assert status == 0, f"fork {turn}"
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not failures
    shop.store.tidy()
    assert shop.number("fixed") == 7


def run_and_exit(shop: Shop, turn: int) -> None:
    """In a child: one read and one write, then out without any cleaning up."""
    status = 1
    try:
        assert shop.number("fixed") == 7
        shop.put(f"child{turn % 5}", turn, 1000)
        assert shop.number(f"child{turn % 5}") == turn
        status = 0
    finally:
        os._exit(status)


def test_a_pool_of_forked_workers_shares_the_store(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)

    def work(pipe: Connection) -> None:
        with ProcessPoolExecutor(2, mp_context=fork) as pool:
            sums = list(pool.map(square, range(20)))
        pipe.send(sums)

    global _shop  # noqa: PLW0603 - what forked workers inherit
    _shop = shop
    try:
        with forked(work) as pipe:
            assert pipe.recv() == [number * number for number in range(20)]
        assert shop.number("square19") == 361
    finally:
        del _shop


_shop: Shop


def square(number: int) -> int:
    _shop.put(f"square{number}", number * number, 20_000)
    return _shop.number(f"square{number}") or 0


def test_a_child_of_a_child_works(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 100_000)
    held = shop.hit("key")

    def grandchild(pipe: Connection) -> None:
        assert read_number(held) == 1
        shop.put("grandchild", 3, 100_000)
        pipe.send("done")

    def child(pipe: Connection) -> None:
        with forked(grandchild) as inner:
            assert inner.recv() == "done"
        assert read_number(held) == 1
        pipe.send("done")

    with forked(child) as pipe:
        assert pipe.recv() == "done"
    assert shop.number("grandchild") == 3


def test_forking_with_two_stores_open(open_shop: Callable[..., Shop]) -> None:
    one, other = open_shop(CAPACITY), open_shop(CAPACITY, at="other")

    def work(_: Connection) -> None:
        one.put("key", 1, 100_000)
        other.put("key", 2, 100_000)

    with forked(work):
        pass
    assert (one.number("key"), other.number("key")) == (1, 2)


def test_a_fork_does_not_hang_while_a_process_stands(
    open_shop: Callable[..., Shop],
) -> None:
    """Both sides open the index anew: that works or is refused, in time."""
    shop = open_shop(CAPACITY, stall_timeout_s=0.3)
    shop.put("key", 1, 100_000)

    def reads_or_refuses() -> None:
        with suppress(StoreStalledError):
            assert shop.number("key") == 1

    with Child("writer", shop.store.directory, "inside") as child:
        child.hear("inside")
        child.stop()
        with forked(lambda _: reads_or_refuses()):
            reads_or_refuses()
        child.go_on()
        child.tell()
        child.hear("outside")
        with forked(lambda _: reads_or_refuses()):
            assert shop.number("key") == 1


def test_a_forked_child_takes_over_what_its_rows_last_owner_left(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    with Child("writer", shop.store.directory, "reserved") as child:
        child.hear("reserved")
        child.kill()

    def work(pipe: Connection) -> None:
        pipe.recv()

    with forked(work) as pipe:
        shop.store.tidy()
        stats = shop.store.stats()
        assert stats.free_nbytes == stats.arena_nbytes
        pipe.send("end")


def test_a_child_may_close_and_open_the_store(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 100_000)
    directory = shop.store.directory

    def work(_: Connection) -> None:
        shop.store.close()
        shop.store.close()
        opening._registry.stores.clear()
        again = open_store(directory)
        assert Shop(again, shop.space).number("key") == 1

    with forked(work):
        pass
    assert shop.number("key") == 1


def test_a_child_that_closes_leaves_its_parents_reading_alone(
    open_shop: Callable[..., Shop],
) -> None:
    """Closing an inherited environment would free the parent's reader slot."""
    shop = open_shop(64 << 20)
    for number in range(300):
        shop.put(f"key{number:03}", number, 100)
    index = shop.store._parts.index

    def work(pipe: Connection) -> None:
        shop.number("key000")
        pipe.send("ready")
        pipe.recv()
        shop.store.close()
        pipe.send("closed")
        pipe.recv()

    with forked(work) as pipe:
        assert pipe.recv() == "ready"
        before = index.snapshot(lambda txn: dict(entries(txn)))
        reader = SlowReader()
        thread = threading.Thread(target=lambda: index.snapshot(reader))
        thread.start()
        assert reader.inside.wait(30)
        pipe.send("close")
        assert pipe.recv() == "closed"
        for turn in range(5):
            blank = {key: bytes([turn]) * len(before[key]) for key in before}
            index.transact(lambda txn, new=blank: overwrite(txn, new))  # type: ignore[misc]
        index.transact(lambda txn: overwrite(txn, before))
        reader.go_on.set()
        thread.join()
        pipe.send("end")
    assert reader.seen == before


def entries(txn: Any) -> Iterator[tuple[bytes, bytes]]:
    with txn.txn.cursor(txn.tables.entries) as cursor:
        yield from cursor


def overwrite(txn: Any, records: dict[bytes, bytes]) -> None:
    for key, record in records.items():
        txn.put(key, record, db=txn.tables.entries)


class SlowReader:
    """Stands in the middle of a table until it may go on."""

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.seen: dict[bytes, bytes] = {}

    def __call__(self, txn: Any) -> None:
        for key, record in entries(txn):
            self.seen[key] = record
            if len(self.seen) == 20:
                self.inside.set()
                self.go_on.wait(30)


def test_spawned_processes_open_it_by_path(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    with Child("writer", shop.store.directory, "done") as child:
        child.hear("done")
    assert shop.number("child") == 5


@pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="needs posix_spawn")
def test_an_executed_program_does_not_keep_a_row_alive(
    open_shop: Callable[..., Shop],
) -> None:
    """Descriptors of locks are not inherited over exec."""
    shop = open_shop(CAPACITY)
    row = shop.store._parts.row
    assert not os.get_inheritable(row.lock_fd)


def test_a_store_whose_directory_is_gone_does_not_hold_up_a_fork(
    store_dir: Path,
) -> None:
    gone = open_store(store_dir / "gone", capacity_nbytes=8 << 20)
    shutil.rmtree(store_dir / "gone")
    with forked(lambda there: there.close()):
        pass
    opened: list[object] = []

    def open_another() -> None:
        store = open_store(store_dir / "other", capacity_nbytes=8 << 20)
        opened.append(store)
        close_store(store)

    thread = threading.Thread(target=open_another, daemon=True)
    thread.start()
    thread.join(20)
    assert opened
    close_store(gone)
