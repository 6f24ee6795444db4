"""Owner: writes of mutable entries at their home, alone and with copies.

Used by clients on the home's node directly and by its service for all others. Every
write looks at the node's standing inside its own transaction, so that it cannot
commit under an ownership that is gone, and at the lease after it.

With copies, the copies store a write before the owner does: who reads it at the
owner would find it again if the owner were lost. Writes of a key are ordered by a
number that the owner draws; deletes are tombstones that hold their place for a
minute. See `docs/explain/grid-protocol.md`.
"""

import secrets
import time

from gridcache.cluster.home import directory
from gridcache.cluster.home.at_work import AtWork
from gridcache.cluster.home.copying import send_copies
from gridcache.cluster.home.done import is_done, note_done
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.home.standing import Standing, boot_ns
from gridcache.cluster.streams.peers import Peers, Request
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.view import View
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.codec.frames import Frames
from gridcache.errors import ImmutableKeyError, NodeLostError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.records import (
    IMMUTABLE,
    REPLICATED,
    TOMBSTONE,
    Entry,
    Stamp,
    entry_key,
)
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order

__all__ = ["PATIENCE_S", "Owner", "new_token"]

PATIENCE_S = 30.0
"""How long a write is tried. What is known of writes lives twice as long."""
TOMBSTONE_S = 60.0
_PAUSE_S = 0.02
_LEASE_WAIT_S = 15.0
_UNTOLD_S = 600.0
"""After the loss of a home, till all holders must have told the next one."""
_NOTHING = Frames(b"", ())


class _CopiesError(Exception):
    """Private: the key has copies, which must be written first."""


class _AgainError(Exception):
    """Private: the copies changed meanwhile."""


def new_token() -> int:
    """A number that names one write, wherever it is repeated."""
    return secrets.randbits(63) | 1


