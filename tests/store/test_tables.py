"""The small shared tables: access records, departures, client rows, counters."""

import os
from pathlib import Path

import numpy as np
import pytest

from gridcache.store.access import HELD, USED, AccessTable
from gridcache.store.clients import PINS, ClientRow, Clients
from gridcache.store.files import allocated_nbytes, open_private, reserve_file
from gridcache.store.gone import Gone
from gridcache.store.leases import Lease, LeaseBook
from gridcache.store.outcome import MissReason
from gridcache.store.statistics import EVICTION_CAUSES, Counters

# -- access records ----------------------------------------------------------------


@pytest.fixture
def access(tmp_path: Path):  # type: ignore[no-untyped-def]
    path = tmp_path / "access"
    fd = open_private(path)
    reserve_file(fd, AccessTable.nbytes(16), path)
    os.close(fd)
    table = AccessTable(path)
    yield table
    table.close()


def claim(table: AccessTable, slot: int, generation: int, flags: int = 0) -> None:
    table.claim(slot, generation, 7, 100, 1.5, flags)


def test_a_claimed_slot_says_whose_it_is(access: AccessTable) -> None:
    claim(access, 3, 99, HELD)
    record = access.records()[3]
    assert (record["generation"], record["namespace"]) == (99, 7)
    assert (record["units"], record["cost"], record["frequency"]) == (100, 1.5, 1)
    assert record["flags"] == USED | HELD


def test_ticks_order_all_uses(access: AccessTable) -> None:
    for slot in range(3):
        claim(access, slot, slot + 1)
    access.touch(0, 1)
    ticks = access.records()["tick"][:3]
    assert ticks.argsort().tolist() == [1, 2, 0]


def test_a_late_touch_does_not_warm_the_next_owner(access: AccessTable) -> None:
    claim(access, 0, 1)
    claim(access, 0, 2)
    tick = int(access.records()["tick"][0])
    access.touch(0, 1)
    assert access.unchanged(0, 2, tick)
    assert access.frequency(0) == 1
    access.touch(0, 2)
    assert not access.unchanged(0, 2, tick)
    assert access.frequency(0) == 2


def test_generations_beyond_32_bits_are_told_by_their_low_bits(
    access: AccessTable,
) -> None:
    claim(access, 0, (1 << 40) + 5)
    access.touch(0, (1 << 40) + 5)
    assert access.frequency(0) == 2
    access.touch(0, (1 << 40) + 6)
    assert access.frequency(0) == 2


def test_the_frequency_ends_at_its_greatest_and_touches_nothing_else(
    access: AccessTable,
) -> None:
    claim(access, 0, 1)
    access.records()["frequency"][0] = 0xFFFE
    for _ in range(3):
        access.touch(0, 1)
    record = access.records()[0]
    assert (record["frequency"], record["namespace"]) == (0xFFFF, 7)
    assert record["generation"] == 1


def test_releasing_spares_the_next_owner(access: AccessTable) -> None:
    claim(access, 0, 1)
    claim(access, 0, 2)
    access.release(0, 1)
    assert access.records()["flags"][0] == USED
    access.release(0, 2)
    assert access.records()["flags"][0] == 0


def test_flags_change_alone(access: AccessTable) -> None:
    claim(access, 0, 1)
    access.set_flags(0, HELD, 0)
    access.set_flags(0, 0, USED)
    record = access.records()[0]
    assert record["flags"] == HELD
    assert (record["units"], record["cost"]) == (100, 1.5)


def test_costs_of_any_size_are_kept_as_far_as_they_go(access: AccessTable) -> None:
    for cost in (0.0, 1e-9, 65504.0, 1e30, float("inf")):
        access.claim(0, 1, 7, 100, cost, 0)
        assert access.records()["cost"][0] <= np.float16(65504)


def test_growth_by_one_is_seen_by_another(access: AccessTable) -> None:
    other = AccessTable(access.path)
    access.grow(2000)
    claim(access, 1999, 5)
    assert other.slots == 16
    other.touch(1999, 5)
    assert access.frequency(1999) == 2
    assert other.frequency(5000) == 0
    other.release(5000, 1)
    other.close()


# -- departures --------------------------------------------------------------------


@pytest.fixture
def gone(tmp_path: Path) -> Gone:
    Gone.create(tmp_path / "gone", 1 << 20)
    return Gone(tmp_path / "gone")


def test_a_departure_is_remembered_with_its_reason(gone: Gone) -> None:
    gone.note(b"key", MissReason.EVICTED, 123)
    miss = gone.look_up(b"key")
    assert (miss.reason, miss.need_nbytes) == (MissReason.EVICTED, 123)
    assert miss.at > 0
    gone.note(b"key", MissReason.DELETED)
    assert gone.look_up(b"key").reason is MissReason.DELETED


def test_what_never_was_is_never_stored(gone: Gone) -> None:
    for number in range(10_000):
        gone.note(b"key%d" % number, MissReason.EVICTED)
    found = {gone.look_up(b"other%d" % number).reason for number in range(10_000)}
    assert found == {MissReason.NEVER_STORED}


