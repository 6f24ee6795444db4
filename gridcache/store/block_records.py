"""Block records: the tables of memory blocks inside a transaction.

Glossary: a *block* is a user's raw memory, an extent that is never evicted and
never moved inside its store. Its *number* is given once in a grid, by a counter or
by lot (`block_numbers`). A *pool* is
whoever allocated it; a *detached* block has none and stays until it is freed. A
*fixed* one must stay on its node.

A block on its way to another node is *leaving* here: its bytes stay as they are.
Then it is *handed* over: the other node answers. There it is *arriving*, unseen,
until it is accepted.

Every table that mentions a block is changed here: blocks, freed ones, account.
Pools are `block_pools`, the bytes `block_memory`.
"""

import sys
import time
from collections.abc import Iterator
from itertools import islice
from struct import Struct
from typing import NamedTuple

from gridcache.codec.frames import align
from gridcache.errors import BlockNotFoundError
from gridcache.store.block_numbers import is_counted
from gridcache.store.disk import seal, unseal
from gridcache.store.namespaces import Account, load_account, save_account
from gridcache.store.transaction import WriteTxn

__all__ = [
    "ACCOUNT",
    "ARRIVING",
    "FIXED",
    "HANDED",
    "LEAVING",
    "NO_POOL",
    "Block",
    "BlockMovingError",
    "all_blocks",
    "block_key",
    "blocks_end",
    "blocks_nbytes",
    "find_block",
    "flag_block",
    "insert_block",
    "missing_block",
    "moving_blocks",
    "next_number",
    "note_move",
    "put_block",
    "remove_block",
    "seen_block",
    "some_blocks",
    "take_numbers",
]

ACCOUNT = 65_535
"""In the place of a namespace's id: no namespace has it."""
NO_POOL = 0
FIXED = 1
LEAVING = 2
HANDED = 4
ARRIVING = 8

_PACK = Struct("<QQdIIB")
_INSTANT = Struct("<d")
_NUMBER = Struct("=Q")
_NEXT_KEY = b"next block"
_MOST_FREED = 1024
"""Freed blocks remembered, to tell them from those that never were."""
_ACCESSES_MAX = (1 << 32) - 1

block_key = _NUMBER.pack


class BlockMovingError(Exception):
    """Private to the store: the block is on its way, ask again in a moment."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Block(NamedTuple):
    """The record of a block."""

    offset: int
    nbytes: int
    """As asked for."""
    created_at: float
    """Seconds since the epoch."""
    accesses: int
    """Reads and writes, as last counted."""
    pool: int
    """Number of its pool, or `NO_POOL`."""
    flags: int

    @property
    def extent_nbytes(self) -> int:
        """As allocated."""
        return align(self.nbytes)


def _unpack(key: bytes, packed: bytes) -> Block:
    """A record; on disk it is followed by its CRC."""
    sealed = len(packed) > _PACK.size
    return Block(*_PACK.unpack(unseal(key, packed) if sealed else packed))


# -- reading -------------------------------------------------------------------


def find_block(txn: WriteTxn, number: int) -> Block | None:
    """The record of a block."""
    key = block_key(number)
    packed = txn.get(key, db=txn.tables.blocks)
    return _unpack(key, packed) if packed else None


def seen_block(txn: WriteTxn, number: int, refuse: int = 0) -> Block:
    """The record of a block that users may see.

    Parameters
    ----------
    refuse
        Flags of a block on its way that must not have arrived there.

    Raises
    ------
    BlockNotFoundError
        There is none.
    BlockMovingError
        It has such a flag.
    """
    block = find_block(txn, number)
    if block is None or block.flags & ARRIVING:
        raise missing_block(txn, number)
    if block.flags & refuse:
        raise BlockMovingError(number)
    return block


def all_blocks(txn: WriteTxn, start: int = 0) -> Iterator[tuple[int, Block]]:
    """(number, record) from `start` on, by number."""
    with txn.txn.cursor(txn.tables.blocks) as cursor:
        found = cursor.set_range(block_key(start))
        while found:
            key, packed = cursor.item()
            yield int.from_bytes(key, sys.byteorder), _unpack(key, packed)
            found = cursor.next()


def some_blocks(txn: WriteTxn, start: int, most: int) -> list[tuple[int, Block]]:
    """At most so many from `start` on: what a short transaction can list."""
    return list(islice(all_blocks(txn, start), most))


def blocks_end(txn: WriteTxn) -> int:
    """The first offset behind every block."""
    ends = (block.offset + block.extent_nbytes for _, block in all_blocks(txn))
    return max(ends, default=0)


def blocks_nbytes(txn: WriteTxn) -> int:
    """Bytes of the arena that blocks hold."""
    return load_account(txn, ACCOUNT).stored_nbytes


def missing_block(txn: WriteTxn, number: int) -> BlockNotFoundError:
    """What to raise for a block that is not there."""
    freed = txn.get(block_key(number), db=txn.tables.freed_blocks)
    if freed is None:
        message = (
            f"there is no memory block {number} here; list the blocks to see which "
            f"there are"
        )
        return BlockNotFoundError(message, number=number, reason="unknown")
    ago = time.time() - _INSTANT.unpack(freed)[0]
    message = f"memory block {number} was freed {ago:.0f} s ago; allocate a new one"
    return BlockNotFoundError(message, number=number, reason="freed")


# -- changing ------------------------------------------------------------------


def put_block(txn: WriteTxn, number: int, block: Block, *, sealed: bool) -> None:
    """Write the record of a block that is there; sizes are as they were."""
    key = block_key(number)
    counted = min(block.accesses, _ACCESSES_MAX)
    packed = _PACK.pack(*block._replace(accesses=counted))
    txn.put(key, seal(key, packed) if sealed else packed, db=txn.tables.blocks)


def insert_block(txn: WriteTxn, number: int, block: Block, *, sealed: bool) -> None:
    """Write a new block; its extent is no longer anybody's."""
    put_block(txn, number, block, sealed=sealed)
    if is_counted(number) and number >= next_number(txn):
        _save_next(txn, number + 1)
    _count(txn, block, 1)


