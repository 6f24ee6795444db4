"""A pool in a forked child: blocks are opened and made, none of the parent's go."""

import os
import traceback
from collections.abc import Callable

from gridcache.pool import SyncDistributedMemoryPool
from tests.pool.members import TestGrid


def in_child(work: Callable[[], object]) -> None:
    """Run it in a fork; fails if it does."""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:  # noqa: BLE001 - told here: it must not go on in the fork
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_child_uses_the_pool_and_its_end_frees_nothing(
    grid: TestGrid, pool: SyncDistributedMemoryPool, node: str
) -> None:
    block_id = pool.allocate(1000, node)
    pool.write(block_id, b"parent")

    def work() -> None:
        assert pool.read(block_id, 6) == b"parent"
        pool.write(block_id, b"child")
        mine = pool.allocate(1000, node)
        assert mine != block_id
        pool.write(mine, b"child")
        pool.deallocate(mine)
        pool.shutdown()

    in_child(work)
    assert pool.read(block_id, 6) == b"childt"
    assert len(pool.list_blocks()) == 1
