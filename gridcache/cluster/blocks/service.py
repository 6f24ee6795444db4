"""Block service: a node's blocks for clients on other nodes.

Requests have an `op` that begins with `block_`. A client names its pool and says
from time to time, over a connection of its own, that it lives. When that
connection is gone and no other has come for some seconds, or nobody has spoken
for a pool that an earlier service left, the pool's blocks are freed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gridcache.cluster.blocks.arrivals import BlockArrivals
from gridcache.cluster.blocks.attendance import Attendance
from gridcache.cluster.blocks.local import LocalNode
from gridcache.cluster.blocks.messages import pack_infos, pack_outcomes, pack_sizes
from gridcache.cluster.blocks.protocol import BlockOrder
from gridcache.cluster.blocks.putting import BlockPutting
from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.session import Session, StreamHandle
from gridcache.cluster.streams.wire import Answer, Meta, Range
from gridcache.errors import PeerError
from gridcache.store.blocks import Blocks

if TYPE_CHECKING:
    from gridcache.cluster.streams.bodies import Target
    from gridcache.store.block_memory import Hold

__all__ = ["BlockService"]

_GRACE_S = 10.0
"""For a client whose connection was lost to come back."""
_LEFT_GRACE_S = 30.0
"""For the clients of a service that was killed to find this one."""
_IN_PLACE_MIN = 4 << 20
"""Bytes from which a range is sent from the file itself, and written as it comes:
below, asking whether it was held costs more than a copy."""
ANSWER_NBYTES = 32 << 20
"""Of ranges in one answer."""


class BlockService:
    """Answers for the blocks of one store.

    Parameters
    ----------
    grace_s, left_grace_s
        How long a pool may be without a connection, and without a word to this
        service, before its blocks are freed.
    """

    def __init__(
        self,
        blocks: Blocks,
        node: str,
        *,
        grace_s: float = _GRACE_S,
        left_grace_s: float = _LEFT_GRACE_S,
    ) -> None:
        self._blocks = blocks
        self._node = LocalNode(node, blocks)
        self._attendance = Attendance(blocks.reap_pool, grace_s)
        arrivals = BlockArrivals(blocks)
        self._ops = {
            "block_sizes": self._sizes,
            "block_allocate": self._allocate,
            "block_check": self._check,
            "block_read": self._read,
            "block_free": self._free,
            "block_info": self._info,
            "block_list": self._list,
            "block_reap": self._reap,
            "block_keep": self._keep,
            "block_alive": self._alive,
            **arrivals.ops,
        }
        self.streams: dict[str, StreamHandle] = {
            "block_write": self._write,
            "block_fill": arrivals.fill,
            "block_put": BlockPutting(blocks).put,
        }
        for pool in blocks.owners.elsewhere():
            self._attendance.expect(pool, left_grace_s)

    def handle(
        self, session: Session, op: str, meta: Meta, _buffers: list[memoryview]
    ) -> Answer:
        """Answer one request."""
        try:
            work = self._ops[op]
        except KeyError:
            message = f"this node does not know {op!r}; run one version everywhere"
            raise PeerError(message, op=op) from None
        return work(session, meta)

    def close(self) -> None:
        """Free no more pools; the next service will."""
        self._attendance.close()

    # -- requests ----------------------------------------------------------

    def _sizes(self, session: Session, meta: Meta) -> Answer:
        return Answer(pack_sizes(self._node.sizes()))

    def _allocate(self, session: Session, meta: Meta) -> Answer:
        orders = [BlockOrder(*order) for order in meta["orders"]]
        return Answer(
            pack_outcomes(
                self._node.allocate(
                    meta["pool"], orders, again=meta.get("again", False)
                )
            )
        )

    def _check(self, session: Session, meta: Meta) -> Answer:
        self._blocks.check_ranges(meta["ranges"])
        return Answer()

    def _write(self, session: Session, meta: Meta, incoming: Incoming) -> Answer:
        places = list(zip(meta["pieces"], incoming.lengths, strict=True))
        self._blocks.check_ranges([(n, nbytes, at) for (n, at), nbytes in places])
        if sum(incoming.lengths) < _IN_PLACE_MIN:
            data = [memoryview(bytearray(nbytes)) for nbytes in incoming.lengths]
            incoming.into(data)
            self._blocks.write_many(
                [(n, one, at) for ((n, at), _), one in zip(places, data, strict=True)]
            )
            return Answer()
        targets: list[Target] = [self._blocks.filler(n, at) for (n, at), _ in places]
        incoming.into(targets)
        return Answer()

    def _read(self, session: Session, meta: Meta) -> Answer:
        """As many of the ranges as fit into an answer, and how long each is."""
        ranges = meta["ranges"]
        sizes = self._blocks.check_ranges(ranges)
        parts = _fitting(ranges, sizes)
        copies = iter(
            self._blocks.read_many([part for part in parts if part[1] < _IN_PLACE_MIN])
        )
        holds: list[Hold] = []
        buffers = [
            next(copies) if part[1] < _IN_PLACE_MIN else self._in_place(holds, part)
            for part in parts
        ]

        def done() -> None:
            for hold in holds:
                hold.end()

        return Answer({"sizes": sizes[: len(parts)]}, buffers, done)

    def _in_place(self, holds: "list[Hold]", part: tuple[int, int, int]) -> Range:
        fd, at, hold = self._blocks.place(*part)
        holds.append(hold)
        return Range(fd, at, part[1], hold)

    def _free(self, session: Session, meta: Meta) -> Answer:
        return Answer(pack_outcomes(self._node.free(meta["numbers"])))

    def _info(self, session: Session, meta: Meta) -> Answer:
        return Answer({"infos": pack_infos(self._node.info(meta["numbers"]))})

    def _list(self, session: Session, meta: Meta) -> Answer:
        some = self._blocks.list(meta["start"], meta["most"])
        return Answer({"infos": pack_infos(list(some))})

    # -- pools -------------------------------------------------------------

    def _reap(self, session: Session, meta: Meta) -> Answer:
        return Answer({"freed": self._node.reap(meta["pool"])})

    def _keep(self, session: Session, meta: Meta) -> Answer:
        self._attendance.meet(meta["pool"], session)
        return Answer()

    def _alive(self, session: Session, meta: Meta) -> Answer:
        """Which of these pools somebody speaks for, to this node."""
        owners = self._blocks.owners
        alive = [
            pool
            for pool in meta["pools"]
            if self._attendance.knows(pool) or owners.is_alive(pool)
        ]
        return Answer({"alive": alive})


def _fitting(
    ranges: Sequence[Sequence[int]], sizes: Sequence[int]
) -> list[tuple[int, int, int]]:
    """The first ranges, and of the last perhaps a part: some bytes at least."""
    parts: list[tuple[int, int, int]] = []
    room = ANSWER_NBYTES
    for (number, _, offset), size in zip(ranges, sizes, strict=True):
        if parts and not room:
            break
        parts.append((number, min(size, room), offset))
        room -= parts[-1][1]
    return parts
