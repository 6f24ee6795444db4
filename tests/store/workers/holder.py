"""Holds views of every other entry of a store until it is told to drop them."""

import sys
from pathlib import Path

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import open_store
from tests.store.kit.child import listen, say
from tests.store.kit.shop import Shop


def main(directory: str) -> None:
    store = open_store(Path(directory))
    shop = Shop(store, store.namespace(Namespace("default")))
    held = [shop.look_up(key) for key in shop.keys()[1::2]]
    say("holds")
    listen()
    held.clear()
    say("dropped")
    listen()


if __name__ == "__main__":
    main(sys.argv[1])
