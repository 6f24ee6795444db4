"""Dies between the reservation of an extent and its commit."""

import os
import signal
import sys
from pathlib import Path

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import open_store
from tests.store.kit.shop import Shop


def main(path: str, nbytes: str) -> None:
    store = open_store(Path(path))
    shop = Shop(store, store.namespace(Namespace("default")))
    store._parts.arena.write_one = (  # type: ignore[method-assign]
        lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    )
    shop.put("reserved", 1, int(nbytes))


if __name__ == "__main__":
    main(*sys.argv[1:])
