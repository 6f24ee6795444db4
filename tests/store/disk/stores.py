"""Stores on disk for tests: opened, filled, damaged and looked through."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridcache.store import marks
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

__all__ = [
    "CAPACITY",
    "another_boot",
    "copy_store",
    "fill",
    "flip_bytes",
    "leftovers",
    "opened",
    "read_all",
    "replay",
]

CAPACITY = 8 << 20


@contextmanager
def opened(
    directory: Path, *, capacity_nbytes: int = CAPACITY, durable: bool = False
) -> Iterator[Shop]:
    """The default namespace of a store that is checked and closed at the end."""
    store = open_store(directory, capacity_nbytes=capacity_nbytes, durable=durable)
    try:
        yield Shop(store, store.namespace(Namespace("default")))
        report = store.check()
        assert report.ok, report.problems
    finally:
        close_store(store)


def fill(shop: Shop, count: int = 120) -> dict[str, int]:
    """Put values of many sizes, overwrite and delete some; returns what is there."""
    expected = {}
    for number in range(count):
        key = f"key-{number % (count * 3 // 4)}"
        tags = ("odd",) if number % 2 else ()
        nbytes = (number * 977) % 12_000
        shop.put(key, number, nbytes, tags=tags, header_nbytes=number % 5 * 200)
        expected[key] = number
    for key in list(expected)[::9]:
        shop.delete(key)
        del expected[key]
    return expected


def read_all(shop: Shop, keys: list[str]) -> dict[str, int | None]:
    """The number under each key, every byte checked; None for a miss."""
    return {key: shop.number(key) for key in keys}


def leftovers(child: Child) -> list[str]:
    """What a killed child had said and nobody heard yet; whole lines only."""
    rest = child._buffer + child._out.read()
    child._buffer = b""
    return rest.decode().split("\n")[:-1]


def replay(log: list[str], known: dict[str, int]) -> tuple[str, int] | None:
    """Bring what was acknowledged into `known`; returns what was under way."""
    under_way: tuple[str, int] | None = None
    for line in log:
        word, key, number = line.split()
        under_way = (key, int(number)) if word == "try" else None
        if word == "done":
            known[key] = int(number)
    return under_way


def copy_store(source: Path, target: Path) -> Path:
    """Copy a store as it is now, whoever has it open."""
    return Path(shutil.copytree(source, target))


def another_boot(directory: Path) -> None:
    """Let the machine have started anew since the store was opened."""
    marks.write_mark(directory, marks.OPEN, {"boot": "the boot before"})
    marks.remove_mark(directory, marks.CLEAN)


def flip_bytes(path: Path, count: int, chance: random.Random, most: int) -> None:
    """Change random bytes among the first `most` of a file."""
    size = min(path.stat().st_size, most)
    with path.open("r+b") as file:
        for _ in range(count):
            at = chance.randrange(size)
            file.seek(at)
            old = file.read(1)[0]
            file.seek(at)
            file.write(bytes([old ^ chance.randrange(1, 256)]))
