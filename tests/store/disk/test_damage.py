"""Damage met while a store is open: a miss, and the key and the store go on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gridcache.errors import CorruptFramesError
from gridcache.store.outcome import Miss, MissReason
from gridcache.store.records import Entry, entry_key
from gridcache.store.transaction import WriteTxn
from tests.store.disk.stores import fill, opened, read_all
from tests.store.kit.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """An open store on disk; what is damaged must be mended when a test ends."""
    with opened(tmp_path / "store") as shop:
        yield shop
    shop.forget()


def _damage_record(shop: Shop, key: str) -> None:
    """Change a byte of a key's record behind the store's back."""
    entry_id, _ = entry_key(shop.space.id, key)

    def work(txn: WriteTxn) -> None:
        record = bytearray(txn.get(entry_id, db=txn.tables.entries))
        record[len(record) // 2] ^= 0x40
        txn.put(entry_id, bytes(record), db=txn.tables.entries)

    shop.store._parts.index.transact(work)


def _damage_head(shop: Shop, key: str) -> None:
    entry = shop.store.find(shop.space, key)
    assert isinstance(entry, Entry)
    shop.store._parts.arena.write_one(entry.offset + 40, b"????")


def test_a_damaged_record_is_a_miss_then_gone(shop: Shop) -> None:
    expected = fill(shop, 30)
    _damage_record(shop, "key-3")
    assert shop.miss("key-3").reason is MissReason.CORRUPT
    assert shop.miss("key-3").reason is MissReason.CORRUPT
    assert set(shop.keys()) == expected.keys() - {"key-3"}
    del expected["key-3"]
    assert read_all(shop, list(expected)) == expected


@pytest.mark.parametrize("head", [False, True], ids=["head whole", "head damaged"])
def test_a_key_with_a_damaged_record_can_be_put(shop: Shop, head: bool) -> None:
    shop.put("key", 1, 4000, tags=("a",), ttl_s=500.0, pinned=True, viewable=False)
    if head:
        _damage_head(shop, "key")
    raw = shop.store.stats().namespace("default").raw_nbytes
    _damage_record(shop, "key")
    shop.put("key", 2, 4000)
    assert shop.number("key") == 2
    stats = shop.store.stats().namespace("default")
    assert (stats.entries, stats.pinned_nbytes) == (1, 0)
    if head:  # how long it was before it was stored is nowhere any more
        _forget_raw(shop, stats.raw_nbytes - raw)
    assert shop.store.clear(shop.space, tag="a") == 0


def _forget_raw(shop: Shop, nbytes: int) -> None:
    def work(txn: WriteTxn) -> None:
        with shop.store._parts.books.charge(txn, shop.space.id) as account:
            account.raw_nbytes -= nbytes

    shop.store._parts.index.transact(work)


def _delete(shop: Shop, keys: list[str]) -> None:
    assert shop.delete(*keys) == len(keys)


def _clear(shop: Shop, keys: list[str]) -> None:
    assert shop.store.clear(shop.space) > len(keys)


def _clear_tag(shop: Shop, keys: list[str]) -> None:
    assert shop.store.clear(shop.space, tag="odd") > len(keys)


def _list(shop: Shop, keys: list[str]) -> None:
    assert set(keys) < set(shop.keys())


def _evict(shop: Shop, keys: list[str]) -> None:
    for number in range(40):
        shop.put(f"big-{number}", number, 500_000)
    assert not set(keys) & set(shop.keys())


def _explain(shop: Shop, keys: list[str]) -> None:
    near = keys[0] + "x"
    assert shop.store.inspector.explain(shop.space, near).near_keys


@pytest.mark.parametrize("act", [_delete, _clear, _clear_tag, _list, _evict, _explain])
def test_whoever_meets_a_damaged_record_goes_on(
    shop: Shop, act: Callable[[Shop, list[str]], None]
) -> None:
    expected = fill(shop, 30)
    keys = [key for key in expected if expected[key] % 2][:4]
    for key in keys:
        _damage_record(shop, key)
    act(shop, keys)
    for key in keys:
        assert isinstance(shop.look_up(key), Miss)


def test_a_key_that_no_table_knows_is_named(shop: Shop) -> None:
    shop.put("key", 1, 100)
    _damage_record(shop, "key")
    slots = shop.store._parts.index.tables.slots
    saved: list[tuple[bytes, bytes]] = []

    def lose(txn: WriteTxn) -> None:
        with txn.txn.cursor(slots) as cursor:
            saved.extend(cursor)
        for number, _ in saved:
            txn.txn.delete(number, db=slots)

    def bring_back(txn: WriteTxn) -> None:
        for number, key in saved:
            txn.put(number, key, db=slots)

    shop.store._parts.index.transact(lose)
    with pytest.raises(CorruptFramesError, match="key"):
        shop.put("key", 2, 100)
    shop.store._parts.index.transact(bring_back)
    shop.put("key", 2, 100)


def test_damage_in_one_place_of_a_view_is_never_served(shop: Shop) -> None:
    shop.put("key", 1, 100_000)
    entry = shop.store.find(shop.space, "key")
    assert isinstance(entry, Entry)
    for at in (0, 70, entry.lead_nbytes, entry.extent_nbytes - 64):
        shop.put("key", 1, 100_000)
        entry = shop.store.find(shop.space, "key")
        assert isinstance(entry, Entry)
        shop.store._parts.arena.write_one(entry.offset + at, b"\xff\x00\xff")
        assert shop.miss("key").reason is MissReason.CORRUPT
