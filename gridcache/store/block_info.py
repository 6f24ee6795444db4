"""Block info: what is told of a block."""

from dataclasses import dataclass

from gridcache.store.block_pools import Pool
from gridcache.store.block_records import FIXED, Block

__all__ = ["BlockInfo", "block_info"]


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """One block, as it was when asked."""

    number: int
    nbytes: int
    created_at: float
    """Seconds since the epoch."""
    accesses: int
    """Reads, writes and maps; what a killed process counted last is lost."""
    pool: str
    """Of whoever allocated it; empty if detached."""
    detached: bool
    fixed: bool
    home: str = ""
    """The node it was allocated on, if it was moved here."""


def block_info(number: int, block: Block, pool: Pool | None) -> BlockInfo:
    """From its record and its pool's."""
    text = pool.text if pool is not None else ""
    return BlockInfo(
        number=number,
        nbytes=block.nbytes,
        created_at=block.created_at,
        accesses=block.accesses,
        pool=text,
        detached=not text,
        fixed=bool(block.flags & FIXED),
        home=pool.home if pool is not None else "",
    )
