"""Memory: the blocks of spilled objects in one store. Knows nothing of Ray.

An object's block is detached and fixed: it is freed by whoever frees it and by nobody
else, and never moves. So it can be read from the store's file by its offset, which is
how Ray sends it to other nodes, without a word to this process.

Order of things: the link is made before the block, and goes before it. So a block
without a link is nobody's, whatever was killed when, and whoever opens a link finds
the object, or at worst no link.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gridcache.errors import OutOfSpaceError
from gridcache.ray_data.objectspill.labels import LABEL_NBYTES, Raylet, label
from gridcache.ray_data.objectspill.links import link_of, number_of
from gridcache.store.block_numbers import draw_number
from gridcache.store.node_store import NodeStore

__all__ = ["Lying", "SpilledMemory"]

_READING_S = 0.05
"""For a chunk that Ray is just reading by a link that is gone."""


class Lying(NamedTuple):
    """Where an object lies, for Ray."""

    path: Path
    offset: int
    """In the file behind the link."""


class SpilledMemory:
    """Objects of one raylet in its node's store.

    Parameters
    ----------
    links
        Directory of the links. It is Ray's.
    max_nbytes
        Of all blocks of the store together.
    """

    def __init__(
        self, store: NodeStore, links: Path, raylet: Raylet, max_nbytes: int
    ) -> None:
        self._blocks = store.blocks
        self._file = store.directory.absolute() / "arena"
        self._links = links
        self._label = memoryview(label(raylet))
        self._max_nbytes = max_nbytes

    def put(self, pieces: Sequence[memoryview]) -> Lying:
        """Store an object's bytes.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            No room. Nothing was stored.
        """
        self._check_room(sum(piece.nbytes for piece in pieces))
        number = draw_number()
        path = link_of(self._links, number)
        path.symlink_to(self._file)
        try:
            self._blocks.making.store(number, (self._label, *pieces), fixed=True)
            _, offset, hold = self._blocks.place(number, 1, LABEL_NBYTES)
            hold.end()
        except BaseException:
            path.unlink(missing_ok=True)
            self._blocks.free_many((number,))
            raise
        return Lying(path, offset)

    def _check_room(self, nbytes: int) -> None:
        taken = self._blocks.sizes().size_nbytes
        if taken + LABEL_NBYTES + nbytes > self._max_nbytes:
            message = (
                f"blocks hold {taken} bytes of the {self._max_nbytes} that spilled "
                f"objects may fill; the next {nbytes} go to a file"
            )
            raise OutOfSpaceError(message, nbytes=nbytes, limit=self._max_nbytes)

    def read_into(self, number: int, into: memoryview, offset: int) -> None:
        """Fill memory from a position of the object on.

        Raises
        ------
        BlockNotFoundError
            It is not there.
        """
        self._blocks.read_into(number, into, LABEL_NBYTES + offset)

    def free(self, paths: Sequence[Path]) -> None:
        """Forget the objects of links; those that are gone already are no error."""
        for path in paths:
            path.unlink(missing_ok=True)
        # Ray opens the link anew for each chunk that it sends. One that it has open
        # must not find another object's bytes.
        time.sleep(_READING_S)
        self._blocks.free_many(map(number_of, paths))
