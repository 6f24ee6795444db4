"""Block putting: what a node does for bytes of others that want its idle memory.

Block and bytes come in one request, so that nothing is zeroed first and nobody sees a
part. What is not idle stays: other nodes' bytes are not worth an entry here.
"""

from collections.abc import Callable

from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer, Meta
from gridcache.store.blocks import Blocks

__all__ = ["BlockPutting"]

_IN_PLACE_MIN = 4 << 20
"""Bytes from which a body is written as it comes."""


class BlockPutting:
    """Answers of one node."""

    def __init__(self, blocks: Blocks) -> None:
        self._making = blocks.making

    def put(self, session: Session, meta: Meta, incoming: Incoming) -> Answer:
        """Make a block of a body, of memory that is idle."""
        number, pool = meta["number"], meta["pool"]
        nbytes = sum(incoming.lengths)
        if nbytes < _IN_PLACE_MIN:
            data = [memoryview(bytearray(length)) for length in incoming.lengths]
            incoming.into(data)
            self._making.store(number, data, pool, idle=True)
            return Answer()

        def source(write: Callable[[memoryview], None]) -> None:
            incoming.into([write] * len(incoming.lengths))

        self._making.pour(number, nbytes, pool, source, idle=True)
        return Answer()
