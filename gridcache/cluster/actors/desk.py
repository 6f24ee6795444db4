"""Desk: who of a node's services answers a request of another node.

By the beginning of its `op`: `block_` is for the memory blocks, the rest for the
entries.
"""

from gridcache.cluster.blocks.service import BlockService
from gridcache.cluster.home.service import Service
from gridcache.cluster.streams.session import Session, StreamHandle
from gridcache.cluster.streams.wire import Answer, Meta

__all__ = ["Desk"]

_BLOCKS = "block_"


class Desk:
    """The services of one node, as one handler for its server."""

    def __init__(self, blocks: BlockService, entries: Service) -> None:
        self._blocks = blocks
        self._entries = entries
        ours = {op: entries.stream(op) for op in entries.streams}
        self.streams: dict[str, StreamHandle] = {**ours, **blocks.streams}

    def handle(
        self, session: Session, op: str, meta: Meta, buffers: list[memoryview]
    ) -> Answer:
        """Answer one request."""
        work = self._blocks.handle if op.startswith(_BLOCKS) else self._entries.handle
        return work(session, op, meta, buffers)
