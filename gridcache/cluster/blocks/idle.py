"""Block idle: other nodes' idle memory, for one process that needs no Ray.

Block numbers are drawn, see `gridcache.store.block_numbers`. A node frees the blocks
when this process's connection to it is gone. No call waits for a node that does not
answer longer than its time limit, and nothing is tried twice: the caller knows better
places to go.
"""

import random
import time
from collections.abc import Collection, Iterable, Sequence

from gridcache.cluster.blocks.keeper import Keeper
from gridcache.cluster.blocks.messages import unpack_outcomes
from gridcache.cluster.client.local import Local
from gridcache.cluster.streams.wire import Address, Answer, Meta
from gridcache.cluster.table.view import Member, View
from gridcache.errors import GridCacheError, NoAvailableNodesError, NodeLostError

__all__ = ["IdleMemory"]

_TIMEOUT_S = 1.5
_PIECE_NBYTES = 16 << 20
"""Read with one request. A body may take two seconds longer than the limit."""


class IdleMemory:
    """Blocks of one pool on the other nodes of a grid.

    Parameters
    ----------
    local
        This process's part in the grid.
    pool
        What the blocks are known by; this process's store should own it.
    timeout_s
        For a request to go out and its answer to come, beside the bytes.
    """

    def __init__(
        self, local: Local, pool: str, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self._local = local
        self._pool = pool
        self._timeout_s = timeout_s
        self._view: View | None = None
        self._keeper = Keeper(local.peers, self._addresses)

    # -- who -----------------------------------------------------------------

    def view(self) -> View:
        """The members now; the last ones known once this node has left."""
        try:
            self._view = self._local.standing.view()
        except NoAvailableNodesError:
            if self._view is None:
                raise
        return self._view

    def _addresses(self) -> dict[str, Address]:
        return {one.name: one.address for one in self.view().members}

    def _others(self) -> list[Member]:
        me = self._local.standing.member
        return [one for one in self.view().members if one.number != me]

    def idle_nbytes(self, besides: Collection[str] = ()) -> dict[str, int | None]:
        """Idle bytes by node, of those that take blocks; None: it does not answer."""
        asked = [
            one
            for one in self._others()
            if not one.draining and one.name not in besides
        ]
        random.shuffle(asked)
        # One after the other: a node that is dead costs its time limit, and must not
        # make those asked after it seem dead. All together have little more than one.
        until = time.monotonic() + self._timeout_s
        found: dict[str, int | None] = {}
        for one in asked:
            if time.monotonic() > until:
                break
            found[one.name] = self._idle_of(one)
        return found

    def _idle_of(self, member: Member) -> int | None:
        try:
            answer = self._local.peers.call(
                member.address, "block_sizes", {}, timeout_s=self._timeout_s / 3
            )
        except GridCacheError:
            return None
        return int(answer.meta["idle_nbytes"])

    # -- bytes ---------------------------------------------------------------

    def put(self, node: str, number: int, pieces: Sequence[memoryview]) -> None:
        """Store bytes on a node.

        Parameters
        ----------
        number
            Drawn, and not used before.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            It has no idle memory for them.
        GridCacheError
            Anything else; the block may be there.
        """
        self._keeper.keep(node, self._pool)
        meta = {"pool": self._pool, "number": number}
        self._ask(node, "block_put", meta, [one for one in pieces if one.nbytes])

    def read_into(self, node: str, number: int, into: memoryview) -> None:
        """Fill memory with a block.

        Raises
        ------
        BlockNotFoundError, NodeLostError
            It is not there, or the node has left the grid.
        PeerLostError
            The node does not answer.
        """
        for start in range(0, into.nbytes, _PIECE_NBYTES):
            piece = into[start : start + _PIECE_NBYTES]
            self._read_piece(node, number, start, piece)

    def _read_piece(self, node: str, number: int, at: int, into: memoryview) -> None:
        meta = {"ranges": [(number, into.nbytes, at)]}
        self._local.peers.call(
            self._address(node),
            "block_read",
            meta,
            into=lambda _meta, _lengths: [into],
            timeout_s=self._timeout_s,
        )

    def free(self, node: str, numbers: Iterable[int]) -> list[int]:
        """Give blocks back; returns those that were not there."""
        asked = list(numbers)
        answer = self._ask(node, "block_free", {"numbers": asked})
        outcomes = unpack_outcomes(answer.meta, len(asked))
        return [
            number
            for number, outcome in zip(asked, outcomes, strict=True)
            if outcome is not None
        ]

    def find(self, number: int, besides: Collection[str] = ()) -> str | None:
        """The node that a block was moved to, if any has it."""
        asked = [one for one in self._others() if one.name not in besides]
        metas: dict[int, Meta] = {one.number: {"numbers": [number]} for one in asked}
        answers = self._local.ask("block_info", metas, timeout_s=self._timeout_s)
        for one in asked:
            answer = answers.get(one.number)
            # A record is a list, an error a mapping.
            if answer is not None and isinstance(answer.meta["infos"][0], list):
                return one.name
        return None

    def _ask(
        self, node: str, op: str, meta: Meta, buffers: Sequence[memoryview] = ()
    ) -> Answer:
        return self._local.peers.call(
            self._address(node), op, meta, buffers, timeout_s=self._timeout_s
        )

    def _address(self, node: str) -> Address:
        member = self.view().by_name(node)
        if member is None:
            message = f"node {node!r} has left the grid, and what it held with it"
            raise NodeLostError(message, node=node)
        return member.address

    def close(self) -> None:
        """Free everything that can be freed now, and speak for nothing any more."""
        for node in self._keeper.nodes():
            try:
                self._ask(node, "block_reap", {"pool": self._pool})
            except GridCacheError:  # it does so when it misses the connection
                continue
        self._keeper.close()
