"""Disk tiers for the nodes of a `SmallGrid`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridcache.cluster.tier import Tier
from gridcache.cluster.tier_access import make_tier, tier_of
from tests.cluster.kit.small_grid import Node

__all__ = ["DISK", "array", "give_disk", "tier_at"]

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
