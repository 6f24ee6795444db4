"""Batches: the same for many blocks, each node asked once."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from gridcache.cluster.blocks.protocol import BlockNode, BlockPiece
from gridcache.errors import BlockNotFoundError, GridCacheError
from gridcache.pool.finding import Finder
from gridcache.pool.ids import BlockId, naming
from gridcache.pool.parallel import at_once

__all__ = ["for_each", "free_on", "write_on"]

_PATIENCE_S = 10.0
"""With blocks that are moved all the time."""

T = TypeVar("T")
R = TypeVar("R")
Call = Callable[[BlockNode, list[T]], Sequence[R]]


def for_each(
    finder: Finder, blocks: Sequence[BlockId], items: Sequence[T], call: Call[T, R]
) -> list[R]:
    """What `call` answers for the items of each block, in their order.

    Raises what the first node that failed said; its errors name the id.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return _try(finder, blocks, items, call)
        except BlockNotFoundError as error:
            if error.reason == "freed" or time.monotonic() > deadline:
                raise
        finder.locate(blocks)  # one was moved, or is nowhere: then this raises


def _try(
    finder: Finder, blocks: Sequence[BlockId], items: Sequence[T], call: Call[T, R]
) -> list[R]:
    groups = finder.by_node(blocks)
    work = {
        name: partial(call, node, [items[position] for position in positions])
        for name, (node, positions) in groups.items()
    }
    found: dict[int, R] = {}
    for name, answers in at_once(work).items():
        if isinstance(answers, GridCacheError):
            raise _named(answers, blocks)
        found.update(zip(groups[name][1], answers, strict=True))
    return [found[position] for position in range(len(items))]


def _named(error: GridCacheError, blocks: Sequence[BlockId]) -> GridCacheError:
    number = error.context.get("number")
    block = next((one for one in blocks if one.number == number), None)
    return error if block is None else naming(error, block)


def free_on(node: BlockNode, blocks: Sequence[BlockId]) -> Sequence[None]:
    """Free blocks; raises why the first was not."""
    for outcome in node.free([block.number for block in blocks]):
        if outcome is not None:
            raise outcome
    return [None] * len(blocks)


def write_on(node: BlockNode, pieces: Sequence[BlockPiece]) -> Sequence[None]:
    """Write pieces."""
    node.write(pieces)
    return [None] * len(pieces)
