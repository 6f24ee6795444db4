"""Blocks that change their node: same id, same bytes, one place, whatever dies."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from gridcache.cluster.blocks.mover import BlockMover, Elsewhere
from gridcache.errors import BlockNotFoundError
from gridcache.pool import SyncDistributedMemoryPool
from gridcache.pool.ids import parse_id
from gridcache.store.block_pools import all_pools, drop_pool
from gridcache.store.block_transfers import Stage
from tests.pool.members import TestGrid

Pool = SyncDistributedMemoryPool
Movers = dict[str, BlockMover]
NBYTES = 300_000


@pytest.fixture
def movers(grid: TestGrid) -> Movers:
    """One per node, for the test to drive."""
    elsewhere = Elsewhere(grid.peers, grid.view)
    return {
        name: BlockMover(node.store.blocks, name, elsewhere, lambda: True)
        for name, node in grid.members.items()
    }


@pytest.fixture
def block_id(pool: Pool) -> str:
    """A block on gpu2 that may go, with bytes of its own."""
    block_id = _on(pool, "gpu2", NBYTES)
    pool.write(block_id, bytes(range(250)) * (NBYTES // 250))
    return block_id


def _on(pool: Pool, node: str, nbytes: int) -> str:
    """A block that nobody placed by name."""
    while True:
        block_id = pool.allocate(nbytes)
        if block_id.endswith(node):
            return block_id
        pool.deallocate(block_id)
        other = "gpu1" if node == "gpu2" else "gpu2"
        pool.allocate(nbytes, other)  # makes the node roomier than it


def _nodes(pool: Pool) -> dict[str, str]:
    return {block.block_id: block.node for block in pool.list_blocks()}


def test_a_moved_block_keeps_id_bytes_and_history(
    grid: TestGrid, pool: Pool, movers: Movers, block_id: str
) -> None:
    number = parse_id(block_id).number
    before = {block.block_id: block for block in pool.list_blocks()}[block_id]
    assert movers["gpu2"].move(number, "gpu1")
    after = {block.block_id: block for block in pool.list_blocks()}[block_id]
    assert after.node == "gpu1"
    assert (after.created_at, after.accesses) == (before.created_at, before.accesses)
    assert pool.read(block_id) == bytes(range(250)) * (NBYTES // 250)
    pool.write_many([(block_id, b"again", 7)])
    with Pool(grid.seen_from("gpu2")) as other:
        assert other.read_many([(block_id, 5, 7)]) == [b"again"]
    assert movers["gpu1"].move(number, "gpu2")
    assert _nodes(pool)[block_id] == "gpu2"
    assert pool.read(block_id, 5, 7) == b"again"
    pool.deallocate(block_id)
    with pytest.raises(BlockNotFoundError, match="freed"):
        pool.read(block_id)


def test_blocks_that_were_placed_or_mapped_stay(pool: Pool, movers: Movers) -> None:
    placed, mapped = pool.allocate(10, "gpu1"), _on(pool, "gpu1", 10)
    pool.map(mapped)
    for one in (placed, mapped):
        assert not movers["gpu1"].move(parse_id(one).number, "gpu2")
        pool.write(one, b"still")
    assert not movers["gpu1"].move(999, "gpu2")


def test_a_node_without_room_is_not_moved_to(
    pool: Pool, movers: Movers, block_id: str
) -> None:
    room = {row["node"]: row["free_bytes"] for row in pool.get_stats()["nodes"]}
    pool.allocate(room["gpu1"], "gpu1")
    assert not movers["gpu2"].move(parse_id(block_id).number, "gpu1")
    assert not movers["gpu2"].move(parse_id(block_id).number, "nowhere")
    pool.write(block_id, b"still")
    assert pool.read(block_id, 5) == b"still"


@pytest.mark.parametrize("dead_before", ["arrive", "fill", "hand", "accept", "left"])
def test_a_death_at_any_step_leaves_it_in_one_place(
    grid: TestGrid, pool: Pool, movers: Movers, block_id: str, dead_before: str
) -> None:
    number = parse_id(block_id).number
    here = grid.members["gpu2"].store.blocks.transfers
    there = grid.members["gpu1"].store.blocks.transfers
    steps: dict[str, Any] = {
        "arrive": lambda: here.leave(number, "gpu1"),
        "fill": lambda: movers["gpu2"]._copy(number, "gpu1"),
        "hand": lambda: None,
        "accept": lambda: here.hand_over(number, "gpu1"),
        "left": lambda: there.accept(number),
    }
    for name, step in steps.items():
        step()
        if name == dead_before:
            break
    for name in ("gpu1", "gpu2", "gpu1"):  # as the next services do
        movers[name].round()
    assert {here.stage(number), there.stage(number)} == {Stage.HERE, Stage.GONE}
    assert pool.read(block_id) == bytes(range(250)) * (NBYTES // 250)
    pool.write(block_id, b"written")
    pool.deallocate(block_id)


@pytest.mark.parametrize("handed", [False, True])
def test_a_target_that_is_lost_gives_the_block_back(
    grid: TestGrid, pool: Pool, movers: Movers, block_id: str, handed: bool
) -> None:
    number = parse_id(block_id).number
    here = grid.members["gpu2"].store.blocks.transfers
    here.leave(number, "gpu1")
    movers["gpu2"]._copy(number, "gpu1")
    if handed:
        here.hand_over(number, "gpu1")
    lost = grid.members.pop("gpu1")
    lost.stop()
    movers["gpu2"].round()
    pool.write(block_id, b"back")
    assert here.stage(number) is Stage.HERE
    grid.members["gpu1"] = lost
    lost.start()
    movers["gpu1"].round()
    assert _nodes(pool)[block_id] == "gpu2"


def test_reads_go_on_and_writes_wait_while_it_is_on_its_way(
    grid: TestGrid, pool: Pool, movers: Movers, block_id: str
) -> None:
    number = parse_id(block_id).number
    here = grid.members["gpu2"].store.blocks.transfers
    assert here.leave(number, "gpu1")
    assert pool.read(block_id, 2) == b"\0\1"
    with ThreadPoolExecutor(3) as threads:
        waiting: list[Future[Any]] = [
            threads.submit(pool.write, block_id, b"waited", 100),
            threads.submit(pool.write_many, [(block_id, b"too", 200)]),
        ]
        time.sleep(0.1)
        assert not any(one.done() for one in waiting)
        movers["gpu2"]._copy(number, "gpu1")
        here.hand_over(number, "gpu1")
        reading = threads.submit(pool.read, block_id, 6, 300)
        time.sleep(0.1)
        assert not reading.done()
        assert movers["gpu2"]._finish(number, "gpu1")
        for one in waiting:
            one.result(10)
        reading.result(10)
    assert pool.read(block_id, 6, 100) == b"waited"
    assert pool.read(block_id, 3, 200) == b"too"


def test_nothing_is_lost_by_writers_while_it_goes_to_and_fro(
    grid: TestGrid, movers: Movers, pool: Pool, block_id: str
) -> None:
    number, over = parse_id(block_id).number, threading.Event()

    def count(slot: int, place: str | None) -> int:
        """Add up in one's own eight bytes; what was acknowledged must be there."""
        done = 0
        with Pool(grid.seen_from(place)) as mine:
            mine.write(block_id, bytes(8), 8 * slot)
            while not over.is_set():
                seen = int.from_bytes(mine.read(block_id, 8, 8 * slot), "little")
                assert seen == done
                done += 1
                mine.write(block_id, done.to_bytes(8, "little"), 8 * slot)
        return done

    with ThreadPoolExecutor(4) as threads:
        places = ("gpu1", "gpu2", None)
        counts = [threads.submit(count, *pair) for pair in enumerate(places)]
        moved, end = 0, time.monotonic() + 1.5
        while moved < 6 or time.monotonic() < end:  # however busy the machine is
            if any(one.done() for one in counts):
                break  # the count was wrong
            source, target = ("gpu2", "gpu1") if moved % 2 == 0 else ("gpu1", "gpu2")
            moved += movers[source].move(number, target)
        over.set()
        totals = [one.result(20) for one in counts]
    assert moved >= 6
    for slot, total in enumerate(totals):
        data = pool.read(block_id, 8, 8 * slot)
        assert int.from_bytes(data, "little") == total


