"""Act three: ten times more than fits, with the bound watched from outside."""

import os
import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from gridcache.cli.demo.scene import Claim, Scene
from gridcache.cli.demo.stage import Stage
from gridcache.cli.report import Column, Kind, Section
from gridcache.units import format_bytes

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["TITLE", "Watch", "play"]

TITLE = "Overfill: ten times more than fits, and the bound holds"

CAPACITY_NBYTES = 32 * 2**20
OVERFILL = 10
VALUE_NBYTES = 64 * 2**10
KEYS = OVERFILL * CAPACITY_NBYTES // VALUE_NBYTES
ACCESSES = 3 * KEYS
SKEW = 1.0
"""Zipf's exponent: the second most wanted key is asked for half as often."""
SAMPLE_S = 0.01
NOISE = os.urandom(KEYS + VALUE_NBYTES)
BLOCK_NBYTES = 512
"""Unit of `st_blocks`, by POSIX."""

COLUMNS = (
    Column("policy"),
    Column("capacity_nbytes", Kind.BYTES, "capacity"),
    Column("directory_nbytes", Kind.BYTES, "largest seen on the file system"),
    Column("written_nbytes", Kind.BYTES, "written"),
    Column("evicted", Kind.COUNT),
    Column("hit_ratio", Kind.RATIO, "hit ratio"),
    Column("chance_ratio", Kind.RATIO, "if it kept any keys at random"),
)


class Watch:
    """Samples the size of a directory from a thread; keeps the largest."""

    def __init__(self, directory: Path) -> None:
        self.largest_nbytes = 0
        self._directory = directory
        self._stop = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        files = (path for path in self._directory.rglob("*") if path.is_file())
        taken = sum(path.stat().st_blocks * BLOCK_NBYTES for path in files)
        self.largest_nbytes = max(self.largest_nbytes, taken)


def play(stage: Stage) -> Scene:
    """Ask for skewed keys, put what is missing, under two policies."""
    rows = [_overfill(stage, policy) for policy in ("lru", "lfu")]
    sizes = [(row[1], row[2]) for row in rows]
    claims = (
        Claim(
            "the directory was never larger than its capacity",
            all(largest <= capacity for capacity, largest in sizes),
        ),
        Claim("what did not fit was evicted", all(row[4] for row in rows)),
        Claim("what is wanted often was kept", all(row[5] > row[6] for row in rows)),
    )
    best = max(row[5] for row in rows)
    lesson = (
        f"{format_bytes(rows[0][3])} went through {format_bytes(CAPACITY_NBYTES)}: the "
        f"bound held at every moment, and {best:.0%} of the look-ups were hits."
    )
    return Scene(Section("eviction", COLUMNS, rows), claims, lesson)


def _overfill(
    stage: Stage, policy: str
) -> tuple[str, int, int, int, int, float, float]:
    directory = stage.directory / policy
    text = f"overfilling, {policy}"
    with stage.borrowed_cache(policy, capacity=CAPACITY_NBYTES, policy=policy) as cache:
        with Watch(directory) as watch:
            puts = sum(_ask(cache, key) for key in stage.follow(list(_wanted()), text))
        stats = cache.stats().namespace
    evicted = sum(stats.evictions.values())
    written = puts * VALUE_NBYTES
    chance = stats.entries / KEYS
    seen = watch.largest_nbytes
    return policy, CAPACITY_NBYTES, seen, written, evicted, 1 - puts / ACCESSES, chance


def _ask(cache: "GridCache", key: str) -> int:
    """Get a key, or put it; returns the number of puts."""
    value = cache.get(key)
    if value is None:
        cache[key] = _value(key)
        return 1
    if value != _value(key):
        message = f"{key} came back as another value"
        raise AssertionError(message)
    return 0


def _value(key: str) -> bytes:
    """Make a value that nothing can compress: it is to fill the cache."""
    head = key.encode()
    start = int(key.rpartition(":")[2])
    return head + NOISE[start : start + VALUE_NBYTES - len(head)]


def _wanted() -> Iterator[str]:
    chance = random.Random(1)  # noqa: S311 - the same accesses in every run
    weights = list(accumulate(1 / rank**SKEW for rank in range(1, KEYS + 1)))
    picks = chance.choices(range(KEYS), cum_weights=weights, k=ACCESSES)
    return (f"key:{pick:06}" for pick in picks)
