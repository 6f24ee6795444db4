"""The allocator against a model, in transactions of a real index.

Ranges never overlap and tile the arena below its top; at the end everything is
free, as one range.
"""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gridcache.store.allocator import (
    allocate,
    free,
    free_ranges,
    largest_free,
    last_free,
    take,
)
from gridcache.store.index import Index
from gridcache.store.state import State
from gridcache.store.transaction import WriteTxn

T = TypeVar("T")
UNIT = 64
ARENA = 100 * UNIT
sizes = st.integers(1, 40).map(lambda units: units * UNIT)


class _AbortError(Exception):
    """Ends a transaction without a commit."""


class AllocatorMachine(RuleBasedStateMachine):
    """`used` is the model: what the allocator gave and has not got back."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="gridcache-test-"))
        self.index = Index(
            self.directory,
            on_disk=False,
            stall_timeout_s=2.0,
            writer_pid=int,
            set_writer_pid=lambda _: None,
        )
        state = State(1 << 20)
        state.arena_nbytes = ARENA
        self.index.create(1 << 20, state)
        self.used: dict[int, int] = {}

    def do(self, work: Callable[[WriteTxn], T]) -> T:
        return self.index.transact(work)

    def give_back(self, offset: int, nbytes: int) -> None:
        self.do(lambda txn: free(txn, offset, nbytes))

    def free_now(self) -> list[tuple[int, int]]:
        return self.index.snapshot(lambda txn: list(free_ranges(txn)))

    def state(self) -> State:
        return self.index.snapshot(lambda txn: txn.state)

    @rule(nbytes=sizes)
    def allocates_the_best_fit(self, nbytes: int) -> None:
        fitting = [size for _, size in self.free_now() if size >= nbytes]
        before = self.state()
        offset = self.do(lambda txn: allocate(txn, nbytes))
        if fitting:
            assert offset is not None
            assert offset < before.top
            whole = [size for at, size in self.before if at == offset]
            assert whole == [min(fitting)]
        elif before.top + nbytes <= before.arena_nbytes:
            assert offset == before.top
        else:
            assert offset is None
        if offset is not None:
            self.used[offset] = nbytes

    @rule(nbytes=sizes, also=sizes)
    def an_abort_changes_nothing(self, nbytes: int, also: int) -> None:
        before = self.free_now(), self.state().pack()

        def work(txn: WriteTxn) -> None:
            allocate(txn, nbytes)
            for offset, size in [*self.used.items()][:2]:
                free(txn, offset, size)
            allocate(txn, also)
            raise _AbortError

        with suppress(_AbortError):
            self.do(work)
        assert (self.free_now(), self.state().pack()) == before

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def frees(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.used)))
        self.give_back(offset, self.used.pop(offset))

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def frees_a_part(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.used)))
        nbytes = self.used[offset]
        kept = data.draw(st.integers(1, nbytes // UNIT)) * UNIT
        if kept < nbytes:
            self.used[offset] = kept
            self.do(lambda txn: free(txn, offset + kept, nbytes - kept))

    @precondition(lambda self: self.before)
    @rule(data=st.data())
    def takes_a_whole_free_range(self, data: st.DataObject) -> None:
        offset, nbytes = data.draw(st.sampled_from(self.before))
        self.do(lambda txn: take(txn, offset, nbytes))
        self.used[offset] = nbytes

    @rule(nbytes=st.integers(0, 20).map(lambda units: units * UNIT))
    def the_arena_grows(self, nbytes: int) -> None:
        def grow(txn: WriteTxn) -> None:
            txn.state.arena_nbytes = min(txn.state.arena_nbytes + nbytes, 4 * ARENA)

        self.do(grow)

    @invariant()
    def ranges_tile_the_arena(self) -> None:
        self.before = self.free_now()
        state = self.state()
        end, last_kind = 0, "used"
        pieces = [(*item, "used") for item in self.used.items()]
        pieces += [(*item, "free") for item in self.before]
        for offset, nbytes, kind in sorted(pieces):
            assert offset == end, "a hole or an overlap"
            assert (kind, last_kind) != ("free", "free"), "neighbours not merged"
            end, last_kind = offset + nbytes, kind
        assert end == state.top <= state.arena_nbytes
        assert sum(self.used.values()) + state.free_nbytes == state.top

    @invariant()
    def the_two_tables_agree(self) -> None:
        largest = max((size for _, size in self.before), default=0)
        assert self.index.snapshot(largest_free) == largest
        last = self.before[-1] if self.before else None
        assert self.index.snapshot(last_free) == last

    def teardown(self) -> None:
        for offset, nbytes in self.used.items():
            self.give_back(offset, nbytes)
        top = self.state().top
        if top:
            assert self.free_now() == [(0, top)]
            assert self.do(lambda txn: allocate(txn, top)) == 0
        self.index.close()
        shutil.rmtree(self.directory)


TestAllocator = AllocatorMachine.TestCase
TestAllocator.settings = settings(max_examples=80, stateful_step_count=40)
