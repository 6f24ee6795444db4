"""Written: what stands under a name after a write, and what lies around."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from ray.data import DataContext

from gridcache.published.handle import Handle
from gridcache.published.texts import parts_of
from gridcache.ray_data.datasink import GridDatasink
from gridcache.ray_data.manifest import Manifest, read
from gridcache.ray_data.parts import fetch_block
from tests.ray_data.kit.blocks import as_rows, dataset_of

__all__ = ["Piece", "ids_of", "in_pieces", "rows_of", "texts_of", "write"]

Piece = dict[str, Any]
_PIECE = 5


def write(dataset: Any, handle: Handle, name: str = "it", **options: Any) -> Manifest:
    """Write it, and read what stands there then."""
    dataset.write_datasink(GridDatasink(name, cache=handle, **options))
    return read(handle.cache, name)


def rows_of(manifest: Manifest, handle: Handle) -> list[dict[str, Any]]:
    """All rows, in order, read by this process."""
    return [
        row
        for part in manifest.parts
        for row in as_rows(fetch_block(handle, part.text, manifest.name))
    ]


def ids_of(manifest: Manifest, handle: Handle) -> list[int]:
    """The column `id` of all rows, in order."""
    return [row["id"] for row in rows_of(manifest, handle)]


def texts_of(handle: Handle, name: str = "it") -> list[str]:
    """Keys of all parts of a name, whoever wrote them."""
    return sorted(parts_of(handle.cache, name))


def in_pieces(
    inside: Callable[[Piece], object], *, rows: int = 40, blocks: int = 2
) -> Any:
    """A dataset of numbers, each of whose tasks makes Ray blocks of five rows.

    They are stored one after another: `inside` is called with each before it is.
    """

    def cut(batch: Piece) -> Iterator[Piece]:
        for start in range(0, len(batch["id"]), _PIECE):
            piece = {"id": batch["id"][start : start + _PIECE]}
            inside(piece)
            yield piece

    context = DataContext.get_current()
    before = context.target_max_block_size
    # A dataset remembers it from when it was made.
    context.target_max_block_size = _PIECE * 8
    try:
        ids = np.array_split(np.arange(rows), blocks)
        return dataset_of(*(pa.table({"id": one}) for one in ids)).map_batches(
            cut, batch_size=None
        )
    finally:
        context.target_max_block_size = before
