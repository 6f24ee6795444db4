"""Claims: turning a planned window into a reservation, safely against readers.

A reader that pinned an extent before its entry was removed may still look at
it. So a claim has two steps with a commit in between: first every piece leaves
the tables and is reserved by this process's row; then all pins are read; only
if none is on a piece do the pieces become one range. Dying in between leaves
reservations, which the reaping of the row retires.
"""

import itertools
import sys
import threading
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from gridcache.store.allocator import allocate, free, offset_key, take
from gridcache.store.arena import Arena
from gridcache.store.clients import Clients
from gridcache.store.entries import Books
from gridcache.store.eviction import get_policy
from gridcache.store.index import Index
from gridcache.store.namespaces import all_namespaces
from gridcache.store.outcome import MissReason
from gridcache.store.records import Entry
from gridcache.store.retirement import Retirement, UnsettledError
from gridcache.store.transaction import WriteTxn
from gridcache.store.window import FREE, UNUSED, Piece

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CannotMoveError", "ChangedError", "Claims", "Reservation"]

_RESERVED = Struct(">IQ")
_HOLD = Struct("<QQ")
"""Bytes and token: whose reservation it is, among those of one process."""
_COPY = 1 << 20


class ChangedError(Exception):
    """Private to the store: the plan no longer holds, plan again."""


class CannotMoveError(Exception):
    """Private to the store: a piece that must stay found no other place."""

    def __init__(self, nbytes: int) -> None:
        super().__init__()
        self.nbytes = nbytes


@dataclass(frozen=True, slots=True)
class Reservation:
    """A range of the arena that belongs to this process until commit or abort."""

    offset: int
    nbytes: int
    """Wanted; the parts may be longer together."""
    parts: tuple[tuple[int, int], ...]
    """(offset, nbytes) as recorded, touching, in order."""

    @property
    def end(self) -> int:
        """Where the last part ends."""
        offset, nbytes = self.parts[-1]
        return offset + nbytes


