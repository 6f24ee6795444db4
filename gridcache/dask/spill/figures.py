"""Figures: what the workers of a cluster have spilled, and where it lies."""

from dataclasses import dataclass
from typing import Any

from distributed import Client, Worker

from gridcache.dask.spill.buffer import tiers_of
from gridcache.units import format_bytes

__all__ = ["SpillFigures", "SpillTable", "figures_of", "spilled"]


@dataclass(frozen=True, slots=True)
class SpillFigures:
    """Of one worker. Bytes are as stored, but for the worker's own memory."""

    memory_bytes: int
    """Values in the worker's memory, as Dask's `sizeof` has it."""
    grid_own_bytes: int
    """In the store of its node."""
    grid_others_bytes: int
    """In those of other nodes."""
    disk_bytes: int
    """On Dask's disk."""
    memory_count: int
    grid_own_count: int
    grid_others_count: int
    disk_count: int
    fell: int
    """Values since its start that no memory took; they went to disk or stayed."""


class SpillTable(dict[str, SpillFigures]):
    """By the worker's address; reads as a table."""

    def __repr__(self) -> str:
        rows = [
            ("worker", "memory", "own node", "other nodes", "disk", "fell"),
            *(_row(name, one) for name, one in self.items()),
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        )


def _row(name: str, one: SpillFigures) -> tuple[str, ...]:
    pairs = (
        (one.memory_bytes, one.memory_count),
        (one.grid_own_bytes, one.grid_own_count),
        (one.grid_others_bytes, one.grid_others_count),
        (one.disk_bytes, one.disk_count),
    )
    cells = (f"{format_bytes(nbytes)} ({count})" for nbytes, count in pairs)
    return name, *cells, str(one.fell)


def figures_of(data: Any) -> SpillFigures:
    """Figures of a worker's data, with our tiers or without."""
    fast = getattr(data, "fast", data)
    weights = getattr(fast, "total_weight", 0)
    tiers = tiers_of(data)
    disk = tiers.disk if tiers is not None else getattr(data, "_slow_uncached", None)
    memories = tiers.memories if tiers is not None else []
    return SpillFigures(
        memory_bytes=int(weights),
        grid_own_bytes=sum(one.own.nbytes for one in memories),
        grid_others_bytes=sum(one.far.nbytes for one in memories),
        disk_bytes=disk.total_weight.disk if disk is not None else 0,
        memory_count=len(fast),
        grid_own_count=sum(one.own.count for one in memories),
        grid_others_count=sum(one.far.count for one in memories),
        disk_count=len(disk) if disk is not None else 0,
        fell=tiers.fell if tiers is not None else 0,
    )


def spilled(client: Client) -> Any:
    """What the workers have spilled, and where it lies.

    Returns
    -------
    SpillTable
        `SpillFigures` by worker; to be awaited if the client is asynchronous.
    """
    return client.sync(_collect, client)


async def _collect(client: Client) -> SpillTable:
    found: dict[str, SpillFigures] = await client.run(_of_worker)
    return SpillTable(found)


def _of_worker(dask_worker: Worker) -> SpillFigures:
    return figures_of(dask_worker.data)
