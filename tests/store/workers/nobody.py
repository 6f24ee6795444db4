"""Tries to open or make a store as another user; says what it was told."""

import os
import sys
from pathlib import Path

from gridcache.store.opening import open_store
from tests.store.kit.child import listen, say


def main(directory: str) -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        open_store(Path(directory), capacity_nbytes=8 << 20)
        say("opened")
    except OSError as error:
        say(type(error).__name__)
    listen()


if __name__ == "__main__":
    main(sys.argv[1])
