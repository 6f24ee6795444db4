"""A process that reads from a store as fast as it can, told when and how long.

`python -m gridcache.bench.reader_process PATH` reads lines `START SECONDS` from
stdin (START on the machine's monotonic clock) and answers each with its reads
per second. It ends with its stdin.
"""

import random
import sys
import time
from pathlib import Path

from gridcache.cache import GridCache

__all__ = ["read_on_command", "serve"]

_BETWEEN_CLOCKS = 64
"""Reads between two looks at the clock."""


def serve(path: Path) -> None:
    """Read on command until stdin ends."""
    with GridCache("bench", path=path) as cache:
        keys = list(cache)
        random.shuffle(keys)
        read_on_command(cache, keys)


def read_on_command(cache: GridCache, keys: list[str]) -> None:
    """Say that all is ready, then answer lines until there are no more."""
    _answer("ready")
    for line in sys.stdin:
        start, seconds = map(float, line.split())
        _answer(repr(_read(cache, keys, start, seconds)))


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _read(cache: GridCache, keys: list[str], start: float, seconds: float) -> float:
    clock, get, count = time.monotonic, cache.get, 0
    time.sleep(max(start - clock(), 0.0))
    begun = clock()
    end = begun + seconds
    while True:
        at = count % len(keys)
        batch = keys[at : at + _BETWEEN_CLOCKS]
        for key in batch:
            get(key)
        count += len(batch)
        now = clock()
        if now >= end:
            return count / (now - begun)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
