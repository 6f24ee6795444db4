"""Makes a store, or joins the one that another process makes at the same time."""

import os
import sys
from pathlib import Path

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.child import listen, say
from tests.store.kit.shop import Shop


def main(directory: str, capacity_nbytes: str) -> None:
    say("ready")
    listen()
    store = open_store(Path(directory), capacity_nbytes=int(capacity_nbytes))
    shop = Shop(store, store.namespace(Namespace("default")))
    shop.put(f"{os.getpid()}", os.getpid(), 5000)
    assert shop.number(f"{os.getpid()}") == os.getpid()
    close_store(store)
    say("made")
    listen()


if __name__ == "__main__":
    main(*sys.argv[1:])
