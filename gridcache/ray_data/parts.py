"""Parts: what runs inside tasks, next to the data.

A Ray block goes into the store of the node that made it, as Arrow if it can be; what
comes back from a task is a receipt. Nothing here knows of datasets or what is
published.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from ray.data.block import BlockAccessor

from gridcache.errors import KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping, fetched
from gridcache.published.texts import part_text
from gridcache.ray_data.manifest import Part
from gridcache.views import ABSENT

__all__ = [
    "Destination",
    "Receipt",
    "as_stored",
    "fetch_block",
    "lost_part",
    "new_write",
    "put_block",
    "store_block",
]

Receipt = Part
"""What a write task returns of each Ray block."""
_WRITE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the Ray blocks of one write go, and how they are kept."""

    handle: Handle
    name: str
    write: str
    """As `new_write` gives it."""
    keeping: Keeping
    compression: str = "auto"
    """ "lz4": at once; "auto": as the cache does."""


def new_write() -> str:
    """What the parts of one write have in common, and of no other."""
    return uuid.uuid4().hex[:_WRITE_LENGTH]


def store_block(block: Any, to: Destination, task: int, index: int) -> Receipt:
    """Store a Ray block, as Arrow if it can be."""
    return put_block(as_stored(block), to, task, index)


def put_block(kept: Any, to: Destination, task: int, index: int) -> Receipt:
    """Store what `as_stored` gives, under a key of this attempt alone.

    What an attempt has stored that died before it returned its receipts belongs to
    no dataset: rows are never there twice.
    """
    accessor = BlockAccessor.for_block(kept)
    text = part_text(to.name, to.write + uuid.uuid4().hex[_WRITE_LENGTH:])
    options = to.keeping.options()
    to.handle.cache.put(text, kept, compression=to.compression, **options)
    return Receipt(
        text,
        to.handle.node,
        accessor.num_rows(),
        accessor.size_bytes() or 0,
        task,
        index,
    )


def as_stored(block: Any) -> Any:
    """A Ray block as Arrow; what Arrow cannot hold stays as it is."""
    if isinstance(block, pa.Table):
        return block
    try:
        return BlockAccessor.for_block(block).to_arrow()
    except (pa.ArrowException, TypeError, ValueError):
        return block


def fetch_block(
    handle: Handle, text: str, of: str, *, node: str = "", index: int | None = None
) -> Any:
    """Read a part: large columns are read-only views of the shared memory.

    Parameters
    ----------
    of
        What it is a part of, for the error.
    node, index
        The node that stored it, and its place in the dataset, for the error.

    Raises
    ------
    KeyNotFoundError
        It is gone; says why.
    """
    value = fetched(handle, text)
    if value is ABSENT:
        raise lost_part(handle, text, of, node=node, index=index)
    return value


def lost_part(
    handle: Handle, text: str, of: str, *, node: str = "", index: int | None = None
) -> KeyNotFoundError:
    """The error for a part that is gone."""
    why = handle.cache.explain(text)
    which = "a Ray block" if index is None else f"Ray block {index}"
    stored = f", stored by node {node!r}," if node else ""
    message = (
        f"{which} of dataset {of!r}{stored} is not in the grid any more ({why.text}); "
        f"write the dataset again: gridcache.ray_data.persist(dataset, name, "
        f"overwrite=True)"
    )
    return KeyNotFoundError(message, key=text, reason=str(why.reason or ""), node=node)
