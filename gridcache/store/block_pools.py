"""Block pools: who allocated a block, and whether that process still lives.

A pool is known by its text; its blocks that were moved here from another node
make a pool of their own, which notes that *home*. One that lives in a process with this store open
names its client row and when that was taken, which together are never used
again: when the row is dead its blocks are reaped. Any other pool, of a client on
another node, is reaped by whoever hears of its end.
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from gridcache.store.clients import ClientRow, Clients
from gridcache.store.transaction import WriteTxn

__all__ = ["Pool", "all_pools", "count_in", "drop_pool", "find_pool", "join_pool"]

_FIXED = Struct("<IQQ")
_NUMBER = Struct("=I")
_ELSEWHERE = (1 << 32) - 1
_BREAK = "\0"


class Pool(NamedTuple):
    """The record of a pool."""

    row: int
    """Of the client that answers for it, or `_ELSEWHERE`."""
    started_ns: int
    """When that client took the row."""
    blocks: int
    text: str
    """Empty for the detached blocks of a home."""
    home: str = ""
    """The node its blocks were allocated on, if not this one."""

    @property
    def is_elsewhere(self) -> bool:
        """True if no process with this store open answers for it."""
        return self.row == _ELSEWHERE

    def is_dead(self, clients: Clients) -> bool:
        """True if its process is gone; one of another node never seems to be."""
        if self.is_elsewhere:
            return False
        if clients.started_ns(self.row) != self.started_ns:
            return True
        return not clients.alive(self.row)


def find_pool(txn: WriteTxn, number: int) -> Pool | None:
    """The record of a pool."""
    packed = txn.get(_NUMBER.pack(number), db=txn.tables.block_pools)
    if packed is None:
        return None
    return _unpack(packed)


def _unpack(packed: bytes) -> Pool:
    row, started_ns, blocks = _FIXED.unpack_from(packed)
    text, _, home = packed[_FIXED.size :].decode().partition(_BREAK)
    return Pool(row, started_ns, blocks, text, home)


def _put(txn: WriteTxn, number: int, pool: Pool) -> None:
    text = pool.text + _BREAK + pool.home if pool.home else pool.text
    packed = _FIXED.pack(*pool[:3]) + text.encode()
    txn.put(_NUMBER.pack(number), packed, db=txn.tables.block_pools)


def all_pools(txn: WriteTxn) -> Iterator[tuple[int, Pool]]:
    """(number, record) of every pool."""
    with txn.txn.cursor(txn.tables.block_pools) as cursor:
        for key, packed in cursor:
            yield _NUMBER.unpack(key)[0], _unpack(packed)


def join_pool(
    txn: WriteTxn, text: str, home: str = "", *, row: ClientRow | None = None
) -> int:
    """The number of a pool, made if it is new.

    Parameters
    ----------
    row
        Of the process that answers for it from now on, None for elsewhere.
    """
    last = 0
    for number, pool in all_pools(txn):
        last = number
        if (pool.text, pool.home) == (text, home):
            if row is not None:
                _put(txn, number, _owned(pool, row))
            return number
    new = Pool(_ELSEWHERE, 0, 0, text, home)
    _put(txn, last + 1, new if row is None else _owned(new, row))
    return last + 1


def _owned(pool: Pool, row: ClientRow) -> Pool:
    return pool._replace(row=row.row, started_ns=row.started_ns)


def count_in(txn: WriteTxn, number: int, change: int) -> None:
    """Add to a pool's blocks; the last one takes a pool of elsewhere along."""
    pool = find_pool(txn, number)
    if pool is None:
        return
    pool = pool._replace(blocks=pool.blocks + change)
    if pool.blocks or pool.row != _ELSEWHERE:
        _put(txn, number, pool)
    else:
        drop_pool(txn, number)


def drop_pool(txn: WriteTxn, number: int) -> None:
    """Forget a pool that has no blocks."""
    txn.txn.delete(_NUMBER.pack(number), db=txn.tables.block_pools)