class Owner:
    """Writes at this node, for the partitions it owns."""

    def __init__(self, store: NodeStore, standing: Standing, peers: Peers) -> None:
        self._store = store
        self._standing = standing
        self._peers = peers
        self._at_work = AtWork()
        self._tier = tier_of(store)

    # -- put ---------------------------------------------------------------

    def put(
        self,
        order: Order,
        *,
        token: int = 0,
        term: int = 0,
        replicas: int = 1,
        late: bool = False,
    ) -> int | None:
        """Store an order; returns its generation, None if it was dropped.

        Parameters
        ----------
        token
            Names the write: carried out once, however often it comes.
        term
            The ownership that the caller believes in; 0 for any.
        late
            A former home was lost after this write had been sent to it.

        Raises
        ------
        MovedError
            Nothing was stored: this node does not own the key now.
        ImmutableKeyError
            The key holds an immutable value.
        NodeLostError
            The outcome is unknown: the lease did not come back, or the write is late
            and what is here may be older or newer than it.
        """
        partition = partition_of(order.space.name, order.key)
        term = self._standing.owned_term(partition, term)
        if late and replicas == 1:
            if self._is_over(order.space, order.key, (partition, term), token):
                return None
            raise _unknown(order.key)
        if replicas == 1:
            try:
                return self._put_alone(order, partition, term, token)
            except _CopiesError:
                pass
        return self._put_copied(order, partition, term, token)

    def _is_over(
        self, space: Namespace, text: str, owned: tuple[int, int], token: int
    ) -> bool:
        """Tell what became of a write that was sent to a home that was lost.

        True if it is known as done here, or if nothing here is older than the loss:
        then it counts as carried out, and lost with its home. It must not be carried
        out again, since somebody may have seen it there, and something newer here.
        """
        key, _ = entry_key(space.id, text)

        def work(txn: WriteTxn) -> bool:
            self._standing.still(*owned)
            if is_done(txn, token, owned[1]):
                return True
            # What had one copy went with its home.
            old = self._own_entry(txn, key, *owned)
            return old is None or not old.stamp.flags & REPLICATED

        return self._store.transact(work)

    def _put_alone(
        self, order: Order, partition: int, term: int, token: int
    ) -> int | None:
        key, _ = entry_key(order.space.id, order.key)

        def guard(txn: WriteTxn) -> bool:
            self._standing.still(partition, term)
            if is_done(txn, token, term):
                return False
            self._refuse_copied(txn, key, partition, term)
            self._refuse_immutable(txn, key, order.key)
            return self._fenced(txn, order, (token, term))

        member = self._standing.member
        guarded = order._replace(stamp=Stamp(term), fence=guard)
        return self._settled(self._store.put(guarded), member)

    def _fenced(self, txn: WriteTxn, order: Order, done: tuple[int, int]) -> bool:
        if order.fence is not None and not order.fence(txn):
            return False
        note_done(txn, *done)
        return True

    def _refuse_copied(
        self, txn: WriteTxn, key: bytes, partition: int, term: int
    ) -> None:
        old = self._own_entry(txn, key, partition, term)
        if old is not None:
            copied = bool(old.stamp.flags & REPLICATED)
        else:  # evicted here alone, it would come back from a copy
            copied = self._standing.is_replicated(partition)
        if copied:
            raise _CopiesError

    def _own_entry(
        self, txn: WriteTxn, key: bytes, partition: int, term: int
    ) -> Entry | None:
        """The entry of a key if it is of this ownership, due or not."""
        entry = self._store.entry_in(txn, key)
        mine = entry is not None and self._is_of(entry, partition, term)
        return entry if mine else None

    def _is_of(self, entry: Entry, partition: int, term: int) -> bool:
        return (entry.stamp.term or self._standing.base_term(partition)) == term

    def _refuse_immutable(self, txn: WriteTxn, key: bytes, text: str) -> None:
        old = self._store.entry_in(txn, key)
        known = directory.load(txn, key)
        if (old is not None and old.stamp.flags & IMMUTABLE) or (
            known is not None and known.holders
        ):
            message = f"{text!r} holds an immutable value; delete it first"
            raise ImmutableKeyError(message, key=text)

    def _settled(self, result: int | None, member: int) -> int | None:
        """Wait until what was committed counts.

        It counts if this node is still the same member when it has a lease; if it
        is another one, the value was written, and lost with the old membership.
        """
        standing, until = self._standing, time.monotonic() + _LEASE_WAIT_S
        while not (standing.has_lease() or standing.member != member):
            if time.monotonic() > until:
                message = (
                    "this node lost touch with its grid while it wrote: the value may "
                    "be stored or not; see `grid nodes`, then try again"
                )
                raise NodeLostError(message, node=standing.node)
            time.sleep(_PAUSE_S)
        return result

    # -- with copies -------------------------------------------------------

    def _put_copied(
        self, order: Order, partition: int, term: int, token: int
    ) -> int | None:
        token = token or new_token()
        with self._at_work.on(token):
            if self._knows(partition, term, token):
                return None
            return self._put_ordered(order, partition, term, token)

    def _knows(self, partition: int, term: int, token: int) -> bool:
        """True if a write was carried out, maybe while this one waited for it."""
        self._standing.still(partition, term)
        return self._store.snapshot(lambda txn: is_done(txn, token, term))

    def _put_ordered(
        self, order: Order, partition: int, term: int, token: int
    ) -> int | None:
        floor, until = self._origin(order), time.monotonic() + PATIENCE_S
        asked = False
        while True:
            view = self._view_of(partition, term, asked=asked)
            asked = asked or bool(view.copies(partition))
            origin = max(boot_ns(), floor + 1 + secrets.randbelow(1024))
            flags = order.stamp.flags | REPLICATED
            stamped = order._replace(stamp=Stamp(term, origin, flags))
            newer = send_copies(self._peers, view, stamped, token)
            if newer is None:
                try:
                    return self._commit_copied(view, stamped, partition, token)
                except _AgainError:
                    continue
                except MovedError:
                    raise MovedError(sent=asked) from None
            floor = newer
            if not floor:
                _pause(until, self._standing.node)

    def _origin(self, order: Order) -> int:
        key, _ = entry_key(order.space.id, order.key)
        entry = self._store.snapshot(lambda txn: self._store.entry_in(txn, key))
        return entry.stamp.origin if entry is not None else 0

    def _view_of(self, partition: int, term: int, *, asked: bool) -> View:
        view = self._standing.view()
        try:
            self._standing.still(partition, term)
        except MovedError:
            raise MovedError(sent=asked) from None
        if view.terms[partition] != term:
            raise MovedError(sent=asked)
        return view

    def _commit_copied(
        self, view: View, order: Order, partition: int, token: int
    ) -> int | None:
        key, _ = entry_key(order.space.id, order.key)
        term, origin, flags = order.stamp

        def guard(txn: WriteTxn) -> bool:
            self._standing.still(partition, term)
            if is_done(txn, token, term):
                return False
            if self._standing.view().copies(partition) != view.copies(partition):
                raise _AgainError
            self._refuse_immutable(txn, key, order.key)
            old = self._own_entry(txn, key, partition, term)
            if old is not None and old.stamp.origin >= origin:
                note_done(txn, token, term)
                return False  # a later write came first
            if flags & TOMBSTONE:
                self._store.flights.void(txn, key)
            self._standing.note_replicated(partition)
            return self._fenced(txn, order, (token, term))

        member = self._standing.member
        return self._settled(self._store.put(order._replace(fence=guard)), member)

    # -- delete ------------------------------------------------------------

    def delete(
        self,
        space: Namespace,
        text: str,
        *,
        token: int = 0,
        term: int = 0,
        late: bool = False,
    ) -> bool:
        """Delete a key, mutable or immutable; True if it was there.

        Raises as `put` does.
        """
        partition = partition_of(space.name, text)
        term = self._standing.owned_term(partition, term)
        if late and self._is_over(space, text, (partition, term), token):
            return True
        key, _ = entry_key(space.id, text)
        known = self._forget_holders(key, partition, term)
        if known is not None:
            self._tell_holders(space, text, known, partition)
        try:
            there = self._delete_alone(space, text, (partition, term), token)
        except _CopiesError:
            there = self._delete_copied(space, text, (partition, term), token)
        on_disk = self._drop_demoted(space, text, known)
        return there or on_disk or known is not None

    def _drop_demoted(
        self, space: Namespace, text: str, known: directory.Record | None
    ) -> bool:
        """Delete the copy on this node's disk; True if there was one."""
        tier = self._tier.open()
        if tier is None or (known is None and tier.entry(space, text) is None):
            return False
        older = directory.EVERY_EDITION if known is None else known.edition + 1
        return tier.drop(space.name, text, older)

    def _delete_alone(
        self, space: Namespace, text: str, owned: tuple[int, int], token: int
    ) -> bool:
        partition, term = owned
        done = [False]

        def guard(txn: WriteTxn, key: bytes, entry: Entry | None) -> bool:
            self._standing.still(partition, term)
            done[0] = is_done(txn, token, term)
            if done[0]:
                return False
            if entry is None or not entry.stamp.flags & IMMUTABLE:
                self._refuse_copied(txn, key, partition, term)
            note_done(txn, token, term)
            return entry is None or bool(
                entry.stamp.flags & IMMUTABLE or self._is_of(entry, partition, term)
            )

        member = self._standing.member
        count = self._store.delete(space, [text], guard)
        self._settled(None, member)
        return bool(count) or done[0]

    def _delete_copied(
        self, space: Namespace, text: str, owned: tuple[int, int], token: int
    ) -> bool:
        key, _ = entry_key(space.id, text)
        entry = self._store.snapshot(lambda txn: self._own_entry(txn, key, *owned))
        there = (
            entry is not None
            and not entry.stamp.flags & TOMBSTONE
            and not 0.0 < entry.expires <= time.time()
        )
        stamp = Stamp(0, 0, TOMBSTONE)
        order = Order(space, text, _NOTHING, ttl_s=TOMBSTONE_S, stamp=stamp)
        self._put_copied(order, *owned, token)
        return there

    def _forget_holders(
        self, key: bytes, partition: int, term: int
    ) -> directory.Record | None:
        """Delete a key in the directory; returns what was known of it there."""
        unknown = self._may_be_unknown(partition)

        def work(txn: WriteTxn) -> directory.Record | None:
            self._standing.still(partition, term)
            return directory.note_deleted(txn, key, unknown=unknown)

        known = self._store.snapshot(lambda txn: directory.load(txn, key))
        if unknown or (known is not None and known.holders):
            return self._store.transact(work)
        return None

    def _may_be_unknown(self, partition: int) -> bool:
        """True while holders may not have told this home yet of what they hold."""
        lost_at = float(self._standing.view().lost_at[partition])
        return bool(lost_at) and time.time() < lost_at + _UNTOLD_S

    def _tell_holders(
        self, space: Namespace, text: str, known: directory.Record, partition: int
    ) -> None:
        """Have holders drop their copies; who is cut off hears it when it is back."""
        view, me = self._standing.view(), self._standing.member
        edition = known.edition + 1
        meta = {"space": space.name, "key": text, "edition": edition}
        copies = [number for number, _ in view.copies(partition)]
        requests = [
            Request(member.address, op, {**meta, "to": number})
            for op, numbers in (("undirect", copies), ("drop", known.holders))
            for number in numbers
            if number != me and (member := view.member(number)) is not None
        ]
        if requests:
            self._peers.call_many(requests, timeout_s=2.0)


def _unknown(text: str) -> NodeLostError:
    message = (
        f"the home of {text!r} was lost while it was written: the value may be stored "
        f"or not; look at it, then try again"
    )
    return NodeLostError(message, key=text)


def _pause(until: float, node: str) -> None:
    if time.monotonic() > until:
        message = (
            f"a copy of the value could not be written from node {node!r}: its backup "
            f"does not answer and was not replaced; see `grid nodes`"
        )
        raise NodeLostError(message, node=node)
    time.sleep(_PAUSE_S)
