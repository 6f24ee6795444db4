"""Block mover: a node's blocks that go elsewhere, when it is full or leaves.

Blocks placed by name, and those that were ever mapped, stay. While a block is on
its way it is read, and writes wait; a death anywhere leaves it in one place, see
`gridcache.store.block_transfers`.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.wire import Answer, Buffer, Meta, Range
from gridcache.cluster.table.view import View
from gridcache.errors import BlockNotFoundError, GridCacheError, NodeLostError
from gridcache.store.block_space import BlockSizes
from gridcache.store.block_transfers import Stage, Transfer
from gridcache.store.blocks import Blocks

__all__ = ["BlockMover", "Elsewhere"]

_logger = logging.getLogger("gridcache")

_PERIOD_S = 2.0
_SWEEP_ROUNDS = 5
"""Between two questions whether the pools of blocks that came still live."""
_CHUNK = 32 << 20
_FULL = 0.85
"""Fill by blocks from which a node gives some away."""
_GAP = 0.15
"""Another must be emptier by this much."""
_ROUND_NBYTES = 1 << 30
"""Moved in one round, so that a node that leaves or fills up is soon noticed."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The other nodes, as this one sees them."""

    peers: Peers
    view: Callable[[], View | None]
    """None before this node is in the grid: then it moves and frees nothing."""

    def ask(self, node: str, op: str, meta: Meta, *buffers: Buffer) -> Answer:
        """One request; raises `NodeLostError` for a node that has left the grid."""
        view = self.view()
        member = view.by_name(node) if view is not None else None
        if member is None:
            message = f"node {node!r} has left the grid"
            raise NodeLostError(message, node=node)
        return self.peers.call(member.address, op, meta, buffers)

    def names(self) -> list[str]:
        """All nodes, this one too."""
        view = self.view()
        return [] if view is None else [member.name for member in view.members]

    def giving(self, me: str) -> list[str]:
        """The others that take blocks."""
        view = self.view()
        members = view.members if view is not None else ()
        return [one.name for one in members if one.name != me and not one.draining]

    def drains(self, me: str) -> bool:
        """True if this node is to leave."""
        view = self.view()
        member = view.by_name(me) if view is not None else None
        return member is not None and member.draining


