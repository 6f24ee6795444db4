"""Transaction: the tables of a store, and one transaction on them.

Covers what a transaction sees and carries. Beginning and ending one, and the
environment itself, are `index`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import lmdb

from gridcache.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STATE_KEY", "Known", "Tables", "WriteTxn", "open_table"]

STATE_KEY = b"state"


@dataclass(slots=True)
class Tables:
    """Handles of the tables; `integer` tables have native 8-byte keys."""

    entries: Any
    """namespace:2 key -> record."""
    slots: Any
    """slot:4 -> entry key."""
    free_slots: Any
    """slot:4 -> nothing."""
    extents: Any
    """offset:8 -> units:4 slot:4, live ones."""
    free_by_offset: Any
    """offset:8 -> nbytes:8."""
    free_by_size: Any
    """nbytes:8be offset:8be -> nothing."""
    reserved: Any
    """row:4be offset:8be -> nbytes:8."""
    retired: Any
    """offset:8 -> nbytes:8, unlinked and perhaps leased."""
    namespaces: Any
    """name -> settings."""
    accounts: Any
    """namespace:2 -> sizes."""
    counters: Any
    """namespace:2 -> statistics."""
    expiries: Any
    """instant:8be entry key -> nothing."""
    tags: Any
    """namespace:2 tag -> entry keys (sorted duplicates)."""
    flights: Any
    """entry key -> leader."""
    blocks: Any
    """number:8 -> block."""
    block_pools: Any
    """number:4 -> whose blocks go with it."""
    freed_blocks: Any
    """number:8 -> instant:8, the last ones."""
    block_moves: Any
    """number:8 -> the other node, while a block is on its way."""
    ops: Any
    """token:8 -> monotonic seconds; writes of a grid that were carried out."""
    holders: Any
    """entry key -> nodes that hold copies of an immutable entry."""
    meta: Any


_INTEGER = {
    "extents",
    "free_by_offset",
    "retired",
    "blocks",
    "freed_blocks",
    "block_moves",
}
_SMALL_INTEGER = {"slots", "free_slots", "block_pools"}


class WriteTxn:
    """One transaction: LMDB's, the tables, the state, and what follows a commit."""

    __slots__ = (
        "accounts",
        "after",
        "get",
        "packed",
        "put",
        "state",
        "tables",
        "txn",
    )

    def __init__(
        self, txn: lmdb.Transaction, tables: Tables, known: "Known | None" = None
    ) -> None:
        # Typed loosely: without `buffers` LMDB answers bytes, its stubs say either.
        self.txn: Any = txn
        self.get: Any = txn.get
        self.put: Any = txn.put
        self.tables = tables
        self.after: list[Callable[[], object]] = []
        """Run after the commit, still behind the gate: updates that must not
        happen if the transaction does not."""
        self.accounts: dict[int, Any] = {}
        """Of namespaces, as loaded or changed in this transaction."""
        if known is not None:
            self.packed, self.state = known.packed, known.state
            self.accounts = known.accounts
            return
        self.packed = self.get(STATE_KEY, db=tables.meta)
        self.state = State.unpack(self.packed) if self.packed else State(0)


class Known(NamedTuple):
    """What this process's last commit left, to spare reading it again."""

    number: int
    """Of the transaction: right only if the next one has the next number."""
    packed: Any
    state: State
    accounts: dict[int, Any]


def open_table(env: lmdb.Environment, name: str) -> Any:
    """The handle of a table; makes it if it is new."""
    integer = name in _INTEGER or name in _SMALL_INTEGER
    return env.open_db(name.encode(), integerkey=integer, dupsort=name == "tags")
