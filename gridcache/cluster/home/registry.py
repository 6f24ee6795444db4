"""Registry: the home's side of immutable entries, in its own transactions.

Whoever has put or copied an immutable value registers as its holder. The home
refuses a second value under the same key, tells a holder of a deleted edition to
drop its copy, and gives new values the present edition.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gridcache.cluster.home import directory
from gridcache.cluster.home.directory import Record
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.errors import ImmutableKeyError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, TOMBSTONE, Entry, entry_key
from gridcache.store.transaction import WriteTxn

__all__ = ["Claim", "Registry"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A node says that it holds a copy."""

    member: int
    edition: int = 0
    digest: int = 0
    """Of the frames; 0 if they need not be compared."""
    nbytes: int = 0
    new: bool = False
    """True for a value that was made just now."""


class Registry:
    """Registrations at this node, for the partitions it owns."""

    def __init__(self, store: NodeStore, standing: Standing) -> None:
        self._store = store
        self._standing = standing
        self._tier = tier_of(store)

    def register(
        self,
        space: Namespace,
        text: str,
        claim: Claim,
        fence: Callable[[WriteTxn], bool] | None = None,
    ) -> int | None:
        """Note a holder; returns the edition of its copy, None if it must go.

        Raises
        ------
        MovedError
            This node does not own the key now.
        ImmutableKeyError
            The key holds another value.
        """
        partition = partition_of(space.name, text)
        term = self._standing.owned_term(partition)
        key, _ = entry_key(space.id, text)

        def work(txn: WriteTxn) -> Record | None:
            self._standing.still(partition, term)
            if fence is not None and not fence(txn):
                return None
            self._refuse_other(txn, key, text, claim)
            found = Record(claim.edition, claim.digest, claim.nbytes)
            return directory.add_holder(txn, key, claim.member, found, new=claim.new)

        record = self._store.transact(work)
        return None if record is None else record.edition

    def _refuse_other(self, txn: WriteTxn, key: bytes, text: str, claim: Claim) -> None:
        entry, known = self._store.entry_in(txn, key), directory.load(txn, key)
        if claim.new and entry is not None and self._is_mutable(key, entry):
            message = f"{text!r} holds a mutable value; delete it first"
            raise ImmutableKeyError(message, key=text)
        if not (known and known.holders and known.digest and claim.digest):
            return
        if known.digest != claim.digest:
            message = (
                f"{text!r} holds another immutable value: its key should name what "
                f"made it; delete it first, or put without immutable=True"
            )
            raise ImmutableKeyError(message, key=text)

    def _is_mutable(self, key: bytes, entry: Entry) -> bool:
        if entry.stamp.flags & (IMMUTABLE | TOMBSTONE):
            return False
        late = 0.0 < entry.expires <= time.time()
        return not late and self._store.flights.shows(key, entry)

    def unregister(self, space: Namespace, text: str, member: int) -> None:
        """Forget a holder that has no copy any more."""
        key, _ = entry_key(space.id, text)
        self._store.transact(lambda txn: directory.drop_holder(txn, key, member))

    def note_deleted(self, space: Namespace, text: str, edition: int) -> None:
        """As a copy: remember a delete, in case that its home is lost."""
        key, _ = entry_key(space.id, text)

        self._store.transact(lambda txn: _note(txn, key, edition))

    def drop(self, space: Namespace, text: str, edition: int) -> None:
        """As a holder: delete a copy of an older edition, in memory and on disk."""
        has_tier = self._tier.open() is not None

        def older(txn: WriteTxn, key: bytes, entry: Entry | None) -> bool:
            if has_tier and edition < directory.EVERY_EDITION:
                _note(txn, key, edition)  # nobody brings it back from the disk
            return (
                entry is not None
                and bool(entry.stamp.flags & IMMUTABLE)
                and entry.stamp.origin < edition
            )

        self._store.delete(space, [text], older)
        if (tier := self._tier.open()) is not None:
            tier.drop(space.name, text, edition)


def _note(txn: WriteTxn, key: bytes, edition: int) -> None:
    """Remember a delete where this node is not the key's home."""
    known = directory.load(txn, key) or Record()
    if edition > known.edition:
        directory.save(txn, key, Record(edition, deleted=time.time()))
