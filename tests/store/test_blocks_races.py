"""Writers of blocks against a process that frees them and lets others have them."""

import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from gridcache.errors import BlockNotFoundError
from gridcache.store.opening import open_store
from tests.store.kit.shop import Shop

CAPACITY = 4 << 20
NBYTES = 200_000
SLOTS = 3
_fork: Any = get_context("fork")


def scribble(directory: Path, current: Any, mark: int) -> None:
    """Write into whatever blocks there are, until killed."""
    blocks = open_store(directory).blocks
    data = bytes([mark]) * NBYTES
    while True:
        for number in current[:]:
            try:
                blocks.write(number, data)
                assert set(blocks.read(number)) <= {0, 1, 2}
            except BlockNotFoundError:
                pass
            except BaseException:  # noqa: BLE001 - told here, not in the fork
                os._exit(3)


def test_a_late_write_never_reaches_who_was_given_the_memory(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY, compression=None)
    blocks = shop.store.blocks
    current = _fork.Array("q", SLOTS, lock=False)
    for slot in range(SLOTS):
        blocks.allocate(slot, NBYTES)
        current[slot] = slot
    writers = [
        _fork.Process(target=scribble, args=(shop.store.directory, current, mark))
        for mark in (1, 2)
    ]
    for writer in writers:
        writer.start()
    try:
        rounds, end = 0, time.monotonic() + 3
        while time.monotonic() < end:
            rounds += 1
            slot, number = rounds % SLOTS, SLOTS + rounds
            blocks.free(current[slot])
            shop.put(f"key{rounds % 12}", rounds, NBYTES)
            blocks.allocate(number, NBYTES)
            current[slot] = number
            for turn in range(12):
                assert shop.number(f"key{turn}") in {None, *range(rounds + 1)}
        assert all(writer.is_alive() for writer in writers)
    finally:
        for writer in writers:
            writer.kill()
            writer.join()
    assert rounds > 20


def allocate_some(directory: Path, count: int) -> None:
    """Numbers of one's own, blocks of one's own."""
    blocks = open_store(directory).blocks
    for _ in range(count):
        number = blocks.new_numbers()
        blocks.allocate(number, 1000, detached=True)
        blocks.write(number, number.to_bytes(8, "little"))


def test_concurrent_processes_never_share_a_block(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    workers = [
        _fork.Process(target=allocate_some, args=(shop.store.directory, 200))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    blocks = shop.store.blocks
    assert [one.number for one in blocks.list()] == list(range(800))
    for number in range(800):
        assert blocks.read(number, 8) == number.to_bytes(8, "little")
