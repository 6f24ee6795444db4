"""A writer that says where it stands and waits there.

Modes: `done` puts and waits; `reserved` stands between reserve and commit;
`inside` stands inside a write transaction; `reading` inside a read transaction;
`leased` holds a view of the key `held`.
"""

import sys
from pathlib import Path
from typing import Any

from gridcache.store.arena import Arena
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import open_store
from tests.store.kit.child import listen, say
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_number


def done(shop: Shop) -> None:
    shop.put("child", 5, 100_000)
    say("done")
    listen()


def reserved(shop: Shop) -> None:
    write: Any = Arena.write_one

    def stand(arena: Arena, offset: int, data: bytes) -> None:
        say("reserved")
        listen()
        write(arena, offset, data)

    Arena.write_one = stand  # type: ignore[assignment, method-assign]
    shop.put("reserved", 5, int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)
    say("committed")
    listen()


def inside(shop: Shop) -> None:
    def stand(_: object) -> None:
        say("inside")
        listen()

    shop.store._parts.index.transact(stand)
    say("outside")
    listen()


def reading(shop: Shop) -> None:
    def stand(_: object) -> None:
        say("reading")
        listen()

    shop.store._parts.index.snapshot(stand)
    say("outside")
    listen()


def leased(shop: Shop) -> None:
    hit = shop.hit("held")
    assert hit.leased
    say("leased")
    listen()
    say(str(read_number(hit)))
    del hit
    say("dropped")
    listen()


MODES = {mode.__name__: mode for mode in (done, reserved, inside, reading, leased)}


def main(directory: str, mode: str, *_: str) -> None:
    store = open_store(Path(directory))
    MODES[mode](Shop(store, store.namespace(Namespace("default"))))


if __name__ == "__main__":
    main(*sys.argv[1:])