def test_keys_that_share_a_place_keep_their_reasons(gone: Gone) -> None:
    """A third of the rows in use; with one row a place a quarter would be lost."""
    for number in range(56):
        gone.note(b"key%d" % number, MissReason.EVICTED, number)
    found = [gone.look_up(b"key%d" % number) for number in range(56)]
    assert [miss.need_nbytes for miss in found] == [*range(56)]


def test_the_oldest_of_a_place_is_forgotten_first(gone: Gone) -> None:
    for number in range(10_000):
        gone.note(b"key%d" % number, MissReason.EVICTED, number)
    kept = [n for n in range(10_000) if gone.look_up(b"key%d" % n).need_nbytes == n]
    assert len(kept) >= 160
    assert min(kept[1:]) > 9_500


def test_the_table_forgets_instead_of_growing(gone: Gone, tmp_path: Path) -> None:
    size = allocated_nbytes(tmp_path)
    for number in range(10_000):
        gone.note(b"key%d" % number, MissReason.EVICTED)
    assert allocated_nbytes(tmp_path) == size
    assert gone.look_up(b"key9999").reason is MissReason.EVICTED


# -- client rows -------------------------------------------------------------------


@pytest.fixture
def clients(tmp_path: Path):  # type: ignore[no-untyped-def]
    (tmp_path / "locks").mkdir()
    made = Clients(tmp_path)
    yield made
    made.close()


@pytest.fixture
def row(clients: Clients):  # type: ignore[no-untyped-def]
    mine = clients.claim()
    mine.introduce()
    yield mine
    mine.leave()


def lease(row: ClientRow, book: LeaseBook, offset: int) -> Lease:
    return Lease(row, book, offset, 64)


def test_rows_are_taken_one_by_one_and_again(clients: Clients) -> None:
    rows = [clients.claim() for _ in range(5)]
    assert [row.row for row in rows] == [*range(5)]
    rows[2].leave()
    again = clients.claim()
    assert again.row == 2
    for row in (*rows, again):
        row.leave()


def test_a_row_says_who_has_it(clients: Clients, row: ClientRow) -> None:
    (found,) = clients.read()
    assert (found.row, found.pid) == (row.row, os.getpid())
    assert found.command
    assert clients.alive(row.row)
    assert list(clients.dead_rows()) == []


def test_pins_are_seen_and_end_with_their_lease(
    clients: Clients, row: ClientRow
) -> None:
    book = LeaseBook(1 << 20)
    zero, other = lease(row, book, 0), lease(row, book, 640)
    again = lease(row, book, 640)
    assert clients.pinned_offsets() == {0, 640}
    assert book.nbytes == 3 * 64
    other.end()
    other.end()
    assert clients.pinned_offsets() == {0, 640}
    del again
    assert clients.pinned_offsets() == {0}
    zero.end()
    assert clients.pinned_offsets() == set()
    assert (book.nbytes, row.pins_held) == (0, 0)


def test_without_a_free_slot_there_is_no_lease(
    clients: Clients, row: ClientRow
) -> None:
    book = LeaseBook(1 << 40)
    held = [lease(row, book, number * 64) for number in range(PINS)]
    assert all(one.slot >= 0 for one in held)
    refused = lease(row, book, 64)
    assert refused.slot < 0
    del refused
    assert book.nbytes == PINS * 64
    held.pop()
    more = lease(row, book, 64)
    assert more.slot >= 0
    del more
    held.clear()
    assert clients.pinned_offsets() == set()


def test_a_copied_row_keeps_its_pins_apart(clients: Clients, row: ClientRow) -> None:
    """As after a fork: each side ends its own."""
    book = LeaseBook(1 << 20)
    held = lease(row, book, 640)
    child = clients.claim()
    row.copy_pins_to(child)
    child.introduce()
    held.end()
    assert clients.pinned_offsets() == {640}
    child.unpin(0)
    assert clients.pinned_offsets() == set()
    child.leave()


def test_rows_another_process_added_are_seen(clients: Clients, row: ClientRow) -> None:
    other = Clients(clients.path.parent)
    rows = [other.claim() for _ in range(40)]
    for one in rows:
        one.introduce()
    assert len(clients.read()) == 41
    for one in rows:
        one.leave()
    other.close()
    assert len(clients.read()) == 1


# -- counters ----------------------------------------------------------------------


def test_counters_add_up_and_come_back() -> None:
    one, other = Counters(), Counters()
    one.hits, one.puts, one.saved_s = 3, 2, 1.5
    one.misses[MissReason.EVICTED] = 4
    one.evictions[EVICTION_CAUSES[1]] = 5
    other.hits, other.deletes, other.private_copies = 10, 1, 2
    one.add(other)
    back = Counters.unpack(one.pack())
    assert (back.hits, back.puts, back.deletes) == (13, 2, 1)
    assert (back.private_copies, back.saved_s) == (2, 1.5)
    assert back.misses[MissReason.EVICTED] == 4
    assert back.evictions == one.evictions
