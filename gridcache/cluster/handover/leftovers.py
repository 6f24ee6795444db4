"""Leftovers: what ownerships that are over have left, removed in the background.

Entries cannot be read, since their terms are never served again, and nobody asks
for the directory here. But they take room, and pinned ones would for ever. A round
takes a moment, so that other chores have their turn; a store is gone through again
when the view has taken something more.
"""

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gridcache.cluster.handover.gathering import Found, Known, entry_step, record_step
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.table.placement import PARTITIONS
from gridcache.cluster.table.view import View
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, Entry
from gridcache.store.transaction import WriteTxn

__all__ = ["Leftovers"]

_ROUND_S = 0.1
_AT_ONCE = 200
"""Records in one transaction."""
_UNKNOWN = -1
_OWN = b"\0"
"""How keys begin that the grid uses for itself; they have an end of their own."""

Terms = NDArray[np.int64]
"""shape (3, PARTITIONS): as owner, as copy, as target of a move; 0 for none."""


class Leftovers:
    """What one node may throw away."""

    def __init__(self, store: NodeStore, standing: Standing) -> None:
        self._store = store
        self._standing = standing
        self._clean: Terms = np.full((3, PARTITIONS), _UNKNOWN, np.int64)
        """What counted when the last round came to its end."""
        self._now = self._clean
        """What counted when the present round began."""
        self._steps: Iterator[None] | None = None
        """Of the present round."""

    def remove(self, view: View) -> bool:
        """Remove some; returns whether that was all.

        Nothing while partitions go away: one round for all of them.
        """
        if view.moves_from(self._standing.member):
            return True
        if self._steps is None:
            self._now = counting(view, self._standing.member)
            self._steps = self._go_through(self._taken())
        until = time.monotonic() + _ROUND_S
        for _ in self._steps:
            if time.monotonic() > until:
                return False
        self._steps, self._clean = None, self._now
        return True

    def _taken(self) -> frozenset[int]:
        """Partitions where something that counted does not any more."""
        taken = (self._clean != self._now) & (self._clean != 0)
        return frozenset(np.flatnonzero(taken.any(axis=0)).tolist())

    def _go_through(self, due: frozenset[int]) -> Iterator[None]:
        after: bytes | None = b"" if due else None
        terms = self._now
        while after is not None:
            found, after = entry_step(
                self._store,
                due,
                lambda partition, entry: self._is_over(terms, partition, entry),
                after,
            )
            self._remove(found)
            yield
        empty = {one for one in due if not terms[:, one].any()}
        after = b"" if empty else None
        while after is not None:
            known, after = record_step(self._store, empty, after)
            self._forget(known)
            yield

    def _is_over(self, terms: Terms, partition: int, entry: Entry) -> bool:
        """True if an entry counts nowhere. One from before the grid may be adopted."""
        if entry.stamp.flags & IMMUTABLE:
            return False
        term = entry.stamp.term or self._standing.base_term(partition)
        return bool(term) and term not in terms[:, partition]

    def _remove(self, found: list[Found]) -> None:
        partitions = {
            one.key: one.partition for one in found if not one.key[2:].startswith(_OWN)
        }
        view = self._standing.view()
        terms = counting(view, self._standing.member)

        def guard(_txn: WriteTxn, key: bytes, entry: Entry | None) -> bool:
            installed = view.epoch == self._standing.epoch
            return (
                entry is not None
                and installed
                and self._is_over(terms, partitions[key], entry)
            )

        keys = [(one.key, one.entry.long_key) for one in found if one.key in partitions]
        if keys:
            self._store.forget_stale(keys, guard)

    def _forget(self, known: list[Known]) -> None:
        """Remove records of the directory, in small transactions."""
        view = self._standing.view()
        terms = counting(view, self._standing.member)
        for start in range(0, len(known), _AT_ONCE):
            batch = known[start : start + _AT_ONCE]

            def work(txn: WriteTxn, batch: list[Known] = batch) -> None:
                if view.epoch == self._standing.epoch:
                    for one in batch:
                        if not terms[:, one.partition].any():
                            txn.txn.delete(one.key, db=txn.tables.holders)

            self._store.transact(work)


def counting(view: View, member: int) -> Terms:
    """The terms under which a member's entries count, or may come to count."""
    coming = np.zeros(PARTITIONS, np.int64)
    for move in view.moves_to(member):
        coming[move.partition] = move.term
    owned = np.where(view.owners == member, view.terms, 0)
    return np.stack((owned, view.copy_terms(member), coming))
