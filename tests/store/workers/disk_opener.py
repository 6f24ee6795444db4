"""Opens a store on disk and stays in its recovery until told to go on."""

import sys
from pathlib import Path

from gridcache.store import recovery
from gridcache.store.opening import close_store, open_store
from tests.store.kit.child import listen, say


def main(path: str) -> None:
    original = recovery.prepare

    def slow(*arguments: object) -> object:
        say("inside")
        listen()
        return original(*arguments)  # type: ignore[arg-type]

    recovery.prepare = slow  # type: ignore[assignment]
    close_store(open_store(Path(path)))


if __name__ == "__main__":
    main(sys.argv[1])
