"""Blocks in messages: records to JSON and back.

Errors that belong to one of many travel as whole answers that fail do.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gridcache.cluster.streams.travel import describe, rebuild
from gridcache.errors import GridCacheError
from gridcache.store.block_space import BlockSizes
from gridcache.store.blocks import BlockInfo

__all__ = [
    "pack_infos",
    "pack_outcomes",
    "pack_sizes",
    "unpack_infos",
    "unpack_outcomes",
]

Info = BlockInfo | GridCacheError


def pack_outcomes(outcomes: Sequence[GridCacheError | None]) -> dict[str, Any]:
    """Failures alone, by position."""
    return {str(n): describe(one) for n, one in enumerate(outcomes) if one is not None}


def unpack_outcomes(packed: dict[str, Any], count: int) -> list[GridCacheError | None]:
    """What `pack_outcomes` packed of so many."""
    failed = {int(position): rebuild(error) for position, error in packed.items()}
    return [failed.get(position) for position in range(count)]


def pack_infos(infos: Sequence[Info]) -> list[Any]:
    """Each as a row, or as the error in its place."""
    return [
        describe(info) if isinstance(info, GridCacheError) else list(_fields(info))
        for info in infos
    ]


def _fields(info: BlockInfo) -> Sequence[Any]:
    return tuple(asdict(info).values())


def unpack_infos(packed: list[Any]) -> list[Info]:
    """What `pack_infos` packed."""
    return [
        rebuild(one) if isinstance(one, dict) else BlockInfo(*one) for one in packed
    ]


def pack_sizes(sizes: BlockSizes) -> dict[str, int]:
    """By name."""
    return asdict(sizes)
