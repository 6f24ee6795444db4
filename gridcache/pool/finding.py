"""Finding: which node a memory block is on.

The one in its id, unless it was moved; then all are asked, and the answer is
remembered until it is wrong.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from gridcache.cluster.blocks.protocol import BlockNode, BlockNodes
from gridcache.errors import BlockNotFoundError, GridCacheError, NodeLostError
from gridcache.pool.ids import BlockId, naming
from gridcache.pool.parallel import at_once
from gridcache.store.blocks import BlockInfo

__all__ = ["Finder"]

T = TypeVar("T")
_REMEMBERED = 4096
_PATIENCE_S = 10.0
"""With a block that is moved all the time."""
_PAUSES_S = (0.005, 0.02, 0.05, 0.0)


class Finder:
    """Blocks as one pool finds them."""

    def __init__(self, nodes: BlockNodes) -> None:
        self._nodes = nodes
        self._moved: dict[int, str] = {}

    def on_its_node(self, block: BlockId, call: Callable[[BlockNode], T]) -> T:
        """What `call` answers on the block's node; its errors name the id."""
        node, deadline = self._guess(block), time.monotonic() + _PATIENCE_S
        while True:
            try:
                return call(node or self.look_around(block))
            except (BlockNotFoundError, NodeLostError) as error:
                is_over = node is None and time.monotonic() > deadline
                if is_over or not _may_be_elsewhere(error):
                    raise naming(error, block) from None
                node = None
            except GridCacheError as error:
                raise naming(error, block) from None

    def _guess(self, block: BlockId) -> BlockNode | None:
        """Where it should be; None if that node has left the grid."""
        return self._nodes.nodes().get(self._moved.get(block.number, block.node))

    def by_node(
        self, blocks: Sequence[BlockId]
    ) -> dict[str, tuple[BlockNode, list[int]]]:
        """Positions of the blocks by the node each should be on."""
        found: dict[str, tuple[BlockNode, list[int]]] = {}
        nodes, moved = self._nodes.nodes(), self._moved
        for position, block in enumerate(blocks):
            node = nodes.get(moved.get(block.number, block.node))
            node = node or self.look_around(block)
            found.setdefault(node.name, (node, []))[1].append(position)
        return found

    def locate(self, blocks: Sequence[BlockId]) -> list[tuple[BlockNode, BlockInfo]]:
        """The node and the record of each block, for certain.

        Raises
        ------
        BlockNotFoundError, NodeLostError
            One is nowhere.
        """
        places: dict[int, tuple[BlockNode, BlockInfo]] = {}
        groups = self.by_node(blocks)
        work = {
            name: partial(node.info, [blocks[position].number for position in some])
            for name, (node, some) in groups.items()
        }
        for name, infos in at_once(work).items():
            node, some = groups[name]
            if not isinstance(infos, GridCacheError):
                for position, info in zip(some, infos, strict=True):
                    if isinstance(info, BlockInfo):
                        places[position] = (node, info)
        return [
            places.get(position) or self._locate_one(block)
            for position, block in enumerate(blocks)
        ]

    def _locate_one(self, block: BlockId) -> tuple[BlockNode, BlockInfo]:
        return self.on_its_node(block, lambda node: (node, _look(node, block)))

    def look_around(self, block: BlockId) -> BlockNode:
        """The node that has a block, wherever it is.

        Asked one after the other, all may say no while it goes from one to the
        next: only several times nowhere is nowhere.

        Raises
        ------
        BlockNotFoundError, NodeLostError
            No node has it.
        """
        for pause_s in _PAUSES_S:
            nodes = self._nodes.nodes()
            work = {n: partial(_look, node, block) for n, node in nodes.items()}
            answers = at_once(work)
            for name, found in answers.items():
                if not isinstance(found, GridCacheError):
                    self._remember(block, name)
                    return nodes[name]
            if any(_is_freed(answer) for answer in answers.values()):
                break
            time.sleep(pause_s)
        raise _nowhere(block, answers)

    def _remember(self, block: BlockId, node: str) -> None:
        while len(self._moved) >= _REMEMBERED:
            self._moved.pop(next(iter(self._moved)), None)
        self._moved[block.number] = node


def _look(node: BlockNode, block: BlockId) -> BlockInfo:
    (info,) = node.info([block.number])
    if isinstance(info, GridCacheError):
        raise info
    return info


def _is_freed(answer: object) -> bool:
    return isinstance(answer, BlockNotFoundError) and answer.reason == "freed"


def _may_be_elsewhere(error: GridCacheError) -> bool:
    """True unless somebody knows for certain that there is no such block."""
    return not (_is_freed(error) or error.context.get("nowhere"))


def _nowhere(block: BlockId, answers: Mapping[str, object]) -> GridCacheError:
    """What to raise for a block that no node has."""
    for answer in answers.values():
        if isinstance(answer, GridCacheError) and _is_freed(answer):
            return answer
    answer = answers.get(block.node)
    if isinstance(answer, BlockNotFoundError):
        return BlockNotFoundError(answer.message, **answer.context, nowhere=True)
    message = (
        f"node {block.node!r} of memory block {block} is lost, and what the block "
        f"held with it; allocate a new one (`grid nodes` lists the nodes)"
    )
    return NodeLostError(message, block_id=str(block), node=block.node, nowhere=True)
