"""Block making: blocks that begin with the bytes they are for.

One pass over the memory, where allocating (zeros) and writing take two. Nobody sees
the block before it has all of them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gridcache.store.block_memory import BlockMemory, as_bytes
from gridcache.store.block_records import FIXED
from gridcache.store.block_space import BlockSpace, Wanted

__all__ = ["BlockMaking", "Pour"]

Pour = Callable[[Callable[[memoryview], None]], object]
"""Calls what it is given with chunks, end to end."""


class BlockMaking:
    """Blocks made of bytes, for one process."""

    def __init__(self, memory: BlockMemory, space: BlockSpace) -> None:
        self._memory = memory
        self._space = space

    def store(
        self,
        number: int,
        pieces: Sequence[Any],
        pool: str = "",
        *,
        fixed: bool = False,
        idle: bool = False,
    ) -> int:
        """Make a block of buffers, end to end, without joining them.

        Parameters
        ----------
        number, pool, fixed
            As in `Blocks.allocate`.
        idle
            True to evict nothing for it.

        Returns
        -------
        int
            Its bytes.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            No room for it now, or ever. No block is made.
        """
        views = [as_bytes(piece) for piece in pieces]
        nbytes = sum(view.nbytes for view in views)
        wanted = Wanted(number, nbytes, pool, FIXED if fixed else 0)
        fill = partial(self._memory.fill_range, pieces=views)
        self._space.allocate(wanted, fill, idle=idle)
        return nbytes

    def pour(
        self, number: int, nbytes: int, pool: str, source: Pour, *, idle: bool = False
    ) -> None:
        """Make a block of what a source brings, such as a stream; else as `store`.

        The source must bring `nbytes`. What it raises is raised: no block is made.
        """

        def fill(offset: int) -> None:
            at, end = offset, offset + nbytes

            def write(chunk: memoryview) -> None:
                nonlocal at
                if at + chunk.nbytes > end:
                    message = f"a source brought more than {nbytes} bytes"
                    raise ValueError(message)
                self._memory.fill_range(at, (chunk,))
                at += chunk.nbytes

            source(write)
            if at != end:
                message = f"a source brought {at - offset} of {nbytes} bytes"
                raise ValueError(message)

        wanted = Wanted(number, nbytes, pool, 0)
        self._space.allocate(wanted, fill, idle=idle, at_once=False)
