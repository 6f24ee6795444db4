"""Inspector: what is in a store and why something is not. It only looks."""

import difflib
import time
from collections.abc import Iterator
from struct import Struct

from gridcache.codec import describe
from gridcache.store.allocator import largest_free
from gridcache.store.block_records import ACCOUNT
from gridcache.store.files import allocated_nbytes
from gridcache.store.namespaces import Namespace, all_namespaces, load_account
from gridcache.store.outcome import (
    EntryInfo,
    Explanation,
    Lessee,
    Miss,
    MissReason,
    NamespaceStats,
    StoreStats,
)
from gridcache.store.parts import Parts
from gridcache.store.reader import Reader
from gridcache.store.records import Entry, entry_key, entry_text
from gridcache.store.statistics import load_counters
from gridcache.store.transaction import WriteTxn

__all__ = ["Inspector"]

_INSTANT = Struct(">d")
_LOOKED_AT = 2000
"""Keys compared with a missing one."""


class Inspector:
    """Reports of one process on a store."""

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._reader = reader

    def info(self, space: Namespace, key: str) -> EntryInfo | None:
        """One entry; None if it is not there."""
        entry_id, long_key = entry_key(space.id, key)
        entry = self._reader.find(entry_id, long_key)
        if isinstance(entry, Miss):
            return None
        header = entry.header
        if entry.header_nbytes > len(header):
            hit = self._reader.get(entry_id, long_key, view=False, count=False)
            header = b"" if isinstance(hit, Miss) else hit.header
        return EntryInfo(
            key=key,
            namespace=space.name,
            raw_nbytes=entry.raw_nbytes,
            stored_nbytes=entry.stored_nbytes,
            created=float(entry.created),
            expires=entry.expires or None,
            hits=max(self._parts.access.frequency(entry.slot) - 1, 0),
            cost_s=entry.cost_s,
            pinned=entry.pinned,
            compressed=entry.raw_nbytes != entry.body_nbytes,
            inline=entry.inline,
            tags=entry.tags,
            generation=entry.generation,
            format=describe(header),
        )

    def count(self, space: Namespace) -> int:
        """Entries of a namespace that have not expired."""
        now = time.time()

        def live(txn: WriteTxn) -> int:
            due = sum(key.startswith(space.prefix) for key in _due(txn, now))
            return load_account(txn, space.id).entries - due

        return self._parts.index.snapshot(live)

    def explain(self, space: Namespace, key: str) -> Explanation:
        """Why a key is present or not."""
        found = self._reader.find(*entry_key(space.id, key))
        if isinstance(found, Entry):
            return self._explain_present(space, key, found)
        near = self._near_keys(space, key)
        text = _absence(key, space, found)
        if near:
            text += f". Did you mean {', '.join(repr(name) for name in near)}?"
        return Explanation(
            key,
            space.name,
            present=False,
            reason=found.reason,
            text=text,
            at=found.at or None,
            need_nbytes=found.need_nbytes or None,
            near_keys=near,
        )

    def _explain_present(self, space: Namespace, key: str, entry: Entry) -> Explanation:
        info = self.info(space, key)
        lessees = self._lessees(entry)
        age_s = time.time() - entry.created
        text = (
            f"{key!r} is in namespace {space.name!r}: {entry.raw_nbytes} bytes "
            f"({entry.stored_nbytes} stored), put {age_s:.0f} s ago, "
            f"{info.hits if info else 0} hits"
        )
        if entry.pinned:
            text += ", pinned"
        if entry.expires:
            text += f", expires in {entry.expires - time.time():.0f} s"
        for lessee in lessees:
            text += f", viewed by process {lessee.pid} ({lessee.command})"
        return Explanation(
            key,
            space.name,
            present=True,
            reason=None,
            text=text,
            info=info,
            lessees=lessees,
        )

    def _lessees(self, entry: Entry) -> tuple[Lessee, ...]:
        if entry.inline:
            return ()
        found = []
        for row in self._parts.clients.read():
            count = row.pins.count(entry.offset)
            if count:
                held = count * entry.extent_nbytes
                found.append(Lessee(row.pid, row.command, count, held))
        return tuple(found)

    def _near_keys(self, space: Namespace, key: str) -> tuple[str, ...]:
        def some(txn: WriteTxn) -> list[str]:
            keys = []
            with txn.txn.cursor(txn.tables.entries) as cursor:
                found = cursor.set_range(space.prefix)
                while found and cursor.key().startswith(space.prefix):
                    entry = self._parts.books.find(txn, cursor.key())
                    if entry is not None:
                        keys.append(entry_text(cursor.key(), entry))
                    if len(keys) == _LOOKED_AT:
                        break
                    found = cursor.next()
            return keys

        keys = self._parts.index.snapshot(some)
        return tuple(difflib.get_close_matches(key, keys, n=3, cutoff=0.7))

    def expired_keys(self, now: float, most: int) -> list[tuple[bytes, bytes]]:
        """Entry keys (and whole long keys) that are due."""

        def due(txn: WriteTxn) -> list[tuple[bytes, bytes]]:
            found: list[tuple[bytes, bytes]] = []
            for key in _due(txn, now):
                if len(found) == most:
                    break
                entry = self._parts.books.find(txn, key)
                if entry is not None:
                    found.append((key, entry.long_key))
            return found

        return self._parts.index.snapshot(due)

    # -- statistics --------------------------------------------------------

    def stats(self) -> StoreStats:
        """Sizes and counters; the caller merged this process's counts."""
        parts = self._parts
        spaces = parts.index.snapshot(self._namespaces)

        def sizes(txn: WriteTxn) -> StoreStats:
            state, held = txn.state, load_account(txn, ACCOUNT)
            retired = sum(size for _, size in parts.books.retired(txn))
            return StoreStats(
                path=str(parts.directory),
                capacity_nbytes=state.capacity_nbytes,
                arena_nbytes=state.arena_nbytes,
                free_nbytes=state.free_nbytes + state.arena_nbytes - state.top,
                largest_free_nbytes=max(
                    largest_free(txn), state.arena_nbytes - state.top
                ),
                retired_nbytes=retired,
                index_nbytes=state.index_nbytes,
                index_used_nbytes=used,
                directory_nbytes=allocated_nbytes(parts.directory),
                clients=len(parts.clients.read()),
                reused_nbytes=state.reused_nbytes,
                fresh_nbytes=state.fresh_nbytes,
                on_disk=parts.superblock.on_disk,
                durable=parts.superblock.durable,
                namespaces=spaces,
                blocks=held.entries,
                blocks_nbytes=held.stored_nbytes,
            )

        used = parts.index.used_nbytes()
        return parts.index.snapshot(sizes)

    @staticmethod
    def _namespaces(txn: WriteTxn) -> tuple[NamespaceStats, ...]:
        found = []
        for space in all_namespaces(txn):
            account, counts = load_account(txn, space.id), load_counters(txn, space.id)
            found.append(
                NamespaceStats(
                    namespace=space.name,
                    policy=space.policy,
                    quota_nbytes=space.quota_nbytes,
                    entries=account.entries,
                    raw_nbytes=account.raw_nbytes,
                    stored_nbytes=account.stored_nbytes,
                    pinned_nbytes=account.pinned_nbytes,
                    hits=counts.hits,
                    misses={str(k): n for k, n in counts.misses.items() if n},
                    evictions={k: n for k, n in counts.evictions.items() if n},
                    puts=counts.puts,
                    deletes=counts.deletes,
                    private_copies=counts.private_copies,
                    saved_s=counts.saved_s,
                )
            )
        return tuple(found)


def _due(txn: WriteTxn, now: float) -> Iterator[bytes]:
    """Entry keys whose time has come, not yet removed."""
    with txn.txn.cursor(txn.tables.expiries) as cursor:
        for moment, key in cursor:
            if _INSTANT.unpack_from(moment)[0] > now:
                return
            yield key


def _absence(key: str, space: Namespace, miss: Miss) -> str:
    where = f"{key!r} is not in namespace {space.name!r}: "
    ago = f"{time.time() - miss.at:.0f} s ago"
    match miss.reason:
        case MissReason.EVICTED if miss.need_nbytes:
            return where + f"evicted {ago} when {miss.need_nbytes} bytes were needed"
        case MissReason.EVICTED:
            return where + f"evicted {ago} when the index was full"
        case MissReason.EXPIRED:
            return where + f"expired {ago}"
        case MissReason.DELETED:
            return where + f"deleted {ago}"
        case MissReason.CORRUPT:
            return where + "its bytes on disk were damaged"
        case _:
            return where + "never stored, or gone so long ago that it is forgotten"
