"""Registration: immutable entries of this node, told to homes that do not know them.

A home that is lost takes its directory with it; whoever holds copies tells the next
one, in the background. A home that moves hands its directory on, so nothing is
told then. A copy whose key was deleted while its holder was away is dropped.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcache.cluster.handover.gathering import Found, entries
from gridcache.cluster.home import directory
from gridcache.cluster.home.directory import Record
from gridcache.cluster.home.items import local_space, space_meta
from gridcache.cluster.home.moved import is_moved
from gridcache.cluster.home.registry import Registry
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.placement import NOBODY, PARTITIONS, partition_of
from gridcache.cluster.table.view import View
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.errors import GridCacheError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, Entry, entry_key
from gridcache.store.transaction import WriteTxn

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Registration", "by_home"]

_MOST = 1000
"""Entries in one message."""
_AGAIN_S = 120.0
"""How often all is told again: 100 messages for 100,000 copies."""
_AT_ONCE = 100
"""Registered in one transaction."""

Meta = dict[str, Any]
Item = tuple[str, int, int, int]
"""Key, edition, bytes, and the term of the home that is meant."""


class Registration:
    """Tells homes of the copies here, and hears of copies elsewhere."""

    def __init__(
        self, store: NodeStore, standing: Standing, peers: Peers, ended: Event
    ) -> None:
        self._store = store
        self._standing = standing
        self._peers = peers
        self._ended = ended
        self._registry = Registry(store, standing)
        self._again_s = 0.0
        self._member = 0
        """As whom the copies here are registered."""
        self._known = np.zeros(PARTITIONS, np.bool_)
        """Partitions whose homes know of the copies here."""
        self._losses = np.zeros(PARTITIONS, np.int64)
        """When their owners had been lost last, at that time."""

    # -- as a holder -------------------------------------------------------

    def reregister(self, view: View) -> bool:
        """Tell homes that do not know of them of the copies here.

        Returns
        -------
        bool
            False if some could not be told: try again.
        """
        due = self._due(view)
        if not due:
            return True
        failed = self._tell_all(view, due)
        told = np.fromiter(due - failed, np.intp)
        self._known[told] = True
        self._losses[told] = view.lost_epochs[told]
        return not failed

    def _due(self, view: View) -> set[int]:
        member, now = self._standing.member, time.monotonic()
        if member != self._member or now > self._again_s:
            # Also now and then: a delete or a registration may not have come through.
            self._known[:] = False
            self._member = member
            self._again_s = now + _AGAIN_S
        lost: NDArray[np.bool_] = view.lost_epochs != self._losses
        due = (lost | ~self._known) & (view.owners != NOBODY)
        return set(np.flatnonzero(due).tolist())

    def _tell_all(self, view: View, due: set[int]) -> set[int]:
        """Returns partitions whose homes did not hear of everything."""
        failed: set[int] = set()
        waiting: dict[tuple[int, str], list[Found]] = {}
        tier = tier_of(self._store).open()
        demoted = tier.of_partitions(due) if tier is not None else ()
        for found in chain(entries(self._store, due, _is_immutable), demoted):
            at = int(view.owners[found.partition]), found.space.name
            batch = waiting.setdefault(at, [])
            batch.append(found)
            if len(batch) == _MOST:
                failed |= self.tell(view, waiting.pop(at), self._member)
        for batch in waiting.values():
            failed |= self.tell(view, batch, self._member)
        return failed

    def tell(self, view: View, batch: list[Found], holder: int) -> set[int]:
        """Register a holder at a home; returns the partitions that it refused.

        Parameters
        ----------
        batch
            Entries of this node of one namespace and one home.
        """
        space, home = batch[0].space, int(view.owners[batch[0].partition])
        meta = {
            "to": home,
            "space": space_meta(space),
            "member": holder,
            "items": [
                (one.text, one.entry.stamp.origin, one.entry.body_nbytes, int(term))
                for one in batch
                for term in (view.terms[one.partition],)
            ],
        }
        answer = self._ask(view, home, meta)
        if answer is None or is_moved(answer):
            return {one.partition for one in batch}
        for text, edition in answer.meta["drop"]:
            self._registry.drop(space, text, edition)
            if holder != self._standing.member:
                self._have_dropped(view, holder, (space, text, edition))
        return set(answer.meta["refused"])

    def _have_dropped(
        self, view: View, holder: int, what: tuple[Namespace, str, int]
    ) -> None:
        space, text, edition = what
        member = view.member(holder)
        meta = {"to": holder, "space": space.name, "key": text, "edition": edition}
        if member is not None:
            with suppress(GridCacheError):
                self._peers.call(member.address, "drop", meta)

    def _ask(self, view: View, home: int, meta: Meta) -> Answer | None:
        if home == self._standing.member:
            return self.register_many(None, meta, ())
        member = view.member(home)
        if member is None:
            return None
        try:
            return self._peers.call(member.address, "register_many", meta)
        except GridCacheError:
            return None

    # -- as the home -------------------------------------------------------

    def register_many(
        self, _session: Session | None, meta: Meta, _buffers: Sequence[memoryview]
    ) -> Answer:
        """Note a holder of many keys.

        Answers with the keys whose copies must go, each with the present edition,
        and the partitions that are not served here under the terms meant.
        """
        space, items = local_space(self._store, meta["space"]), meta["items"]
        drop: list[tuple[str, int]] = []
        refused: set[int] = set()
        for start in range(0, len(items), _AT_ONCE):
            batch = items[start : start + _AT_ONCE]
            late, moved = self._store.transact(
                lambda txn: self._note(txn, space, meta["member"], batch)  # noqa: B023
            )
            drop += late
            refused |= moved
        return Answer({"drop": drop, "refused": list(refused)})

    def _note(
        self, txn: WriteTxn, space: Namespace, member: int, items: Iterable[Item]
    ) -> tuple[list[tuple[str, int]], set[int]]:
        late: list[tuple[str, int]] = []
        moved: set[int] = set()
        members = {one.number for one in self._standing.view().members}
        for text, edition, nbytes, term in items:
            partition = partition_of(space.name, text)
            if self._standing.term(partition) != term:
                moved.add(partition)
                continue
            key, _ = entry_key(space.id, text)
            _forget_strangers(txn, key, members)
            found = Record(edition, 0, nbytes)
            if directory.add_holder(txn, key, member, found, new=False) is None:
                known = directory.load(txn, key)
                late.append((text, known.edition if known else edition + 1))
        return late, moved


def by_home(view: View, batch: Iterable[Found]) -> list[list[Found]]:
    """Split entries by home and namespace, as messages take them."""
    groups: dict[tuple[int, str], list[Found]] = {}
    for one in batch:
        at = int(view.owners[one.partition]), one.space.name
        groups.setdefault(at, []).append(one)
    return list(groups.values())


def _forget_strangers(txn: WriteTxn, key: bytes, members: set[int]) -> None:
    """Drop holders that left the grid."""
    known = directory.load(txn, key)
    if known is None:
        return
    left = tuple(one for one in known.holders if one in members)
    if left != known.holders:
        directory.save(txn, key, replace(known, holders=left))


def _is_immutable(_partition: int, entry: Entry) -> bool:
    return bool(entry.stamp.flags & IMMUTABLE)
