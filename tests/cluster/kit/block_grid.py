"""A grid in one process whose nodes serve memory blocks, too."""

from pathlib import Path

from gridcache.cluster.actors.desk import Desk
from gridcache.cluster.blocks.mover import BlockMover, Elsewhere
from gridcache.cluster.blocks.service import BlockService
from gridcache.cluster.streams.server import Server
from tests.cluster.kit.small_grid import KEY, Node, SmallGrid

__all__ = ["BlockGrid", "BlockNode"]

GRACE_S = 0.2


class BlockNode(Node):
    """A node with the services of its blocks."""

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory, name)
        self.blocks = BlockService(self.store.blocks, name, grace_s=GRACE_S)
        self.mover = BlockMover(
            self.store.blocks,
            name,
            Elsewhere(self.peers, self.standing.view),
            lambda: False,
        )
        self.serve()

    def serve(self) -> None:
        """Listen, at a port of its own, with all services."""
        self.server.close()
        desk = Desk(self.blocks, self.service)
        self.server = Server(KEY, desk.handle, streams=desk.streams).start()

    def numbers(self) -> list[int]:
        """Of the blocks that lie here."""
        return [one.number for one in self.store.blocks.list()]

    def close(self) -> None:
        self.blocks.close()
        super().close()


class BlockGrid(SmallGrid):
    """Nodes of 64 MiB."""

    def add(self, name: str) -> Node:
        node = BlockNode(self.directory, name)
        self.join(node)
        return node

    def serve_again(self, name: str) -> None:
        """Have a node whose server was closed listen again, and all know where."""
        node = self.node(name)
        node.serve()
        self.join(node)

    def node(self, name: str) -> BlockNode:
        """By name."""
        node = self.nodes[name]
        assert isinstance(node, BlockNode)
        return node
