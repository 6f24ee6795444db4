"""Uses a store on a file system that somebody else fills."""

import sys
from pathlib import Path

from gridcache.errors import OutOfSpaceError
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.child import listen, say
from tests.store.kit.shop import Shop

CAPACITY = 10 << 20


def make(directory: Path) -> None:
    try:
        open_store(directory, capacity_nbytes=CAPACITY)
    except OutOfSpaceError as error:
        say(f"OutOfSpaceError {error.context['path']}")


def put(directory: Path, nbytes: int) -> None:
    store = open_store(directory, capacity_nbytes=CAPACITY)
    shop = Shop(store, store.namespace(Namespace("default")))
    shop.put("kept", 1, nbytes, pinned=True)
    say("made")
    listen()
    try:
        for number in range(100 << 20):
            shop.put(f"key{number}", number, nbytes)
            if store.stats().namespace("default").evictions:
                say("evicts")
                break
    except OutOfSpaceError as error:
        say(type(error).__name__)
    assert shop.number("kept") == 1
    assert store.check().ok
    say("kept")
    listen()
    for number in range(100):
        shop.put(f"again{number}", number, nbytes)
    assert shop.number("again99") == 99
    assert store.check().ok
    close_store(store)
    say("goes on")


def join(directory: Path) -> None:
    store = open_store(directory)
    shop = Shop(store, store.namespace(Namespace("default")))
    assert shop.number("kept") == 1
    close_store(store)
    say("joined")


def main(directory: str, mode: str, nbytes: str = "0") -> None:
    if mode == "put":
        put(Path(directory), int(nbytes))
    else:
        {"make": make, "join": join}[mode](Path(directory))
    listen()


if __name__ == "__main__":
    main(*sys.argv[1:])
