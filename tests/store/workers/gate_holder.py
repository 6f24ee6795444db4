"""Holds a writers' gate until it is told to go on or killed."""

import sys
from pathlib import Path

from gridcache.store.gate import WriterGate
from tests.store.kit.child import listen, say


def main(path: str) -> None:
    with WriterGate(Path(path), 5.0, int):
        say("inside")
        listen()


if __name__ == "__main__":
    main(sys.argv[1])
