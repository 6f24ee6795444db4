"""Group commit: every acknowledgment waits for a sync that began after its commit."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gridcache.store.durability import GroupCommit
from tests.store.disk.stores import leftovers, opened, read_all, replay
from tests.store.kit.processes import Child


class _Disk:
    """Counts syncs; each waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun = 0
        self.inside = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def sync(self) -> None:
        self.begun += 1
        self.inside.release()
        assert self.go_on.acquire(timeout=30)


def _started(target: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


def test_who_comes_during_a_sync_waits_for_the_next_one() -> None:
    disk = _Disk()
    commits = GroupCommit(disk.sync)
    first = _started(commits.acknowledge)
    assert disk.inside.acquire(timeout=30)
    late = [_started(commits.acknowledge) for _ in range(8)]
    disk.go_on.release()
    first.join(30)
    assert disk.inside.acquire(timeout=30)
    assert all(thread.is_alive() for thread in late)
    disk.go_on.release(8)
    for thread in late:
        thread.join(30)
    # All eight may have come in time for one sync; a straggler needs another.
    assert 2 <= disk.begun <= 3


def test_a_batch_of_calls_shares_one_sync_at_its_end() -> None:
    begun = []
    commits = GroupCommit(lambda: begun.append(1))
    with commits.batch():
        for _ in range(5):
            commits.acknowledge()
        with commits.batch():
            commits.acknowledge()
        assert not begun
    assert len(begun) == 1
    with commits.batch():
        pass
    assert len(begun) == 1


def test_a_batch_that_fails_still_syncs_what_came_before() -> None:
    begun = []
    commits = GroupCommit(lambda: begun.append(1))

    def fail() -> None:
        with commits.batch():
            commits.acknowledge()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert begun


def test_after_a_failed_sync_nothing_is_acknowledged() -> None:
    failures = [OSError(errno.EIO, "bad sector")]

    def sync() -> None:
        if failures:
            raise failures.pop()

    commits = GroupCommit(sync)
    with pytest.raises(OSError, match="bad sector"):
        commits.acknowledge()
    with pytest.raises(OSError, match="open it again") as caught:
        commits.acknowledge()
    assert caught.value.errno == errno.EIO


def test_an_interrupted_leader_leaves_its_place_to_another() -> None:
    turns = iter([KeyboardInterrupt(), None, None])

    def sync() -> None:
        turn = next(turns)
        if turn is not None:
            raise turn

    commits = GroupCommit(sync)
    with pytest.raises(KeyboardInterrupt):
        commits.acknowledge()
    commits.acknowledge()


def test_eight_threads_of_durable_puts_need_fewer_syncs_than_puts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "store", durable=True) as shop:
        retirement = shop.store._parts.retirement
        real, begun, gate = retirement._sync_store, [], threading.Semaphore(0)

        def slow_sync() -> None:
            begun.append(1)
            assert gate.acquire(timeout=30)  # until some more have committed
            real()

        monkeypatch.setattr(retirement, "_sync_store", slow_sync)
        puts = 8 * 25

        def put(worker: int) -> None:
            for number in range(25):
                shop.put(f"{worker}-{number}", number, 500)
                gate.release()

        threads = [_started(lambda worker=n: put(worker)) for n in range(8)]  # type: ignore[misc]
        gate.release()
        for thread in threads:
            while thread.is_alive():
                gate.release()
                thread.join(0.01)
        monkeypatch.undo()
        assert 0 < len(begun) < puts
        keys = {f"{worker}-{n}": n for worker in range(8) for n in range(25)}
        assert read_all(shop, list(keys)) == keys


def test_a_store_that_is_not_durable_never_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "store") as shop:
        monkeypatch.setattr(
            shop.store._parts.retirement, "_sync_store", lambda: pytest.fail("synced")
        )
        shop.put("key", 1, 500)
        shop.put("key", 2, 500)
        shop.delete("key")


def test_durable_processes_that_die_leave_what_they_acknowledged(
    tmp_path: Path,
) -> None:
    home = tmp_path / "store"
    known: dict[str, int] = {}
    with opened(home, durable=True, capacity_nbytes=32 << 20) as shop:
        for turn in range(4):
            with Child("disk_putter", home, turn * 1000) as child:
                log = [child.hear() for _ in range(100)]
                child.kill()
                log += leftovers(child)
            under_way = replay(log, known)
            found = read_all(shop, list(known))
            if under_way is not None and found.get(under_way[0], 0) == under_way[1]:
                known[under_way[0]] = under_way[1]
            assert {key: number or 0 for key, number in found.items()} == known
        shop.store.tidy()


def test_overwrites_and_deletes_leave_no_extent_waiting(tmp_path: Path) -> None:
    with opened(tmp_path / "store", durable=True) as shop:
        for turn in range(30):
            shop.put(f"key-{turn % 5}", turn, 3000)
            if turn % 4 == 3:
                shop.delete(f"key-{turn % 5}")
        shop.store.tidy()
        shop.store.tidy()
        assert shop.store.stats().retired_nbytes == 0
