"""Samples the size of a directory from outside until it is told to stop.

Says the greatest length and the greatest allocation of all files, in bytes. A
sample counts only if two looks in a row agree: one that straddles a move of
memory from one file to another would see it twice.
"""

import select
import sys
from contextlib import suppress
from pathlib import Path

from tests.store.kit.child import say


def look(directory: Path) -> dict[Path, tuple[int, int]]:
    """Length and allocation of every file below."""
    found = {}
    for path in [*directory.iterdir(), *(directory / "locks").iterdir()]:
        with suppress(FileNotFoundError):
            stat = path.stat()
            found[path] = (stat.st_size, stat.st_blocks * 512)
    return found


def main(directory: Path) -> None:
    greatest = [0, 0]
    samples, before = 0, look(directory)
    say("watching")
    while not select.select([sys.stdin], [], [], 0.0002)[0]:
        now = look(directory)
        if now == before:
            samples += 1
            for which in (0, 1):
                total = sum(sizes[which] for sizes in now.values())
                greatest[which] = max(greatest[which], total)
        before = now
    say(f"{greatest[0]} {greatest[1]} {samples}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
