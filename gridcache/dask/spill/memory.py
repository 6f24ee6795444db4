"""Memory: where spilled bytes go before the disk, and back.

The node's own store first, then idle memory of other nodes. Only the errors of
`troubles` leave this module, whatever happens below.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gridcache.dask.spill.breaker import Breaker
from gridcache.dask.spill.own import OwnMemory
from gridcache.dask.spill.troubles import (
    GONE,
    NoRoomError,
    SpillError,
    no_room,
    translated,
)
from gridcache.errors import BlockNotFoundError

__all__ = ["Place", "SpillMemory", "Tally"]

_logger = logging.getLogger("gridcache")
_FULL_S = 1.0
"""How long memory that was full is not asked again for as much."""
_NOT_FULL = (float("-inf"), 0)


class Place(NamedTuple):
    """Where a spilled value lies."""

    number: int
    nbytes: int
    node: str
    """Empty for this worker's own."""


@dataclass(slots=True)
class Tally:
    """What lies in one tier, and what went through it."""

    count: int = 0
    nbytes: int = 0
    written_nbytes: int = 0
    read_nbytes: int = 0

    def added(self, nbytes: int) -> None:
        """Count a value in."""
        self.count += 1
        self.nbytes += nbytes
        self.written_nbytes += nbytes

    def removed(self, nbytes: int) -> None:
        """Count a value out."""
        self.count -= 1
        self.nbytes -= nbytes


class Others(Protocol):
    """Memory of other nodes."""

    def put(self, pieces: Sequence[memoryview], nbytes: int) -> tuple[str, int]:
        """Store bytes; returns node and number, or raises `OutOfSpaceError`."""

    def read_into(self, node: str, number: int, into: memoryview) -> None:
        """Fill memory with a block."""

    def free(self, node: str, number: int) -> None:
        """Give a block back, soon; never raises."""

    def close(self) -> None:
        """Free everything."""


class SpillMemory:
    """The memory of one worker's spilled values; for many threads."""

    def __init__(
        self,
        own: OwnMemory,
        others: Others | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._others = others
        self._clock = clock
        self._release: Callable[[], None] = lambda: None
        self._is_closed = False
        self._breaker = Breaker(clock)
        self._lock = threading.Lock()
        self._full = _NOT_FULL
        self.own, self.far = Tally(), Tally()

    @property
    def count(self) -> int:
        """Values that lie here."""
        return self.own.count + self.far.count

    def on_close(self, release: Callable[[], None]) -> None:
        """Call this once, when everything is freed."""
        self._release = release

    # -- out -----------------------------------------------------------------

    def may_take(self, nbytes: int) -> bool:
        """False if a value of that size in RAM was refused a moment ago."""
        at, refused = self._full
        return nbytes < refused or self._clock() - at > _FULL_S

    def refused(self, nbytes: int) -> None:
        """Note that a value of that size in RAM was refused for want of room."""
        self._full = self._clock(), nbytes

    def put(self, pieces: Sequence[memoryview], nbytes: int) -> Place:
        """Store bytes.

        Raises
        ------
        SpillError
            Nothing was stored.
        """
        trouble: SpillError | None = None
        for put in (self._put_own, self._put_far):
            try:
                place = put(pieces, nbytes)
            except NoRoomError:
                continue
            except SpillError as error:
                _logger.warning("a value is spilled elsewhere: %s", error)
                trouble = error
                continue
            with self._lock:
                self._tally(place).added(nbytes)
            return place
        raise trouble or no_room(nbytes)

    def _put_own(self, pieces: Sequence[memoryview], nbytes: int) -> Place:
        if self._breaker.rests:
            raise no_room(nbytes)
        with self._watched():
            number = self._own.put(pieces, nbytes, self.own.nbytes)
        return Place(number, nbytes, "")

    def _put_far(self, pieces: Sequence[memoryview], nbytes: int) -> Place:
        if self._others is None:
            raise no_room(nbytes)
        with translated():
            node, number = self._others.put(pieces, nbytes)
        return Place(number, nbytes, node)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Note how the own store does; raises as `translated`."""
        try:
            with translated():
                yield
        except NoRoomError:
            self._breaker.worked()
            raise
        except SpillError as error:
            self._breaker.failed(slowly=isinstance(error.__cause__, TimeoutError))
            raise
        self._breaker.worked()

    # -- back ----------------------------------------------------------------

    def read_into(self, place: Place, into: memoryview) -> None:
        """Fill memory with what lies at a place.

        Raises
        ------
        LostError
            It is gone for good.
        SpillError
            Whoever has it does not answer now.
        """
        with translated():
            if self._others is None or not place.node:
                self._own.read_into(place.number, into)
            else:
                self._read_far(self._others, place, into)
        with self._lock:
            self._tally(place).read_nbytes += place.nbytes

    def _read_far(self, others: Others, place: Place, into: memoryview) -> None:
        try:
            others.read_into(place.node, place.number, into)
        except GONE as error:
            try:  # a node that left may have given it to this one
                self._own.read_into(place.number, into)
            except BlockNotFoundError:
                raise error from None

    def free(self, place: Place) -> None:
        """Give a place back; what cannot be freed now is freed with this process."""
        with self._lock:
            self._tally(place).removed(place.nbytes)
            self._full = _NOT_FULL
        if self._is_closed:
            return
        try:
            with translated():
                if place.node and self._others is not None:
                    self._others.free(place.node, place.number)
                else:
                    self._own.free(place.number)
        except SpillError as error:
            _logger.warning("a spilled value stays for now: %s", error)

    def close(self) -> None:
        """Free everything; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        for one in (self._own, self._others):
            try:
                with translated():
                    if one is not None:
                        one.close()
            except SpillError as error:
                _logger.warning("spilled values stay until this ends: %s", error)
        self._release()

    def _tally(self, place: Place) -> Tally:
        return self.far if place.node else self.own
