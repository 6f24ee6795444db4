"""Block arrivals: what a node does for blocks that come to it, as others ask.

The other side is `block_mover`; the steps are `gridcache.store.block_transfers`.
"""

from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer, Meta
from gridcache.errors import ConfigError
from gridcache.store.block_records import ARRIVING
from gridcache.store.block_space import Wanted
from gridcache.store.block_transfers import Stage
from gridcache.store.blocks import Blocks

__all__ = ["BlockArrivals"]


class BlockArrivals:
    """Answers of one node. Every request may be put twice."""

    def __init__(self, blocks: Blocks) -> None:
        self._transfers = blocks.transfers
        self.ops = {
            "block_arrive": self._arrive,
            "block_accept": self._accept,
            "block_drop": self._drop,
            "block_stage": self._stage,
        }

    def _arrive(self, session: Session, meta: Meta) -> Answer:
        wanted = Wanted(flags=ARRIVING, **meta)
        try:
            self._transfers.arrive(wanted)
        except ConfigError:
            if self._transfers.stage(wanted.number) is not Stage.ARRIVING:
                raise
        return Answer()

    def fill(self, session: Session, meta: Meta, incoming: Incoming) -> Answer:
        """Write bytes into a block that is arriving."""
        incoming.into([self._transfers.filler(meta["number"], meta["offset"])])
        return Answer()

    def _accept(self, session: Session, meta: Meta) -> Answer:
        self._transfers.accept(meta["number"])
        return Answer()

    def _drop(self, session: Session, meta: Meta) -> Answer:
        self._transfers.drop(meta["number"])
        return Answer()

    def _stage(self, session: Session, meta: Meta) -> Answer:
        return Answer({"stage": self._transfers.stage(meta["number"])})
