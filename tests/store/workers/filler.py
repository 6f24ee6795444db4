"""Puts values of given sizes into a store, checking what it can still get."""

import random
import sys
from pathlib import Path

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.child import listen, say
from tests.store.kit.shop import Shop


def main(directory: str, seed: str, count: str, *sizes: str) -> None:
    store = open_store(Path(directory))
    shop = Shop(store, store.namespace(Namespace("default")))
    chance = random.Random(seed)
    say("ready")
    listen()
    for number in range(int(count)):
        nbytes = int(chance.choice(sizes))
        shop.put(f"{seed}-{number}", number, nbytes)
        key = f"{seed}-{chance.randrange(number + 1)}"
        found = shop.number(key)
        assert found is None or key == f"{seed}-{found}"
    say("done")
    listen()
    close_store(store)


if __name__ == "__main__":
    main(*sys.argv[1:])