def test_a_block_freed_on_its_way_is_gone(
    grid: TestGrid, pool: Pool, movers: Movers, block_id: str
) -> None:
    number = parse_id(block_id).number
    here = grid.members["gpu2"].store.blocks.transfers
    here.leave(number, "gpu1")
    movers["gpu2"]._copy(number, "gpu1")
    pool.deallocate(block_id)
    assert not here.hand_over(number, "gpu1")
    movers["gpu1"].round()
    assert block_id not in _nodes(pool)
    assert grid.members["gpu1"].store.blocks.transfers.under_way() == []


def test_a_pools_end_finds_its_moved_blocks(
    grid: TestGrid, pool: Pool, movers: Movers
) -> None:
    with Pool(grid) as other:
        moved, kept = _on(other, "gpu2", 1000), _on(other, "gpu2", 1000)
        detached = other.allocate(1000, detached=True)
        source = "gpu1" if detached.endswith("gpu1") else "gpu2"
        target = {"gpu1": "gpu2", "gpu2": "gpu1"}[source]
        assert movers["gpu2"].move(parse_id(moved).number, "gpu1")
        assert movers[source].move(parse_id(detached).number, target)
        assert {moved, kept, detached} <= _nodes(other).keys()
    assert _nodes(pool) == {detached: target}


