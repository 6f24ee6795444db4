"""Puts, overwrites and deletes in a store on disk until killed or told to close.

Before each change it says `try`, after its acknowledgment `done`, with the key and
the number that is then under it, 0 for none.
"""

import selectors
import sys
from collections.abc import Iterator
from pathlib import Path

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.child import say
from tests.store.kit.shop import Shop

_KEYS = 60


def _told_to_close() -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        return bool(selector.select(0))


def _steps(start: int) -> Iterator[tuple[str, int]]:
    step = start
    while True:
        yield f"key-{step * 7 % _KEYS}", step
        step += 1


def main(path: str, start: str) -> None:
    store = open_store(Path(path))
    shop = Shop(store, store.namespace(Namespace("default")))
    for key, step in _steps(int(start)):
        number = 0 if step % 11 == 10 else step + 1
        say(f"try {key} {number}")
        if number:
            shop.put(key, number, step * 977 % 40_000, header_nbytes=step % 3 * 400)
        else:
            shop.delete(key)
        say(f"done {key} {number}")
        if _told_to_close():
            break
    close_store(store)
    say("closed")


if __name__ == "__main__":
    main(*sys.argv[1:])
