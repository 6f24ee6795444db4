"""Dies right after the commit of an eviction, before what follows a commit."""

import os
import signal
import sys
from pathlib import Path

from gridcache.store.access import AccessTable
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import open_store
from tests.store.kit.shop import Shop


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(directory: str) -> None:
    store = open_store(Path(directory))
    shop = Shop(store, store.namespace(Namespace("small")))
    AccessTable.release = die  # type: ignore[method-assign, assignment]
    for number in range(1000):
        shop.put(f"dying{number}", number, 9000)


if __name__ == "__main__":
    main(sys.argv[1])