def test_what_came_from_a_dead_pool_is_swept(grid: TestGrid, movers: Movers) -> None:
    lost, living = Pool(grid), Pool(grid)
    lost.initialize()
    living.initialize()
    ids = [_on(one, "gpu1", 1000) for one in (lost, living)]
    for one in ids:
        assert movers["gpu1"].move(parse_id(one).number, "gpu2")
    assert movers["gpu2"].sweep() == 0
    assert lost._opened is not None
    name = lost._opened._name
    for node in grid.members.values():  # as if its process had died
        row = node.store.blocks.owners
        row._relief.index.transact(_forget_owner(name))
    assert movers["gpu2"].sweep() == 1
    assert ids[0] not in _nodes(living)
    assert _nodes(living)[ids[1]] == "gpu2"
    lost.shutdown()
    living.shutdown()


def _forget_owner(pool: str):  # type: ignore[no-untyped-def]
    def forget(txn) -> None:  # type: ignore[no-untyped-def]
        for number, one in list(all_pools(txn)):
            if one.text == pool and not one.is_elsewhere and not one.blocks:
                drop_pool(txn, number)

    return forget


def test_a_full_node_gives_to_an_emptier_one(pool: Pool, movers: Movers) -> None:
    placed = pool.allocate(2 << 20, "gpu1")
    ids: list[str] = []
    while len([one for one in ids if one.endswith("gpu1")]) < 12:
        ids.append(pool.allocate(350_000))
    pool.deallocate_many(one for one in ids if one.endswith("gpu2"))
    for n, one in enumerate(ids):
        if one.endswith("gpu1"):
            pool.write(one, bytes([n]) * 100)
    assert movers["gpu2"].balance() == 0
    assert movers["gpu1"].balance() > 0
    rows = {row["node"]: row for row in pool.get_stats()["nodes"]}
    fills = {n: 1 - r["free_bytes"] / r["capacity_bytes"] for n, r in rows.items()}
    assert fills["gpu1"] < 0.85
    assert fills["gpu2"] > 0
    assert movers["gpu1"].balance() == 0
    assert movers["gpu2"].balance() == 0
    assert _nodes(pool)[placed] == "gpu1"
    for n, one in enumerate(ids):
        if one.endswith("gpu1"):
            assert pool.read(one, 100) == bytes([n]) * 100


def test_a_node_that_leaves_gives_all_that_may_go(
    grid: TestGrid, pool: Pool, movers: Movers
) -> None:
    placed = pool.allocate(1000, "gpu2")
    ids = [_on(pool, "gpu2", 1000 + n) for n in range(5)]
    grid.members["gpu2"].draining = True
    movers["gpu2"].round()
    nodes = _nodes(pool)
    assert nodes[placed] == "gpu2"
    assert {nodes[one] for one in ids} == {"gpu1"}