def remove_block(
    txn: WriteTxn, number: int, block: Block, *, freed: bool = True
) -> None:
    """Take a block out; the caller retires its extent in this transaction.

    Parameters
    ----------
    freed
        False if it lives on elsewhere.
    """
    txn.txn.delete(block_key(number), db=txn.tables.blocks)
    if block.flags & (LEAVING | HANDED | ARRIVING):
        txn.txn.delete(block_key(number), db=txn.tables.block_moves)
    if freed and is_counted(number):
        _note_freed(txn, number)
    _count(txn, block, -1)


def _note_freed(txn: WriteTxn, number: int) -> None:
    table = txn.tables.freed_blocks
    txn.put(block_key(number), _INSTANT.pack(time.time()), db=table)
    if txn.txn.stat(table)["entries"] > _MOST_FREED:
        with txn.txn.cursor(table) as cursor:
            cursor.first()
            cursor.delete()


def flag_block(
    txn: WriteTxn, number: int, block: Block, flags: int, node: str, *, sealed: bool
) -> None:
    """Give a block other flags; `node` is the other one while it is on its way."""
    put_block(txn, number, block._replace(flags=flags), sealed=sealed)
    if flags & (LEAVING | HANDED | ARRIVING):
        note_move(txn, number, node)
    else:
        txn.txn.delete(block_key(number), db=txn.tables.block_moves)


def note_move(txn: WriteTxn, number: int, node: str) -> None:
    """Note the other node of a block on its way."""
    txn.put(block_key(number), node.encode(), db=txn.tables.block_moves)


def moving_blocks(txn: WriteTxn) -> list[tuple[int, str]]:
    """(number, other node) of every block on its way."""
    with txn.txn.cursor(txn.tables.block_moves) as cursor:
        return [
            (int.from_bytes(key, sys.byteorder), node.decode()) for key, node in cursor
        ]


def _count(txn: WriteTxn, block: Block, sign: int) -> None:
    account: Account = load_account(txn, ACCOUNT)
    account.entries += sign
    account.raw_nbytes += sign * block.nbytes
    account.stored_nbytes += sign * block.extent_nbytes
    save_account(txn, ACCOUNT, account)


def next_number(txn: WriteTxn) -> int:
    """The least number that no block here ever had."""
    packed = txn.get(_NEXT_KEY, db=txn.tables.meta)
    return int(_NUMBER.unpack(packed)[0]) if packed else 0


def take_numbers(txn: WriteTxn, count: int) -> int:
    """The first of so many numbers that nobody else is given here."""
    first = next_number(txn)
    _save_next(txn, first + count)
    return first


def _save_next(txn: WriteTxn, number: int) -> None:
    txn.put(_NEXT_KEY, _NUMBER.pack(number), db=txn.tables.meta)
