"""Blocks of a crowded store against bytearrays, beside a cache that evicts.

Every byte of every block is what was written or zero, whatever the cache does;
freed ones are gone; views of freed ones keep their bytes; the directory never
exceeds its capacity; the whole store is verified at every step.
"""

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gridcache.errors import BlockNotFoundError, BlockRangeError, OutOfSpaceError
from gridcache.store.files import allocated_nbytes
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.shop import Shop

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
CAPACITY = 4 << 20
sizes = st.one_of(
    st.sampled_from([1, 64, 65, 4096, 64 << 10, (64 << 10) + 1, 900_000]),
    st.integers(1, 500_000),
)


class BlockMachine(RuleBasedStateMachine):
    """`model` has the bytes of every block that lives."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="gridcache-test-", dir=MEMORY))
        self.model: dict[int, bytearray] = {}
        self.pools: dict[int, str] = {}
        self.held: list[tuple[int, memoryview]] = []
        self.ghosts: list[tuple[memoryview, bytes]] = []
        """Views of freed blocks, and what they must show."""
        self.put = 0
        self.open()

    def open(self) -> None:
        self.store = open_store(self.directory / "s", capacity_nbytes=CAPACITY)
        self.blocks = self.store.blocks
        self.shop = Shop(self.store, self.store.namespace(Namespace("cache")))

    def taken_nbytes(self) -> int:
        ghosts = sum(len(view) for view, _ in self.ghosts)
        return ghosts + sum(len(data) + 64 for data in self.model.values())

    def draw(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.model)))

    # -- rules -------------------------------------------------------------

    @rule(nbytes=sizes, pool=st.sampled_from(["", "one", "two"]))
    def allocates(self, nbytes: int, pool: str) -> None:
        number = self.blocks.new_numbers()
        try:
            self.blocks.allocate(number, nbytes, pool)
        except OutOfSpaceError:
            # Blocks cut the arena into holes, and none may be long enough.
            assert nbytes + 2 * self.taken_nbytes() > CAPACITY // 2
            return
        self.model[number], self.pools[number] = bytearray(nbytes), pool

    @precondition(lambda self: self.model)
    @rule(data=st.data(), value=st.integers(1, 255))
    def writes(self, data: st.DataObject, value: int) -> None:
        number = self.draw(data)
        size = len(self.model[number])
        offset = data.draw(st.integers(0, size))
        nbytes = data.draw(st.integers(0, size - offset))
        piece = bytes([value]) * nbytes
        assert self.blocks.write(number, piece, offset) == nbytes
        self.model[number][offset : offset + nbytes] = piece

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def reads(self, data: st.DataObject) -> None:
        number = self.draw(data)
        size = len(self.model[number])
        offset = data.draw(st.integers(0, size))
        nbytes = data.draw(st.integers(0, size - offset))
        found = self.blocks.read(number, nbytes, offset)
        assert found == self.model[number][offset : offset + nbytes]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), over=st.integers(1, 1000))
    def writes_too_far(self, data: st.DataObject, over: int) -> None:
        number = self.draw(data)
        size = len(self.model[number])
        offset = data.draw(st.integers(0, size))
        with pytest.raises(BlockRangeError):
            self.blocks.write(number, b"!" * (size - offset + over), offset)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), value=st.integers(1, 255))
    def maps_and_writes(self, data: st.DataObject, value: int) -> None:
        number = self.draw(data)
        # Before the view: Hypothesis may end the run in a draw, whose frame lives on.
        at = data.draw(st.integers(0, len(self.model[number]) - 1))
        view = self.blocks.map(number)
        view[at] = self.model[number][at] = value
        self.held.append((number, view))

    @precondition(lambda self: self.held or self.ghosts)
    @rule()
    def lets_go_of_views(self) -> None:
        self.held.clear()
        self.ghosts.clear()

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def frees(self, data: st.DataObject) -> None:
        number = self.draw(data)
        self.blocks.free(number)
        self.forget(number)
        with pytest.raises(BlockNotFoundError):
            self.blocks.read(number)

    def forget(self, number: int) -> None:
        was = bytes(self.model.pop(number))
        self.ghosts += [(view, was) for n, view in self.held if n == number]
        self.held = [(n, view) for n, view in self.held if n != number]

    @rule(pool=st.sampled_from(["one", "two"]))
    def loses_a_pool(self, pool: str) -> None:
        mine = [n for n in self.model if self.pools[n] == pool]
        assert self.blocks.reap_pool(pool) == len(mine)
        for number in mine:
            self.forget(number)

    @rule(nbytes=st.sampled_from([100, 5000, 60_000, 300_000]))
    def caches_many(self, nbytes: int) -> None:
        for turn in range(30):
            self.put += 1
            try:
                self.shop.put(f"{nbytes}/{turn}", self.put, nbytes)
            except OutOfSpaceError:
                assert nbytes + 2 * self.taken_nbytes() > CAPACITY // 2
                return
            assert self.shop.number(f"{nbytes}/{turn}") == self.put

    @rule()
    def tidies(self) -> None:
        self.store.tidy()

    @rule()
    def reopens(self) -> None:
        if not self.held and not self.ghosts:
            close_store(self.store)
            self.open()

    # -- always ------------------------------------------------------------

    @invariant()
    def the_store_is_sound(self) -> None:
        report = self.store.check()
        assert report.ok, report.problems

    @invariant()
    def the_directory_keeps_within_the_capacity(self) -> None:
        assert allocated_nbytes(self.directory) <= CAPACITY

    @invariant()
    def every_block_is_listed_with_its_bytes(self) -> None:
        listed = {one.number: (one.nbytes, one.pool) for one in self.blocks.list()}
        assert listed == {n: (len(d), self.pools[n]) for n, d in self.model.items()}
        for number, data in self.model.items():
            assert self.blocks.read(number) == data

    @invariant()
    def views_show_their_block(self) -> None:
        for number, view in self.held:
            assert view == self.model[number]
        for view, was in self.ghosts:
            assert view == was

    def teardown(self) -> None:
        try:
            self.everything_can_be_given_back()
        finally:
            close_store(self.store)
            shutil.rmtree(self.directory)

    def everything_can_be_given_back(self) -> None:
        self.held.clear()
        self.ghosts.clear()
        self.blocks.free_many(list(self.model))
        stats = self.store.stats()
        assert (stats.blocks, stats.blocks_nbytes) == (0, 0)
        room = self.blocks.sizes().room_nbytes
        self.blocks.allocate(self.blocks.new_numbers(), room)


TestBlocks = BlockMachine.TestCase
TestBlocks.settings = settings(max_examples=25, stateful_step_count=30)
