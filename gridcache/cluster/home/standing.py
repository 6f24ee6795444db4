"""Standing: what a node may serve, in a file that every process of the node maps.

The node's actor writes it, all clients of the node read it without a call: the
lease's deadline, the epoch and member number, and per partition the term under
which the node owns it or keeps a copy of it.

Three orders are what the grid's promise hangs on (`docs/explain/grid-protocol.md`):

- Terms change inside write transactions of the store alone. So a writer that looks
  inside its own transaction cannot commit under a term that is gone.
- Who has read looks at the deadline first and at the term last. The other way
  round, a node that rejoins in between would let an old value through.
- A new member number is written with all terms in one transaction, and a lease only
  after it.
"""

import mmap
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.home.naming import read_facts, write_private
from gridcache.cluster.table.placement import PARTITIONS
from gridcache.cluster.table.view import View
from gridcache.errors import NoAvailableNodesError, StoreFormatError
from gridcache.store.files import close_file, open_private, reserve_file
from gridcache.store.node_store import NodeStore
from gridcache.store.transaction import WriteTxn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Standing", "boot_ns", "is_installed"]

_FILE, _VIEW, _KEY = "grid", "view", "grid.key"
_MAGIC = 0x31444E4754534347
_HEAD = 16
_DEADLINE, _EPOCH, _MEMBER, _INCARNATION, _LEFT, _ADOPTED = 1, 2, 3, 4, 5, 6
_TERMS, _COPIES, _FROZEN, _BASE, _REPLICATED = range(5)
_WORDS = _HEAD + 5 * PARTITIONS
_now_ns = time.clock_gettime_ns
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_ns() -> int:
    """Nanoseconds of the clock that goes on while the machine sleeps."""
    return time.clock_gettime_ns(_CLOCK)


def is_installed(directory: Path) -> bool:
    """True if the node of a store has taken over a view."""
    try:
        standing = Standing(directory)
    except (OSError, StoreFormatError):
        return False
    installed = standing.epoch > 0
    standing.close()
    return installed


def _at(table: int, partition: int = 0) -> int:
    return _HEAD + table * PARTITIONS + partition


