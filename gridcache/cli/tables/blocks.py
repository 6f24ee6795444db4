"""Memory blocks as sections."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gridcache.cli.report import Column, Kind, Report, Section

if TYPE_CHECKING:
    from gridcache.pool import MemoryBlock

__all__ = ["allocated_report", "blocks_report", "deallocated_report"]

BLOCKS = (
    Column("block_id", label="block"),
    Column("node"),
    Column("size_nbytes", Kind.BYTES),
    Column("created", Kind.INSTANT),
    Column("accesses", Kind.COUNT),
)

ALLOCATED = BLOCKS[:3]
DEALLOCATED = (Column("deallocated", Kind.COUNT), Column("blocks", Kind.NAMES))

STAYS = "it lives until `grid memory deallocate {}`"


def allocated_report(block: "MemoryBlock") -> Report:
    """A block that was just made."""
    row = _row(block)[: len(ALLOCATED)]
    section = Section("allocated", ALLOCATED, [row], single=True)
    return Report((section,), STAYS.format(block.block_id))


def deallocated_report(block_ids: Sequence[str]) -> Report:
    """Blocks that are gone."""
    row = (len(block_ids), tuple(block_ids))
    return Report((Section("deallocated", DEALLOCATED, [row], single=True),))


def blocks_report(blocks: Iterable["MemoryBlock"]) -> Report:
    """A row per block."""
    rows = [_row(block) for block in blocks]
    note = "" if rows else "no blocks; grid memory allocate --size GIB makes one"
    return Report((Section("blocks", BLOCKS, rows),), note)


def _row(block: "MemoryBlock") -> tuple[object, ...]:
    return (
        block.block_id,
        block.node,
        block.size_bytes,
        block.created_at,
        block.accesses,
    )
