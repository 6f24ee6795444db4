"""Views outlive the store that made them, also over a fork."""

import gc
import os
from pathlib import Path

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.shop import Shop

CAPACITY = 32 << 20
NBYTES = 1 << 20


def opened(directory: Path) -> Shop:
    store = open_store(directory, capacity_nbytes=CAPACITY)
    return Shop(store, store.namespace(Namespace("default")))


def test_a_forked_childs_view_does_not_end_the_lease_of_a_closed_store(
    store_dir: Path,
) -> None:
    """The child drops its copy of the view; what the parent sees stays."""
    shop = opened(store_dir / "store")
    shop.put("held", 1, NBYTES)
    hit = shop.hit("held")
    before = bytes(hit.body)
    close_store(shop.store)
    child = os.fork()
    if not child:
        del hit
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    again = opened(store_dir / "store")
    again.delete("held")
    for number in range(100):
        again.put(f"key{number}", number, NBYTES)
    kept = bytes(hit.body)
    close_store(again.store)
    shop.forget()
    again.forget()
    assert hit.leased
    assert kept == before