class Standing:
    """One process's mapping of a node's standing.

    Parameters
    ----------
    directory
        Of the node's store.

    Raises
    ------
    FileNotFoundError
        The store belongs to no grid.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._fd: Any = os.open(directory / _FILE, os.O_RDWR | os.O_CLOEXEC)
        if os.fstat(self._fd).st_size < _WORDS * 8:
            os.close(self._fd)
            message = f"{directory / _FILE} is cut short; restart the node's actor"
            raise StoreFormatError(message, path=str(directory))
        self._mapping = mmap.mmap(self._fd, _WORDS * 8)
        self.words: Any = memoryview(self._mapping).cast("q")
        self._table = np.frombuffer(self._mapping, np.int64)
        self._view: tuple[tuple[int, int], View | None] = ((0, 0), None)

    @classmethod
    def create(
        cls,
        store: NodeStore,
        incarnation: int = 0,
        finish: "Callable[[NodeStore, Standing], object] | None" = None,
    ) -> "Standing":
        """Map the standing of a store; make one without any right if there is none.

        What another incarnation of the grid wrote is forgotten: numbers and epochs
        begin anew with each. If the node had left that one in order, but had not made
        its entries plain, `finish` is called before.
        """
        path = store.directory / _FILE
        fd = open_private(path)
        try:
            reserve_file(fd, _WORDS * 8, path)
        finally:
            os.close(fd)
        standing = cls(store.directory)
        standing.words[0] = _MAGIC
        if standing.words[_INCARNATION] != incarnation:
            if standing.has_left and finish is not None:
                finish(store, standing)
            standing.forget(store, incarnation)
        return standing

    def forget(self, store: NodeStore, incarnation: int = 0) -> None:
        """Give up every right, and begin with another incarnation of the grid."""

        def work(_txn: WriteTxn) -> None:
            self._table[_EPOCH:] = 0
            self.words[_INCARNATION] = incarnation

        self.renew(0)
        store.transact(work)

    def leave(self) -> None:
        """Serve no more; what this node was home of stays known until `forget`."""
        self.words[_LEFT] = 1
        self.renew(0)

    @property
    def has_left(self) -> bool:
        """True if this node left in order, and its entries are not plain again yet."""
        return bool(self.words[_LEFT])

    @property
    def has_adopted(self) -> bool:
        """True once what the store had before the grid was brought to its homes."""
        return bool(self.words[_ADOPTED])

    def note_adopted(self) -> None:
        """Do not look again for what the store had before the grid."""
        self.words[_ADOPTED] = 1

    # -- reading -----------------------------------------------------------

    @property
    def deadline_ns(self) -> int:
        """Until when this node's lease runs, by `boot_ns`."""
        return int(self.words[_DEADLINE])

    @property
    def epoch(self) -> int:
        """Of the view that is installed."""
        return int(self.words[_EPOCH])

    @property
    def member(self) -> int:
        """The number of this node in the grid; 0 before it joined."""
        return int(self.words[_MEMBER])

    def term(self, partition: int) -> int:
        """The term under which this node owns a partition; 0 if it does not."""
        return int(self.words[_HEAD + partition])

    def copy_term(self, partition: int) -> int:
        """The term under which this node keeps copies of a partition; 0 for none."""
        return int(self.words[_at(_COPIES, partition)])

    def base_term(self, partition: int) -> int:
        """The term that entries count for which were there before the grid."""
        return int(self.words[_at(_BASE, partition)])

    def has_lease(self) -> bool:
        """True while this node may serve mutable entries."""
        return bool(time.clock_gettime_ns(_CLOCK) < self.words[_DEADLINE])

    def serves(self, partition: int, term: int) -> bool:
        """True if what was read under a term counted at this moment.

        Ask after the bytes were copied.
        """
        words = self.words  # every local hit comes by here
        if _now_ns(_CLOCK) >= words[_DEADLINE]:
            return False
        wanted: int = term or words[_at(_BASE, partition)]
        return wanted != 0 and bool(words[_HEAD + partition] == wanted)

    def hands_over(self, partition: int, term: int) -> bool:
        """True for an entry that counts here until its partition has moved."""
        if not self.is_frozen(partition):
            return False
        return bool(self.view().terms[partition] == (term or self.base_term(partition)))

    def owned_term(self, partition: int, believed: int = 0) -> int:
        """The term of a partition that is owned here, within the lease.

        Parameters
        ----------
        believed
            What the caller takes it for; 0 for any.

        Raises
        ------
        MovedError
            It is not owned here now, or under another term.
        """
        current = self.term(partition)
        if not current or believed not in {0, current} or not self.has_lease():
            raise MovedError
        return current

    def still(self, partition: int, term: int) -> None:
        """Refuse, inside a transaction, what is owned here no more.

        Raises `MovedError`, which undoes the transaction.
        """
        if self.term(partition) != term or not self.has_lease():
            raise MovedError

    def is_replicated(self, partition: int) -> bool:
        """True if a copy of some key may exist that its owner does not have."""
        return bool(self.words[_at(_REPLICATED, partition)])

    def note_replicated(self, partition: int) -> None:
        """Remember that a replicated entry was stored; inside its transaction."""
        self.words[_at(_REPLICATED, partition)] = 1

    def view(self) -> View:
        """The installed view, or a newer one that is being installed.

        Raises
        ------
        NoAvailableNodesError
            This node has left its grid.
        """
        now = self.words[_INCARNATION], self.words[_EPOCH]
        seen, view = self._view
        if view is None or seen[0] != now[0] or view.epoch < now[1]:
            view = View.unpack(self._packed())
            self._view = now, view
        return view

    def _packed(self) -> bytes:
        try:
            return (self.directory / _VIEW).read_bytes()
        except FileNotFoundError:
            message = (
                f"{self.directory} belongs to no grid any more: this node was drained, "
                f"or its grid taken down; open the cache again"
            )
            raise NoAvailableNodesError(message) from None

    @property
    def key(self) -> bytes:
        """What the nodes of this grid prove themselves with."""
        return (self.directory / _KEY).read_bytes()

    @property
    def node(self) -> str:
        """The name of this node."""
        facts = read_facts(self.directory)
        return facts.node if facts is not None else ""

    # -- for the actor -----------------------------------------------------

    def renew(self, deadline_ns: int) -> None:
        """Extend the lease; never before the terms of its member are installed."""
        self.words[_DEADLINE] = deadline_ns

    def install(self, store: NodeStore, view: View, member: int) -> bool:
        """Take over a newer view; False if what is installed is as new.

        A new member number ends the lease first.
        """
        if member != self.member:
            self.words[_DEADLINE] = 0
        elif view.epoch < self.epoch:
            return False
        write_private(self.directory / _VIEW, view.pack())

        def work(_txn: WriteTxn) -> bool:
            if member == self.member and view.epoch < self.epoch:
                return False
            self._take_over(view, member)
            return True

        return store.transact(work)

    def _take_over(self, view: View, member: int) -> None:
        owned = view.owners == member
        terms = np.where(owned, view.terms, 0)
        if member != self.member:
            self._begin_anew(terms, founding=self.member == 0 and bool(owned.all()))
        frozen, going = self._array(_FROZEN), np.zeros(PARTITIONS, np.int64)
        for move in view.moves_from(member):
            going[move.partition] = move.term
        frozen[(frozen != going) | ~owned] = 0
        self._array(_TERMS)[:] = np.where(frozen != 0, 0, terms)
        self._array(_COPIES)[:] = view.copy_terms(member)
        self.words[_MEMBER] = member
        self.words[_EPOCH] = view.epoch

    def _begin_anew(self, terms: NDArray[np.int64], *, founding: bool) -> None:
        """Forget everything of an earlier membership. Adopt what a first node had."""
        self._table[_HEAD:] = 0
        if self.member:
            # What counted here before may have been replaced elsewhere since.
            self.note_adopted()
        if founding:
            self._array(_BASE)[:] = terms

    def freeze(
        self, store: NodeStore, moves: dict[int, int], target: int
    ) -> dict[int, int]:
        """Stop serving partitions (to the terms of their moves); returns those frozen.

        Only moves that the installed view has are carried out. Idempotent.
        """

        def work(_txn: WriteTxn) -> dict[int, int]:
            view, member = self.view(), self.member
            allowed = {
                move.partition: move.term
                for move in view.moves_from(member)
                if move.target == target and view.epoch == self.epoch
            }
            done = {p: t for p, t in moves.items() if allowed.get(p) == t}
            for partition, term in done.items():
                self.words[_at(_FROZEN, partition)] = term
                self.words[_HEAD + partition] = 0
            return done

        return store.transact(work)

    def is_frozen(self, partition: int) -> bool:
        """True while a partition of this node is on its way to another one."""
        return bool(self.words[_at(_FROZEN, partition)])

    def _array(self, table: int) -> NDArray[np.int64]:
        return self._table[_at(table) : _at(table + 1)]

    def close(self) -> None:
        """Let the file go."""
        self._fd = close_file(self._fd)
