"""Allocates a block for its pool and a detached one, then writes and reads."""

import sys
from pathlib import Path

from gridcache.store.opening import open_store
from tests.store.kit.child import listen, say

NBYTES = 100_000


def main(directory: str) -> None:
    blocks = open_store(Path(directory)).blocks
    blocks.own("child")
    mine, detached = blocks.new_numbers(), blocks.new_numbers()
    blocks.allocate(mine, NBYTES, "child")
    blocks.allocate(detached, NBYTES, "child", detached=True)
    for number in (mine, detached):
        blocks.write(number, b"child")
    say(f"{mine} {detached}")
    while word := listen():
        if word == "write":
            blocks.write(mine, b"more", NBYTES - 4)
            say("written")
        else:
            say(blocks.read(mine, 4).decode())


if __name__ == "__main__":
    main(sys.argv[1])