class Claims:
    """Reservations of one process's row."""

    def __init__(
        self,
        index: Index,
        books: Books,
        arena: Arena,
        clients: Clients,
    ) -> None:
        self._index = index
        self._books = books
        self._arena = arena
        self.retirement: Retirement
        """Set by whoever makes both."""
        self._clients = clients
        self.note: Callable[[bytes, MissReason, int, str], None] = _forget_why
        """Told of every eviction; set by whoever keeps account of them."""
        self.row = 0
        """Of this process; changes after a fork."""
        self.extend: Callable[[WriteTxn, int], bool] = lambda _txn, _end: False
        """Makes the arena reach an offset; set by whoever owns the capacity."""
        self._open: dict[int, dict[int, tuple[int, int]]] = {}
        """By thread, offset to (nbytes, token): what is reserved and not yet
        settled. Noted before the commit, so that an interruption anywhere finds
        it; the token tells it from a later reservation of the same range."""
        self._tokens = itertools.count(1)

    def record(self, txn: WriteTxn, offset: int, nbytes: int) -> None:
        """Note a range as reserved by this thread."""
        token = next(self._tokens)
        self._mine()[offset] = (nbytes, token)
        key = _RESERVED.pack(self.row, offset)
        txn.put(key, _HOLD.pack(nbytes, token), db=txn.tables.reserved)

    def _mine(self) -> dict[int, tuple[int, int]]:
        return self._open.setdefault(threading.get_ident(), {})

    def _unrecord(self, txn: WriteTxn, offset: int) -> bool:
        """Take a reservation of this thread back; False if it is not ours."""
        hold = self._mine().get(offset)
        key = _RESERVED.pack(self.row, offset)
        if hold is None or txn.get(key, db=txn.tables.reserved) != _HOLD.pack(*hold):
            return False
        return bool(txn.txn.delete(key, db=txn.tables.reserved))

    def simple(self, txn: WriteTxn, offset: int, nbytes: int) -> Reservation:
        """Reserve a range just allocated in this transaction."""
        self.record(txn, offset, nbytes)
        return Reservation(offset, nbytes, ((offset, nbytes),))

    def window(
        self,
        pieces: list[Piece],
        nbytes: int,
        cause: str,
        *,
        keep_out: range | None = None,
    ) -> Reservation | None:
        """Clear the pieces of a window.

        Parameters
        ----------
        nbytes
            What the range is for.
        keep_out
            Where moved pieces must not go; the window itself if not given.

        Returns
        -------
        Reservation | None
            None if somebody looks at a piece: what could be freed was freed.

        Raises
        ------
        ChangedError
            The plan no longer holds; nothing was changed.
        CannotMoveError
            A piece may not be evicted and found no place; nothing was changed.
        """
        try:
            self._index.transact(
                lambda txn: self.clear(txn, pieces, nbytes, cause, keep_out=keep_out)
            )
        except Exception as error:  # nothing was committed
            self._forget(tuple((piece.offset, piece.nbytes) for piece in pieces))
            if isinstance(error, UnsettledError):
                self.retirement.settle()
                raise ChangedError from None
            raise
        return self.confirm(pieces, nbytes)

    def clear(
        self,
        txn: WriteTxn,
        pieces: list[Piece],
        nbytes: int,
        cause: str,
        *,
        keep_out: range | None = None,
    ) -> None:
        """First step: take the pieces out of the tables, into reservations."""
        end = pieces[-1].offset + pieces[-1].nbytes
        inside = keep_out or range(pieces[0].offset, end)
        txn.state.reused_nbytes += 0 if keep_out else nbytes
        for piece in pieces:
            if piece.slot == FREE:
                self._take_free(txn, piece)
            elif piece.slot == UNUSED:
                self._take_unused(txn, piece)
        for piece in pieces:
            if piece.slot >= 0:
                self._clear_live(txn, piece, inside, nbytes, cause)
            self.record(txn, piece.offset, piece.nbytes)
        # Only after the commit: a reader that saw an older number and then an
        # entry of the window must see a newer one when it has copied.
        txn.after.append(self._books.access.note_reuse)

    def confirm(self, pieces: list[Piece], nbytes: int) -> Reservation | None:
        """Second step, after the commit: see that nobody looks at a piece."""
        parts = tuple((piece.offset, piece.nbytes) for piece in pieces)
        pinned = self._clients.pinned_offsets()
        if pinned and any(
            piece.offset in pinned for piece in pieces if piece.slot >= 0
        ):
            self.give_back(parts)
            return None
        return Reservation(pieces[0].offset, nbytes, parts)

    @staticmethod
    def _take_free(txn: WriteTxn, piece: Piece) -> None:
        size = txn.get(offset_key(piece.offset), db=txn.tables.free_by_offset)
        if size is None or int.from_bytes(size, sys.byteorder) != piece.nbytes:
            raise ChangedError
        take(txn, piece.offset, piece.nbytes)

    def _take_unused(self, txn: WriteTxn, piece: Piece) -> None:
        if txn.state.top != piece.offset or not self.extend(txn, piece.end):
            raise ChangedError
        txn.state.top = piece.end

    def _clear_live(
        self, txn: WriteTxn, piece: Piece, inside: range, nbytes: int, cause: str
    ) -> None:
        key = self._books.key_of(txn, piece.slot)
        entry = self._books.find(txn, key) if key is not None else None
        if key is None or entry is None or entry.offset != piece.offset:
            raise ChangedError
        if entry.extent_nbytes != piece.nbytes:
            raise ChangedError
        if piece.move and self._move(txn, key, piece, inside):
            return
        # A piece that was not to be moved was planned from a namespace that gives.
        stays = piece.move and not (piece.spare and self._gives(txn, key))
        if entry.pinned or stays:
            raise CannotMoveError(piece.nbytes)
        self._take_out(txn, key, entry, nbytes, cause)

    def _take_out(
        self, txn: WriteTxn, key: bytes, entry: Entry, nbytes: int, cause: str
    ) -> None:
        if not self.retirement.may_destroy(txn, key):
            raise UnsettledError
        with self._books.charge(txn, int.from_bytes(key[:2], "big")) as account:
            self._books.remove(txn, key, entry, account)
        self.retirement.void_after(txn, entry.offset)
        txn.after.append(lambda: self.note(key, MissReason.EVICTED, nbytes, cause))

    def clear_one(
        self, txn: WriteTxn, key: bytes, entry: Entry, nbytes: int, cause: str
    ) -> Piece:
        """First step for a window of one entry, found in this transaction."""
        txn.state.reused_nbytes += nbytes
        self._take_out(txn, key, entry, nbytes, cause)
        self.record(txn, entry.offset, entry.extent_nbytes)
        txn.after.append(self._books.access.note_reuse)
        return Piece(entry.offset, entry.extent_nbytes, entry.slot)

    @staticmethod
    def _gives(txn: WriteTxn, key: bytes) -> bool:
        """True if the policy of a key's namespace lets entries go."""
        number = int.from_bytes(key[:2], "big")
        return any(
            get_policy(space.policy).evicts
            for space in all_namespaces(txn)
            if space.id == number
        )

    def _move(self, txn: WriteTxn, key: bytes, piece: Piece, inside: range) -> bool:
        entry = self._books.find(txn, key)
        target = allocate(txn, piece.nbytes)
        if entry is None or target is None:
            return False
        self._books.access.note_reuse()
        if target in inside:  # above the top, if the window ends there
            free(txn, target, piece.nbytes)
            return False
        self.copy(piece.offset, target, piece.nbytes)
        self.retirement.secure_copy()
        self.retirement.void_after(txn, piece.offset)
        self._books.relocate(txn, key, entry, target)
        return True

    def copy(self, source: int, target: int, nbytes: int) -> None:
        """Copy bytes within the arena."""
        for start in range(0, nbytes, _COPY):
            length = min(_COPY, nbytes - start)
            self._arena.write_one(
                target + start, self._arena.read(source + start, length)
            )

    # -- the ends of a reservation -----------------------------------------

    def settle(self, txn: WriteTxn, reservation: Reservation) -> None:
        """Make the wanted range the caller's, free the rest.

        Raises
        ------
        ChangedError
            The reservation is no longer ours: it was aborted in between.
        """
        for offset, _ in reservation.parts:
            if not self._unrecord(txn, offset):
                raise ChangedError
        txn.after.append(lambda: self._forget(reservation.parts))
        used_end = reservation.offset + reservation.nbytes
        if reservation.end > used_end:
            free(txn, used_end, reservation.end - used_end)

    def give_back(self, parts: tuple[tuple[int, int], ...]) -> None:
        """Abort: the parts wait for their last reader, then are free."""

        def retire(txn: WriteTxn) -> None:
            for offset, nbytes in parts:
                if self._unrecord(txn, offset):
                    self.retirement.retire_range(txn, offset, nbytes)
            txn.after.append(lambda: self._forget(parts))

        self._index.transact(retire)

    def _forget(self, parts: tuple[tuple[int, int], ...]) -> None:
        mine = self._mine()
        for offset, _ in parts:
            mine.pop(offset, None)

    def abort_leftover(self) -> None:
        """Give back what an interrupted call of this thread reserved."""
        mine = self._open.get(threading.get_ident())
        if mine:
            self.give_back(tuple((offset, hold[0]) for offset, hold in mine.items()))

    def forget_all(self) -> None:
        """After a fork, in the child: the reservations are the parent's."""
        self._open.clear()

    def has_reserved(self, txn: WriteTxn, row: int) -> bool:
        """True if anything is reserved under a row."""
        with txn.txn.cursor(txn.tables.reserved) as cursor:
            found = cursor.set_range(_RESERVED.pack(row, 0))
            return bool(found and _RESERVED.unpack(cursor.key())[0] == row)

    def reap(self, txn: WriteTxn, row: int) -> int:
        """Retire everything a dead row reserved; returns the bytes."""
        found = []
        with txn.txn.cursor(txn.tables.reserved) as cursor:
            ok = cursor.set_range(_RESERVED.pack(row, 0))
            while ok and _RESERVED.unpack(cursor.key())[0] == row:
                nbytes, _ = _HOLD.unpack(cursor.value())
                found.append((_RESERVED.unpack(cursor.key())[1], nbytes))
                ok = cursor.next()
        for offset, nbytes in found:
            txn.txn.delete(_RESERVED.pack(row, offset), db=txn.tables.reserved)
            self.retirement.retire_range(txn, offset, nbytes)
        return sum(nbytes for _, nbytes in found)


def _forget_why(_key: bytes, _reason: MissReason, _need: int, _cause: str) -> None:
    """Nobody keeps account."""
