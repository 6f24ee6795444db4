"""`check()` finds what is wrong: every kind of damage, planted by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from gridcache.store.allocator import free_ranges, offset_key
from gridcache.store.namespaces import Namespace, load_account, save_account
from gridcache.store.opening import close_store, open_store
from tests.store.kit.shop import Shop


def remove_extent(txn: Any) -> None:
    with txn.txn.cursor(txn.tables.extents) as cursor:
        cursor.first()
        cursor.delete()


def lengthen_extent(txn: Any) -> None:
    with txn.txn.cursor(txn.tables.extents) as cursor:
        cursor.first()
        units = int.from_bytes(cursor.value()[:4], "little") + 1
        longer = units.to_bytes(4, "little") + cursor.value()[4:]
        txn.put(cursor.key(), longer, db=txn.tables.extents)


def forget_free_range(txn: Any) -> None:
    offset, _ = next(free_ranges(txn))
    txn.txn.delete(offset_key(offset), db=txn.tables.free_by_offset)


def miscount_free(txn: Any) -> None:
    txn.state.free_nbytes += 64


def miscount_retired(txn: Any) -> None:
    txn.state.retired += 1


def raise_the_top(txn: Any) -> None:
    txn.state.top += 64


def top_beyond_the_arena(txn: Any) -> None:
    txn.state.arena_nbytes = 64


def miscount_entries(txn: Any) -> None:
    account = load_account(txn, 1)
    account.entries += 1
    save_account(txn, 1, account)


def miscount_pinned(txn: Any) -> None:
    account = load_account(txn, 1)
    account.pinned_nbytes -= 64
    save_account(txn, 1, account)


def lose_an_entry(txn: Any) -> None:
    with txn.txn.cursor(txn.tables.entries) as cursor:
        cursor.first()
        cursor.delete()


def lose_a_slot(txn: Any) -> None:
    with txn.txn.cursor(txn.tables.slots) as cursor:
        cursor.first()
        cursor.delete()


def free_a_used_slot(txn: Any) -> None:
    with txn.txn.cursor(txn.tables.slots) as cursor:
        cursor.first()
        txn.put(cursor.key(), b"", db=txn.tables.free_slots)


def turn_back_the_generation(txn: Any) -> None:
    txn.state.generation = 0


def reserve_for_nobody(txn: Any) -> None:
    offset = txn.state.top
    txn.state.top += 64
    key = (3000).to_bytes(4, "big") + offset.to_bytes(8, "big")
    txn.put(key, (64).to_bytes(16, "little"), db=txn.tables.reserved)


def lose_an_expiry(txn: Any) -> None:
    with txn.txn.cursor(txn.tables.expiries) as cursor:
        cursor.first()
        cursor.delete()


def lose_a_tag(txn: Any) -> None:
    with txn.txn.cursor(txn.tables.tags) as cursor:
        cursor.first()
        cursor.delete()


def shorten_the_index(txn: Any) -> None:
    txn.state.index_nbytes -= 4096


DAMAGES = [
    remove_extent,
    lengthen_extent,
    forget_free_range,
    miscount_free,
    miscount_retired,
    raise_the_top,
    top_beyond_the_arena,
    miscount_entries,
    miscount_pinned,
    lose_an_entry,
    lose_a_slot,
    free_a_used_slot,
    turn_back_the_generation,
    reserve_for_nobody,
    lose_an_expiry,
    lose_a_tag,
    shorten_the_index,
]


@pytest.fixture
def used(store_dir: Any) -> Any:
    """A store with a bit of everything, verified by nobody at the end."""
    store = open_store(store_dir / "store", capacity_nbytes=8 << 20)
    shop = Shop(store, store.namespace(Namespace("default")))
    for number in range(20):
        shop.put(f"key{number}", number, 5000, pinned=number == 3, tags=("red",))
        shop.put(f"small{number}", number, 50, ttl_s=1000)
    shop.delete("key5", "key6", "key11", "small3")
    for number in range(20):
        shop.put(f"more{number}", number, 100_000)
    shop.delete("more4")
    assert store.check().ok
    yield shop
    close_store(store)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_found(used: Shop, damage: Callable[[Any], None]) -> None:
    used.store._parts.index.transact(damage)
    report = used.store.check()
    assert not report.ok
    assert report.problems


def test_a_lease_on_nothing_is_found(used: Shop) -> None:
    row = used.store._parts.row

    class Holder:
        slot = -1

    holder = Holder()
    row.pin(1 << 40, holder)
    assert not used.store.check().ok
    row.unpin(holder.slot)
    assert used.store.check().ok


def test_a_short_arena_is_found(used: Shop) -> None:
    used.store._parts.arena.truncate(4096)
    assert not used.store.check().ok


def test_too_many_bytes_are_found(used: Shop) -> None:
    (used.store.directory / "litter").write_bytes(bytes(9 << 20))
    assert not used.store.check().ok
    (used.store.directory / "litter").unlink()
    assert used.store.check().ok


def test_checking_changes_nothing_that_is_seen(used: Shop) -> None:
    keys = used.keys()
    before = {key: used.number(key) for key in keys}
    generations = {key: used.hit(key, view=False).generation for key in before}
    for _ in range(3):
        assert used.store.check().ok
    assert used.keys() == keys
    assert {key: used.number(key) for key in keys} == before
    after = {key: used.hit(key, view=False).generation for key in before}
    assert after == generations
