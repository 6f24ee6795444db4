"""A process that demotes and promotes the values of a store until it is killed.

Arguments: the store's directory. Says "ready" when it begins.
"""

import sys
from pathlib import Path

from gridcache.cluster.tier.demotion import Demoter
from gridcache.cluster.tier.ladder import DISK
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.store.opening import open_store


def main() -> None:
    store = open_store(Path(sys.argv[1]))
    (space,) = (one for one in store.namespaces() if one.name == "c")
    tier = tier_of(store).open()
    assert tier is not None
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        colds = store.cold.pick(space, lambda _: True, 1 << 40, 1 << 20)
        Demoter(store).carry(DISK, colds)
        for text, _ in list(tier.entries(space)):
            tier.fetch(space, text)
        for text, _ in list(tier.entries(space))[::2]:
            tier.drop(space.name, text, 0)  # nothing: no edition is older
            entry = tier.entry(space, text)
            if entry is not None and text in dict(store.entries(space)):
                own = tier._spaces[space.name]
                tier.store.delete(own, [text])


if __name__ == "__main__":
    main()
