"""Blocks of a store on disk: through a closing and a kill, not through a rebuild."""

import os
import signal
from pathlib import Path

import pytest

from gridcache.errors import BlockNotFoundError
from gridcache.store.block_numbers import draw_number
from tests.store.disk.stores import opened


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.mark.parametrize("durable", [False, True])
def test_blocks_live_beside_entries_and_through_a_closing(
    home: Path, durable: bool
) -> None:
    with opened(home, durable=durable) as shop:
        blocks = shop.store.blocks
        for number in range(10):
            blocks.allocate(number, 100_000, detached=True)
            assert blocks.read(number) == bytes(100_000)
            blocks.write(number, bytes([number]) * 100_000)
        for number in range(60):
            shop.put(f"key{number}", number, 150_000)
        blocks.free(3)
        shop.put("last", 7, 50_000)
    with opened(home) as shop:
        blocks = shop.store.blocks
        assert [one.number for one in blocks.list()] == [0, 1, 2, *range(4, 10)]
        for number in (0, 2, 9):
            assert set(blocks.read(number)) == {number}
        assert shop.number("last") == 7
        with pytest.raises(BlockNotFoundError, match="freed"):
            blocks.read(3)


def test_a_killed_process_leaves_whole_blocks(home: Path) -> None:
    with opened(home):
        pass
    pid = os.fork()
    if not pid:
        with opened(home) as shop:
            shop.store.blocks.own("mine")
            shop.store.blocks.allocate(0, 100_000, detached=True)
            shop.store.blocks.write(0, b"written" * 100)
            shop.store.blocks.allocate(1, 100_000, "mine")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    with opened(home) as shop:  # walks the index, and trusts it
        blocks = shop.store.blocks
        shop.store.tidy()
        assert [one.number for one in blocks.list()] == [0]
        assert blocks.read(0, 700) == b"written" * 100


def test_a_rebuild_frees_the_blocks_memory_and_keeps_the_entries(home: Path) -> None:
    with opened(home) as shop:
        shop.put("key", 5, 50_000)
        shop.store.blocks.allocate(0, 3 << 20, detached=True)
        shop.store.blocks.write(0, b"\xff" * (3 << 20))
    (home / "data.mdb").unlink()
    with opened(home) as shop:
        assert shop.number("key") == 5
        assert list(shop.store.blocks.list()) == []
        shop.store.blocks.allocate(1, 3 << 20)
        assert shop.store.blocks.read(1) == bytes(3 << 20)


def test_a_block_made_of_bytes_lives_through_a_closing(home: Path) -> None:
    number = draw_number()
    with opened(home) as shop:
        shop.store.blocks.making.store(number, [b"ab", b"c" * 100_000])
    with opened(home) as shop:
        assert shop.store.blocks.read(number, 3) == b"abc"
        shop.store.blocks.free(number)
        assert list(shop.store.blocks.list()) == []
