"""Ids of memory blocks, and what people see of one."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from gridcache.errors import BlockNotFoundError, GridCacheError
from gridcache.store.blocks import BlockInfo

__all__ = ["BlockId", "MemoryBlock", "naming", "parse_id", "snapshot"]

_FORM = re.compile(r"block_(\d{1,18})_(.+)", re.DOTALL)


class BlockId(NamedTuple):
    """An id's parts."""

    number: int
    """Of the grid, never given again."""
    node: str
    """Where it was allocated; where it is now, `MemoryBlock.node` says."""

    def __str__(self) -> str:
        return f"block_{self.number}_{self.node}"


@dataclass(frozen=True, slots=True)
class MemoryBlock:
    """A memory block, as it was when asked."""

    block_id: str
    node: str
    """Where it is."""
    size_bytes: int
    created_at: float
    """Seconds since the epoch."""
    accesses: int
    """Reads, writes and maps, by all processes."""


@lru_cache(maxsize=4096)
def parse_id(block_id: str) -> BlockId:
    """The parts of an id.

    Raises
    ------
    BlockNotFoundError
        No block has such an id.
    """
    match = _FORM.fullmatch(block_id)
    if match is None:
        message = (
            f"{block_id!r} is no id of a memory block, which looks like "
            f"'block_0_gpu2'; list the blocks to see them"
        )
        raise BlockNotFoundError(message, block_id=block_id)
    return BlockId(int(match[1]), match[2])


def naming(error: GridCacheError, block: BlockId) -> GridCacheError:
    """An error of a store, which knows numbers, with the id in its place."""
    said = f"memory block {block.number}"
    message = error.message.replace(said, f"memory block {block}")
    return type(error)(message, **{**error.context, "block_id": str(block)})


def snapshot(info: BlockInfo, node: str) -> MemoryBlock:
    """What people see of a block that is on a node."""
    block = BlockId(info.number, info.home or node)
    return MemoryBlock(str(block), node, info.nbytes, info.created_at, info.accesses)
