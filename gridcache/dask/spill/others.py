"""Others: idle memory of the other nodes of a grid.

The node with most idle memory is asked first, and gives nothing up for it. This
node may join a grid, and leave it, while a worker runs.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from gridcache.cluster.blocks.idle import IdleMemory
from gridcache.dask.spill.breaker import Breaker
from gridcache.dask.spill.freeing import Freeing
from gridcache.errors import (
    BlockNotFoundError,
    GridCacheError,
    NodeLostError,
    OutOfSpaceError,
    ValueTooLargeError,
)
from gridcache.store.block_numbers import draw_number

__all__ = ["OthersMemory"]

_LOOK_S = 5.0
"""Between two looks whether there is a grid."""
_FRESH_S = 1.0
"""How long what nodes said of their idle memory is believed."""
_SLOW_S = 1.0
"""A failure that took as long is that of a node that hangs: one is enough."""
_TRIES = 3
"""Nodes that are sent the same bytes, until one takes them."""


class OthersMemory:
    """Blocks of one worker on other nodes.

    Parameters
    ----------
    reach
        The way there; None while this node is in no grid.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        reach: Callable[[], IdleMemory | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reach = reach
        self._clock = clock
        self._idle: IdleMemory | None = None
        self._looked_at = self._asked_at = float("-inf")
        self._rooms: dict[str, int] = {}
        self._breakers: dict[str, Breaker] = defaultdict(lambda: Breaker(clock))
        self._moved: dict[int, str] = {}
        self.freeing = Freeing(self._free_now)

    def _found(self) -> IdleMemory | None:
        if self._idle is None and self._clock() - self._looked_at > _LOOK_S:
            self._looked_at = self._clock()
            self._idle = self._reach()
        return self._idle

    # -- out -----------------------------------------------------------------

    def put(self, pieces: Sequence[memoryview], nbytes: int) -> tuple[str, int]:
        """Store bytes; returns node and number.

        Raises
        ------
        OutOfSpaceError
            No other node has idle memory for them.
        GridCacheError
            One that has does not answer.
        """
        trouble: GridCacheError = OutOfSpaceError("no other node has idle memory")
        idle = self._found()
        if idle is None:
            raise trouble
        for node in self._roomiest(idle, nbytes)[:_TRIES]:
            number, started_s = draw_number(), self._clock()
            try:
                idle.put(node, number, pieces)
            except (OutOfSpaceError, ValueTooLargeError):
                self._rooms[node] = 0
            except GridCacheError as error:
                self._failed(node, started_s)
                self.freeing.add(node, number)  # it may have come
                trouble = error
            else:
                self._rooms[node] -= nbytes
                self._breakers[node].worked()
                return node, number
        raise trouble

    def _roomiest(self, idle: IdleMemory, nbytes: int) -> list[str]:
        if self._clock() - self._asked_at > _FRESH_S:
            self._ask_rooms(idle)
        rooms = self._rooms
        fit = [
            node
            for node, room in rooms.items()
            if room >= nbytes and not self._breakers[node].rests
        ]
        return sorted(fit, key=lambda node: -rooms[node])

    def _ask_rooms(self, idle: IdleMemory) -> None:
        resting = {node for node, one in self._breakers.items() if one.rests}
        self._rooms = {}
        for node, nbytes in idle.idle_nbytes(resting).items():
            if nbytes is None:
                self._breakers[node].failed(slowly=True)
            else:
                self._rooms[node] = nbytes
        self._asked_at = self._clock()

    def _failed(self, node: str, started_s: float) -> None:
        self._rooms.pop(node, None)
        slowly = self._clock() - started_s > _SLOW_S
        self._breakers[node].failed(slowly=slowly)

    # -- back ----------------------------------------------------------------

    def read_into(self, node: str, number: int, into: memoryview) -> None:
        """Fill memory with a block, wherever it was moved to.

        Raises
        ------
        BlockNotFoundError, NodeLostError
            No other node has it.
        GridCacheError
            The node does not answer.
        """
        idle, node = self._found(), self._moved.get(number, node)
        if idle is None:
            message = f"this node has left the grid, and does not reach {node!r}"
            raise NodeLostError(message, node=node)
        started_s = self._clock()
        try:
            idle.read_into(node, number, into)
        except (BlockNotFoundError, NodeLostError):
            found = idle.find(number, {node})
            if found is None:
                raise
            self._moved[number] = found
            idle.read_into(found, number, into)
        except GridCacheError:
            self._failed(node, started_s)
            raise

    def free(self, node: str, number: int) -> None:
        """Give a block back, soon."""
        self.freeing.add(self._moved.pop(number, node), number)

    def _free_now(self, node: str, numbers: list[int]) -> None:
        idle = self._idle
        if idle is None:
            return
        for number in idle.free(node, numbers):
            moved_to = idle.find(number, {node})
            if moved_to is not None:
                idle.free(moved_to, (number,))

    def close(self) -> None:
        """Free everything that nodes hear of; they free the rest themselves."""
        self.freeing.close()
        if self._idle is not None:
            self._idle.close()
