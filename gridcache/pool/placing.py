"""Placing: which node a memory block goes to.

To the one asked for and no other, else to the node with most memory, idle before
what the cache would have to give up. A node that refuses is not asked again for
that block.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from gridcache.cluster.blocks.protocol import BlockNode, BlockNodes, BlockOrder
from gridcache.errors import (
    AllocationError,
    GridCacheError,
    NoAvailableNodesError,
    NodeLostError,
    OutOfSpaceError,
    ValueTooLargeError,
)
from gridcache.pool.ids import BlockId
from gridcache.pool.parallel import at_once

__all__ = ["Placer", "Wish"]

_TRY_ELSEWHERE = (OutOfSpaceError, ValueTooLargeError, NodeLostError)


@dataclass(slots=True)
class Wish:
    """A block that somebody wants, until it is somewhere."""

    nbytes: int
    node: str | None
    """The only one it may go to."""
    detached: bool
    refused: dict[str, GridCacheError] = field(default_factory=dict)
    """Why, by node."""
    block: BlockId | None = None


class Placer:
    """Allocations of one pool.

    Parameters
    ----------
    number
        Gives a number that no block ever had.
    allowed
        Names of nodes that may give; None for all.
    """

    def __init__(
        self,
        nodes: BlockNodes,
        pool: str,
        number: Callable[[], int],
        allowed: Collection[str] | None,
    ) -> None:
        self._nodes = nodes
        self._pool = pool
        self._number = number
        self._allowed = allowed

    def place(self, wishes: Sequence[Wish]) -> None:
        """Allocate all of them.

        Raises
        ------
        NoAvailableNodesError, AllocationError
            Not all found a place; those that did are in the wishes.
        """
        while waiting := [wish for wish in wishes if wish.block is None]:
            nodes = self._giving(waiting)
            chosen = self._choose(nodes, waiting)
            work = {n: partial(self._ask, nodes[n], some) for n, some in chosen.items()}
            for name, outcome in at_once(work).items():
                if isinstance(outcome, GridCacheError):
                    _refuse(chosen[name], name, outcome)

    def _giving(self, wishes: Sequence[Wish]) -> dict[str, BlockNode]:
        names = set(self._nodes.giving())
        if self._allowed is not None:
            names &= set(self._allowed)
        nodes = {n: one for n, one in self._nodes.nodes().items() if n in names}
        for wish in wishes:
            if not nodes or (wish.node is not None and wish.node not in nodes):
                raise _no_nodes(wish, nodes)
        return nodes

    def _choose(
        self, nodes: Mapping[str, BlockNode], wishes: Sequence[Wish]
    ) -> dict[str, list[Wish]]:
        rooms = self._rooms(nodes, wishes)
        chosen: dict[str, list[Wish]] = {}
        for wish in sorted(wishes, key=lambda one: -one.nbytes):
            name = _best(nodes, rooms, wish)
            chosen.setdefault(name, []).append(wish)
            if name in rooms:
                idle, room = rooms[name]
                rooms[name] = (idle - wish.nbytes, room - wish.nbytes)
        return chosen

    @staticmethod
    def _rooms(
        nodes: Mapping[str, BlockNode], wishes: Sequence[Wish]
    ) -> dict[str, tuple[int, int]]:
        """Idle bytes and room by node, asked for only where there is a choice."""
        if len(nodes) == 1 or all(wish.node is not None for wish in wishes):
            return {}
        answers = at_once({name: node.sizes for name, node in nodes.items()})
        return {
            name: (sizes.idle_nbytes, sizes.room_nbytes)
            for name, sizes in answers.items()
            if not isinstance(sizes, GridCacheError)
        }

    def _ask(self, node: BlockNode, wishes: Sequence[Wish]) -> None:
        ids = [BlockId(self._number(), node.name) for _ in wishes]
        orders = [
            BlockOrder(one.number, wish.nbytes, wish.detached, wish.node is not None)
            for one, wish in zip(ids, wishes, strict=True)
        ]
        outcomes = node.allocate(self._pool, orders)
        for wish, one, error in zip(wishes, ids, outcomes, strict=True):
            if error is None:
                wish.block = one
            else:
                _refuse([wish], node.name, error)


def _best(
    nodes: Mapping[str, BlockNode], rooms: Mapping[str, tuple[int, int]], wish: Wish
) -> str:
    """The node to ask next.

    Raises
    ------
    AllocationError
        All that may be asked have refused.
    """
    names = [wish.node] if wish.node is not None else list(rooms or nodes)
    left = [name for name in names if name not in wish.refused]
    if not left:
        raise _failed(wish)

    def merit(name: str) -> tuple[bool, int]:
        idle, room = rooms.get(name, (0, 0))
        fits = idle >= wish.nbytes
        return fits, idle if fits else room

    return max(left, key=merit)


def _refuse(wishes: Sequence[Wish], node: str, error: GridCacheError) -> None:
    if not isinstance(error, _TRY_ELSEWHERE):
        raise error
    for wish in wishes:
        wish.refused[node] = error


def _no_nodes(wish: Wish, nodes: Collection[str]) -> NoAvailableNodesError:
    known = ", ".join(map(repr, sorted(nodes))) or "none"
    what = f"there is no node {wish.node!r}" if wish.node else "no node gives memory"
    message = (
        f"No available nodes for memory allocation: {what}, those that give memory: "
        f"{known}; see `grid nodes`, or start some with `grid up`"
    )
    return NoAvailableNodesError(message, node=wish.node, nodes=sorted(nodes))


def _failed(wish: Wish) -> AllocationError:
    whys = "; ".join(f"{name}: {why.message}" for name, why in wish.refused.items())
    message = (
        f"Failed to allocate memory block of {wish.nbytes} bytes ({whys}); deallocate "
        f"blocks, ask for less or for another node, or add nodes"
    )
    return AllocationError(message, nbytes=wish.nbytes, nodes=sorted(wish.refused))
