"""Block remote: the blocks of another node, over its stream.

A node that restarts is asked again, and so is one whose answer was lost: every
request here may be carried out twice. One that has left the grid is lost.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from gridcache.cluster.blocks.messages import unpack_infos, unpack_outcomes
from gridcache.cluster.blocks.protocol import BlockOrder, BlockPiece, BlockRange
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.wire import Address, Answer, Meta
from gridcache.errors import (
    BlockNotFoundError,
    ConfigError,
    GridCacheError,
    NodeLostError,
    PeerLostError,
)
from gridcache.store.block_space import BlockSizes
from gridcache.store.blocks import BlockInfo

__all__ = ["RemoteNode"]

_PATIENCE_S = 15.0
"""For a node that is still in the grid and does not answer.

Longer than the membership keeps one that does not come back (`leases.LEASE_S` and
`GRACE_S`): only what it has removed is said to be lost, never what restarts slowly.
"""
_PAUSE_S = 0.05
_MESSAGE_NBYTES = 32 << 20
"""Of bytes written or read with one request."""
_MESSAGE_ITEMS = 1000
_LISTED = 10_000
_Left = list[tuple[int, BlockRange]]
_Infos = list[BlockInfo]
"""`list` is a method below."""


class RemoteNode:
    """A `BlockNode` on another machine.

    Parameters
    ----------
    address
        Where it listens now; None once it has left the grid.
    keep
        Called with a pool before the first block is allocated for it.
    """

    def __init__(
        self,
        name: str,
        peers: Peers,
        address: Callable[[], Address | None],
        keep: Callable[[str], None],
    ) -> None:
        self.name = name
        self._peers = peers
        self._address = address
        self._keep = keep

    def _ask(
        self, op: str, meta: Meta, buffers: Sequence[memoryview] = ()
    ) -> tuple[Answer, bool]:
        """The answer, and whether an earlier attempt may have been carried out."""
        deadline, repeated = time.monotonic() + _PATIENCE_S, False
        while True:
            address = self._address()
            if address is None:
                raise _lost(self.name)
            try:
                asked = {**meta, "again": True} if repeated else meta
                return self._peers.call(address, op, asked, buffers), repeated
            except PeerLostError as error:
                repeated = repeated or bool(error.context.get("sent"))
                if time.monotonic() > deadline or error.context.get("reason") == "key":
                    raise _lost(self.name) from error
                time.sleep(_PAUSE_S)

    def sizes(self) -> BlockSizes:
        """What blocks take, and could take."""
        answer, _ = self._ask("block_sizes", {})
        return BlockSizes(**answer.meta)

    def allocate(
        self, pool: str, orders: Sequence[BlockOrder]
    ) -> list[GridCacheError | None]:
        """Make blocks, each or why not."""
        self._keep(pool)
        outcomes: list[GridCacheError | None] = []
        for start in range(0, len(orders), _MESSAGE_ITEMS):
            some = orders[start : start + _MESSAGE_ITEMS]
            answer, _ = self._ask("block_allocate", {"pool": pool, "orders": some})
            outcomes += unpack_outcomes(answer.meta, len(some))
        return outcomes

    # -- bytes -------------------------------------------------------------

    def write(self, pieces: Sequence[BlockPiece]) -> None:
        """Write; all is checked before the first byte."""
        parts = [part for piece in pieces for part in _split(piece)]
        messages = _grouped(parts, lambda part: part.data.nbytes)
        if len(messages) > 1:
            ranges = [(number, data.nbytes, offset) for number, data, offset in pieces]
            self._check(ranges)
        for some in messages:
            places = [(part.number, part.offset) for part in some]
            self._ask("block_write", {"pieces": places}, [part.data for part in some])

    def _check(self, ranges: Sequence[tuple[int, int, int]]) -> None:
        for start in range(0, len(ranges), _MESSAGE_ITEMS):
            some = ranges[start : start + _MESSAGE_ITEMS]
            self._ask("block_check", {"ranges": some})

    def read(self, ranges: Sequence[BlockRange]) -> list[bytes]:
        """Copy ranges."""
        parts: list[list[memoryview]] = [[] for _ in ranges]
        left = list(enumerate(ranges))
        while left:
            some = [wanted for _, wanted in left[:_MESSAGE_ITEMS]]
            answer, _ = self._ask("block_read", {"ranges": some})
            for (position, _), buffer in zip(left, answer.buffers, strict=False):
                parts[position].append(buffer)
            left = _rest(left, answer)
        return [_joined(found) for found in parts]

    # -- the rest ----------------------------------------------------------

    def free(self, numbers: Sequence[int]) -> list[GridCacheError | None]:
        """Free blocks, each or why not."""
        outcomes: list[GridCacheError | None] = []
        for start in range(0, len(numbers), _MESSAGE_ITEMS):
            some = numbers[start : start + _MESSAGE_ITEMS]
            answer, repeated = self._ask("block_free", {"numbers": some})
            found = unpack_outcomes(answer.meta, len(some))
            outcomes += [_freed(one) for one in found] if repeated else found
        return outcomes

    def info(self, numbers: Sequence[int]) -> list[BlockInfo | GridCacheError]:
        """Blocks as they are, each or why not."""
        infos: list[BlockInfo | GridCacheError] = []
        for start in range(0, len(numbers), _MESSAGE_ITEMS):
            some = numbers[start : start + _MESSAGE_ITEMS]
            answer, _ = self._ask("block_info", {"numbers": some})
            infos += unpack_infos(answer.meta["infos"])
        return infos

    def list(self) -> _Infos:
        """All blocks."""
        infos: _Infos = []
        while True:
            start = infos[-1].number + 1 if infos else 0
            answer, _ = self._ask("block_list", {"start": start, "most": _LISTED})
            some: Any = unpack_infos(answer.meta["infos"])
            infos += some
            if len(some) < _LISTED:
                return infos

    def reap(self, pool: str) -> int:
        """Free the blocks of a pool; returns how many."""
        answer, _ = self._ask("block_reap", {"pool": pool})
        return int(answer.meta["freed"])

    def map(self, number: int) -> memoryview:
        """Not from here."""
        message = (
            f"memory block {number} lies on node {self.name!r}, and only a process "
            f"there can map it; read and write it, or run on that node"
        )
        raise ConfigError(message, number=number, node=self.name)


def _lost(node: str) -> NodeLostError:
    message = (
        f"node {node!r} is lost, and what its memory blocks held with it; allocate "
        f"on another node (grid nodes lists them)"
    )
    return NodeLostError(message, node=node)


def _freed(outcome: GridCacheError | None) -> GridCacheError | None:
    """Freed before is freed now, where the question was put twice."""
    if isinstance(outcome, BlockNotFoundError) and outcome.reason == "freed":
        return None
    return outcome


def _split(piece: BlockPiece) -> list[BlockPiece]:
    """A piece in parts that a message takes."""
    starts = range(0, max(piece.data.nbytes, 1), _MESSAGE_NBYTES)
    return [
        BlockPiece(
            piece.number,
            piece.data[start : start + _MESSAGE_NBYTES],
            piece.offset + start,
        )
        for start in starts
    ]


def _grouped(parts: list[Any], size_of: Callable[[Any], int]) -> list[list[Any]]:
    """Parts in the order given, as many together as a message takes."""
    messages: list[list[Any]] = []
    room = 0
    for part in parts:
        nbytes = size_of(part)
        if not messages or nbytes > room or len(messages[-1]) == _MESSAGE_ITEMS:
            messages.append([])
            room = _MESSAGE_NBYTES
        messages[-1].append(part)
        room -= nbytes
    return messages


def _rest(left: _Left, answer: Answer) -> _Left:
    """What an answer has not brought; its last buffer may be a part."""
    last = len(answer.buffers) - 1
    position, wanted = left[last]
    done = answer.buffers[last].nbytes
    missing = answer.meta["sizes"][last] - done
    rest = left[last + 1 :]
    if not missing:
        return rest
    part = BlockRange(wanted.number, missing, wanted.offset + done)
    return [(position, part), *rest]


def _joined(parts: list[memoryview]) -> bytes:
    return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
