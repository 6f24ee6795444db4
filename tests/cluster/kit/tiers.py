"""Disk tiers for the nodes of a `SmallGrid`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridcache.cluster.tier.demotion import Demoter
from gridcache.cluster.tier.ladder import DISK as DISK_RUNG
from gridcache.cluster.tier.tier import Tier
from gridcache.cluster.tier.tier_access import make_tier, tier_of
from gridcache.store.records import IMMUTABLE, Entry
from tests.cluster.kit.small_grid import Node

__all__ = ["DISK", "array", "demote", "fill", "give_disk", "immutable", "tier_at"]

DISK = 256 << 20


@contextmanager
def give_disk(node: Node, path: Path, nbytes: int = DISK) -> Iterator[Tier]:
    """Give a node a disk tier; it is ended with the block, as by its actor."""
    end: Callable[[], None] = make_tier(node.store, path / node.name, nbytes)
    try:
        yield tier_at(node)
    finally:
        end()


def tier_at(node: Node) -> Tier:
    """The tier of a node that has one."""
    tier = tier_of(node.store).open()
    assert tier is not None
    return tier


def array(seed: int, nbytes: int = 1 << 20) -> NDArray[np.uint8]:
    """Bytes that do not compress, the same for a seed."""
    return np.random.default_rng(seed).integers(0, 256, nbytes, dtype=np.uint8)


def fill(node: Node, share: float, stem: str = "key") -> list[str]:
    """Put immutable arrays until the node's arena is so full; returns their keys.

    The n-th key has `array(n)`.
    """
    cache, keys = node.cache(), list[str]()
    while node.store.cold.fill().share < share:
        keys.append(f"{stem}{len(keys)}")
        cache.put(keys[-1], array(len(keys) - 1), immutable=True, node="local")
    return keys


def demote(node: Node, *keys: str, space: str = "c") -> int:
    """Take some immutable keys to the disk, or all, whatever the fill."""
    own = next(one for one in node.store.namespaces() if one.name == space)
    colds = [
        cold
        for cold in node.store.cold.pick(own, immutable, 1 << 40, 1 << 20)
        if not keys or cold.text in keys
    ]
    return len(Demoter(node.store).carry(DISK_RUNG, colds).safe)


def immutable(entry: Entry) -> bool:
    """True for an immutable entry."""
    return bool(entry.stamp.flags & IMMUTABLE)
