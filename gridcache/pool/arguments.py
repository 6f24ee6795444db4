"""Arguments and answers of a pool: what people give and get, in their words."""

import operator
from collections.abc import Sequence
from typing import Any

from gridcache.errors import AllocationError
from gridcache.store.block_space import BlockSizes

__all__ = ["SUMMED", "completed", "node_row", "size_of"]

SUMMED = ("blocks", "size_bytes", "capacity_bytes", "free_bytes")


def node_row(name: str, sizes: BlockSizes) -> dict[str, Any]:
    """A node's part of the statistics."""
    values = (
        sizes.blocks,
        sizes.size_nbytes,
        sizes.capacity_nbytes,
        sizes.room_nbytes,
    )
    return {"node": name, **dict(zip(SUMMED, values, strict=True))}


def size_of(size_bytes: int) -> int:
    """A size that can be asked for; numpy's integers, too."""
    nbytes = operator.index(size_bytes)
    if nbytes < 1:
        message = (
            f"Failed to allocate memory block of {nbytes} bytes: the least is 1; ask "
            f"for more"
        )
        raise AllocationError(message, nbytes=nbytes)
    return nbytes


def completed(item: Sequence[Any], *defaults: Any) -> tuple[Any, Any, Any]:
    """Three parts: those given, then the last defaults."""
    missing = 3 - len(item)
    if not 0 <= missing <= len(defaults):
        message = f"{len(item)} parts where an id and up to two more belong"
        raise TypeError(message)
    one, two, three = (*item, *defaults[len(defaults) - missing :])
    return one, two, three
