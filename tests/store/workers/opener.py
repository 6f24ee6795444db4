"""Opens a store, says whether it could, and closes it when told."""

import sys
from pathlib import Path

from gridcache.errors import StoreStalledError
from gridcache.store.opening import close_store, open_store
from tests.store.kit.child import listen, say


def main(directory: str, stall_timeout_s: str) -> None:
    try:
        store = open_store(Path(directory), stall_timeout_s=float(stall_timeout_s))
    except StoreStalledError:
        say("stalled")
        listen()
    else:
        say("opened")
        listen()
        close_store(store)
    say("closed")
    listen()


if __name__ == "__main__":
    main(*sys.argv[1:])
