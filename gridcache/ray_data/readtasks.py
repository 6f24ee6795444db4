"""Read tasks: each reads its pieces on the node where it runs, and copies nothing.

Ray Data pickles them one by one; they carry addresses and no data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ray.data.block import Block, BlockAccessor, BlockMetadata
from ray.data.datasource import ReadTask

from gridcache.published.handle import Handle
from gridcache.ray_data.columns import Columns, empty_block, picked, picked_schema
from gridcache.ray_data.manifest import Manifest
from gridcache.ray_data.parts import fetch_block
from gridcache.ray_data.pieces import Piece, nbytes_of, rows_of

__all__ = ["read_tasks"]


def read_tasks(
    manifest: Manifest,
    handle: Handle,
    groups: Iterable[list[Piece]],
    columns: Columns,
    limit: int | None,
) -> list[ReadTask]:
    """A task for each group; of a group without pieces, one that gives the schema.

    Parameters
    ----------
    limit
        Rows of a task that anybody needs.
    """
    schema = picked_schema(manifest.loaded_schema(), columns)

    def task(pieces: list[Piece]) -> ReadTask:
        if limit is not None:
            pieces = list(_at_most(pieces, limit))
        work = _Reading(handle, manifest.name, tuple(pieces), columns)
        figures = BlockMetadata(
            num_rows=rows_of(pieces),
            size_bytes=nbytes_of(pieces),
            input_files=None,
            exec_stats=None,
        )
        return ReadTask(
            work if pieces else _Empty(schema),
            figures,
            schema=schema,
            per_task_row_limit=limit,
        )

    return [task(pieces) for pieces in groups]


def _at_most(pieces: list[Piece], rows: int) -> Iterator[Piece]:
    """The first pieces that have so many rows together."""
    for piece in pieces:
        if rows <= 0:
            return
        yield piece
        rows -= piece.rows


@dataclass(frozen=True, slots=True)
class _Reading:
    """The work of a task."""

    handle: Handle
    of: str
    pieces: tuple[Piece, ...]
    columns: Columns

    def __call__(self) -> Iterator[Block]:
        for piece in self.pieces:
            part = piece.part
            block = fetch_block(
                self.handle, part.text, self.of, node=part.node, index=piece.number
            )
            if not piece.whole:
                accessor = BlockAccessor.for_block(block)
                block = accessor.slice(piece.start, piece.stop, copy=False)
            yield picked(block, self.columns)


@dataclass(frozen=True, slots=True)
class _Empty:
    """The work of the only task of an empty dataset."""

    schema: Any

    def __call__(self) -> Iterator[Block]:
        yield empty_block(self.schema)
