"""Block owners: the blocks of pools that are no more are freed.

A pool of a process of this machine is seen to be dead by its client row; one of
another node's client is named by whoever heard of its end.
"""

from gridcache.store.block_pools import Pool, all_pools, drop_pool, find_pool, join_pool
from gridcache.store.block_space import BlockSpace
from gridcache.store.parts import Parts
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["BlockOwners"]


class BlockOwners:
    """The pools of one store, for one process."""

    def __init__(self, parts: Parts, relief: Relief, space: BlockSpace) -> None:
        self._parts = parts
        self._relief = relief
        self._space = space

    def own(self, pool: str) -> None:
        """Let a pool's blocks end with this process."""
        row = self._parts.row
        self._relief.index.transact(lambda txn: join_pool(txn, pool, row=row))

    def reap_pool(self, pool: str) -> int:
        """Free the blocks of a pool that is no more; returns how many."""
        found = self._parts.index.snapshot(
            lambda txn: [n for n, one in all_pools(txn) if one.text == pool]
        )
        return sum(self._reap(number) for number in found)

    def reap_dead(self) -> int:
        """Free the blocks of pools whose process is dead; returns how many."""
        clients = self._parts.clients
        pools = self._parts.index.snapshot(lambda txn: list(all_pools(txn)))
        return sum(self._reap(n) for n, pool in pools if pool.is_dead(clients))

    def elsewhere(self) -> list[str]:
        """Pools of other nodes' clients that allocated here."""
        return [one.text for one in self._pools() if one.is_elsewhere and not one.home]

    def moved_here(self) -> list[str]:
        """Pools that allocated on other nodes."""
        return list({one.text for one in self._pools() if one.home and one.text})

    def is_alive(self, pool: str) -> bool:
        """True if a process of this machine answers for a pool."""
        return any(
            one.text == pool and not one.is_elsewhere
            for one in self._pools()
            if not one.is_dead(self._parts.clients)
        )

    def _pools(self) -> list[Pool]:
        return self._parts.index.snapshot(lambda txn: [p for _, p in all_pools(txn)])

    def _reap(self, pool: int) -> int:
        mine = [n for n, block in self._space.records() if block.pool == pool]
        freed = self._space.free_many(mine)

        def drop(txn: WriteTxn) -> None:
            found = find_pool(txn, pool)
            if found is not None and not found.blocks:
                drop_pool(txn, pool)

        self._relief.index.transact(drop)
        return len(freed)
