"""Desk: who of a node's services answers a request of another node.

By the beginning of its `op`: `block_` is for the memory blocks, the rest for the
entries. What holds for both is said once, here.
"""

from collections.abc import Mapping

from gridcache.cluster.block_service import BlockService
from gridcache.cluster.session import Handle, Session, StreamHandle
from gridcache.cluster.wire import Answer, Meta
from gridcache.errors import PeerError

__all__ = ["Desk"]

_BLOCKS = "block_"


class Desk:
    """The services of one node, as one handler for its server."""

    def __init__(
        self,
        blocks: BlockService,
        entries: Handle,
        streams: Mapping[str, StreamHandle],
    ) -> None:
        self._blocks = blocks
        self._entries = entries
        self.streams: dict[str, StreamHandle] = {**streams, **blocks.streams}

    def handle(
        self, session: Session, op: str, meta: Meta, buffers: list[memoryview]
    ) -> Answer:
        """Answer one request."""
        work = self._blocks.handle if op.startswith(_BLOCKS) else self._entries
        return work(session, op, meta, buffers)


def refuse(
    _session: Session, op: str, _meta: Meta, _buffers: list[memoryview]
) -> Answer:
    """Answer for a service that is not there."""
    message = f"this node does not know {op!r}; run one version everywhere"
    raise PeerError(message, op=op)