class BlockMover:
    """The thread that moves one node's blocks, and settles what a death left.

    Parameters
    ----------
    balances
        Whether full nodes give to others (`mode: dynamic_balancing`).
    """

    def __init__(
        self,
        blocks: Blocks,
        node: str,
        elsewhere: Elsewhere,
        balances: Callable[[], bool],
    ) -> None:
        self._blocks = blocks
        self._transfers = blocks.transfers
        self._node = node
        self._elsewhere = elsewhere
        self._balances = balances
        self._lock = threading.Lock()
        self._rounds = 0
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="gridcache-block-mover", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._over.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_PERIOD_S):
            try:
                self.round()
            except GridCacheError as error:  # a node that is away, a full store
                _logger.debug("blocks were left where they are: %s", error)

    def round(self) -> None:
        """Do what can be done now."""
        if self._elsewhere.view() is None:
            return
        with self._lock:
            self._settle()
        self._rounds += 1
        if self._rounds % _SWEEP_ROUNDS == 0:
            self.sweep()
        if self._elsewhere.drains(self._node):
            self.evacuate()
        elif self._balances():
            self.balance()

    # -- one block ---------------------------------------------------------

    def move(self, number: int, node: str) -> bool:
        """Move a block; False if it stays."""
        with self._lock:
            try:
                if not self._transfers.leave(number, node):
                    return False
                return self._send(number, node) and self._finish(number, node)
            except BlockNotFoundError:  # freed meanwhile
                return False

    def _send(self, number: int, node: str) -> bool:
        try:
            self._copy(number, node)
            if self._transfers.hand_over(number, node):
                return True
        except GridCacheError as error:
            _logger.debug("memory block %d stays: %s", number, error)
        with suppress(GridCacheError):  # else it finds out itself
            self._elsewhere.ask(node, "block_drop", {"number": number})
        self._transfers.stay(number)
        return False

    def _copy(self, number: int, node: str) -> None:
        info = self._blocks.info(number)
        meta = {
            "number": number,
            "nbytes": info.nbytes,
            "pool": info.pool,
            "home": info.home or self._node,
            "source": self._node,
            "created_at": info.created_at,
            "accesses": info.accesses,
        }
        self._elsewhere.ask(node, "block_arrive", meta)
        for start in range(0, info.nbytes, _CHUNK):
            nbytes = min(info.nbytes - start, _CHUNK)
            with self._transfers.place(number, nbytes, start) as (fd, at):
                piece = Range(fd, at, nbytes)
                meta = {"number": number, "offset": start}
                self._elsewhere.ask(node, "block_fill", meta, piece)

    def _finish(self, number: int, node: str) -> bool:
        """Have a block that is handed over answered for there."""
        try:
            self._elsewhere.ask(node, "block_accept", {"number": number})
        except NodeLostError:
            self._transfers.stay(number)
            return False
        self._transfers.left(number)
        return True

    # -- what a death left -------------------------------------------------

    def _settle(self) -> None:
        for transfer in self._transfers.under_way():
            with suppress(GridCacheError):  # the other does not answer: later
                self._settle_one(transfer)

    def _settle_one(self, transfer: Transfer) -> None:
        number, node, stage = transfer
        if stage is Stage.LEAVING:
            self._transfers.stay(number)
        elif stage is Stage.HANDED:
            self._finish(number, node)
        elif stage is Stage.ARRIVING:
            self._settle_arriving(number, node)

    def _settle_arriving(self, number: int, node: str) -> None:
        try:
            answer = self._elsewhere.ask(node, "block_stage", {"number": number})
            there = answer.meta["stage"]
        except NodeLostError:
            there = Stage.GONE
        if there == Stage.HANDED:
            self._transfers.accept(number)
        elif there != Stage.LEAVING:
            self._transfers.drop(number)

    def sweep(self) -> int:
        """Free what came here from pools that nobody speaks for any more."""
        owners = self._blocks.owners
        pools = set(owners.moved_here())
        for name in self._elsewhere.names() if pools else ():
            try:
                answer = self._elsewhere.ask(name, "block_alive", {"pools": [*pools]})
            except GridCacheError:
                return 0  # it may know of one: ask again later
            pools.difference_update(answer.meta["alive"])
        return sum(self._blocks.reap_pool(pool) for pool in pools)

    # -- many --------------------------------------------------------------

    def evacuate(self) -> int:
        """Move all that may go; returns how many that may go are still here."""
        left = 0
        for number, block in self._transfers.movable():
            if self._over.is_set():
                break
            target = self._roomiest(block.extent_nbytes)
            left += target is None or not self.move(number, target)
        return left

    def balance(self) -> int:
        """Move some away from this node if it is full and another is not."""
        moved = 0
        for number, block in self._transfers.movable():
            here, size = self._blocks.sizes(), block.extent_nbytes
            if _fill(here) < _FULL or moved > _ROUND_NBYTES or self._over.is_set():
                break
            target = self._emptier(here, size)
            if target is not None and self.move(number, target):
                moved += size
        return moved

    def _sizes(self) -> dict[str, BlockSizes]:
        found = {}
        for name in self._elsewhere.giving(self._node):
            with suppress(GridCacheError):
                answer = self._elsewhere.ask(name, "block_sizes", {})
                found[name] = BlockSizes(**answer.meta)
        return found

    def _roomiest(self, nbytes: int) -> str | None:
        rooms = {
            name: sizes.room_nbytes
            for name, sizes in self._sizes().items()
            if sizes.room_nbytes >= nbytes
        }
        return max(rooms, key=rooms.__getitem__, default=None)

    def _emptier(self, here: BlockSizes, nbytes: int) -> str | None:
        """A node that is still emptier than this one when it has the block."""
        fills = {
            name: _fill(sizes, nbytes)
            for name, sizes in self._sizes().items()
            if sizes.room_nbytes >= nbytes
        }
        best = min(fills, key=fills.__getitem__, default=None)
        if best is None or fills[best] > _fill(here) - _GAP:
            return None
        return best


def _fill(sizes: BlockSizes, more: int = 0) -> float:
    """Share of what blocks may take that they take."""
    taken = sizes.capacity_nbytes - sizes.room_nbytes + more
    return taken / max(sizes.capacity_nbytes, 1)
