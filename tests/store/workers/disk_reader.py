"""Reads keys of a store on disk, says what it found, checks the store."""

import sys
from pathlib import Path

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.child import say
from tests.store.kit.shop import Shop


def main(path: str, *keys: str) -> None:
    store = open_store(Path(path))
    shop = Shop(store, store.namespace(Namespace("default")))
    for key in keys:
        say(f"{key} {shop.number(key)}")
    report = store.check()
    say("ok" if report.ok else str(report.problems))
    close_store(store)


if __name__ == "__main__":
    main(*sys.argv[1:])
