"""A small, crowded store against a dict.

A get returns the last put or a miss with a reason that can be true; what is
pinned, or in a namespace that never evicts, stays; held views never change; the
directory never exceeds its capacity; the whole store is verified at every step.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.files import allocated_nbytes
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import Hit, MissReason
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_body, read_number

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
CAPACITY = 4 << 20
QUOTA = 512 << 10
SPACES = (
    Namespace("lru"),
    Namespace("lfu", policy="lfu"),
    Namespace("quota", quota_nbytes=QUOTA),
    Namespace("none", policy="none"),
)
NEVER = MissReason.NEVER_STORED
GONE = (MissReason.EVICTED, MissReason.EXPIRED, MissReason.DELETED)
spaces = st.sampled_from([space.name for space in SPACES])
keys = st.sampled_from([f"key{number}" for number in range(12)] + ["k" * 500])
sizes = st.one_of(
    st.sampled_from([0, 1, 200, 236, 237, 300, 16 << 10, 64 << 10, 300 << 10]),
    st.integers(0, 300 << 10),
)


@dataclass
class Put:
    """What the model knows of a key."""

    number: int
    nbytes: int
    pinned: bool = False
    expired: bool = False


class StoreMachine(RuleBasedStateMachine):
    """`there` is the model; an entry that was evicted leaves it when seen."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="gridcache-test-", dir=MEMORY))
        self.capacity = CAPACITY
        self.number = 0
        self.there: dict[tuple[str, str], Put] = {}
        self.reasons: dict[tuple[str, str], set[MissReason]] = {}
        self.held: list[tuple[Hit, bytes]] = []
        self.open()

    def open(self) -> None:
        self.store = open_store(self.directory / "s", capacity_nbytes=CAPACITY)
        self.shops = {
            space.name: Shop(self.store, self.store.namespace(space))
            for space in SPACES
        }

    # -- what may be -------------------------------------------------------

    def stays(self, name: str, put: Put) -> bool:
        """True if the entry can never be evicted."""
        return put.pinned or name == "none"

    def blocked_nbytes(self, name: str) -> int:
        """Bytes of what cannot be evicted, as far as it matters to a namespace."""
        kept = [
            put.nbytes + 128
            for (space, _), put in self.there.items()
            if self.stays(space, put) and (name != "quota" or space == name)
        ]
        return sum(kept) + sum(len(body) for _, body in self.held)

    def forget(self, name: str, key: str, *reasons: MissReason) -> None:
        """The key is gone, for one of several reasons."""
        self.there.pop((name, key), None)
        self.reasons[name, key] = set(reasons)

    # -- rules -------------------------------------------------------------

    @rule(
        name=spaces,
        key=keys,
        nbytes=sizes,
        pinned=st.integers(0, 9).map(lambda dice: dice == 0),
        ttl_s=st.sampled_from([None, None, None, 1e-9, 1e6]),
        tags=st.sampled_from([(), (), ("red",), ("red", "blue")]),
    )
    def puts(
        self,
        name: str,
        key: str,
        nbytes: int,
        pinned: bool,
        ttl_s: float | None,
        tags: tuple[str, ...],
    ) -> None:
        self.number += 1
        order = {"pinned": pinned, "ttl_s": ttl_s, "tags": tags}
        try:
            self.shops[name].put(key, self.number, nbytes, **order)
        except OutOfSpaceError:
            assert self.blocked_nbytes(name), "nothing stood in the way"
            return
        except ValueTooLargeError:
            assert nbytes > min(QUOTA, self.capacity // 3)
            return
        put = Put(self.number, nbytes, pinned, ttl_s == 1e-9)
        self.there[name, key] = put

    @rule(name=st.sampled_from(["lru", "lfu", "quota"]), nbytes=sizes)
    def puts_many(self, name: str, nbytes: int) -> None:
        for turn in range(20):
            try:
                self.number += 1
                self.shops[name].put(f"many{turn}", self.number, nbytes)
            except OutOfSpaceError:
                assert self.blocked_nbytes(name), "nothing stood in the way"
            else:
                self.there[name, f"many{turn}"] = Put(self.number, nbytes)

    @rule(name=spaces, key=keys, view=st.booleans())
    def gets(self, name: str, key: str, view: bool) -> None:
        found = self.shops[name].look_up(key, view=view)
        put = self.there.get((name, key))
        if isinstance(found, Hit):
            assert put is not None, "a hit of what is not there"
            assert not put.expired
            assert read_number(found) == put.number
            return
        if put is None:
            assert found.reason in self.reasons.get((name, key), {NEVER}) | {NEVER}
            return
        if put.expired:
            assert found.reason in {MissReason.EXPIRED, MissReason.EVICTED}
        else:
            assert not self.stays(name, put), "what must stay is gone"
            assert found.reason is MissReason.EVICTED
        self.forget(name, key, found.reason)

    @rule(name=spaces, key=keys)
    def holds(self, name: str, key: str) -> None:
        found = self.shops[name].look_up(key)
        if isinstance(found, Hit):
            self.held.append((found, read_body(found)))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lets_go(self, data: st.DataObject) -> None:
        del self.held[data.draw(st.integers(0, len(self.held) - 1))]

    @rule(name=spaces, key=keys)
    def deletes(self, name: str, key: str) -> None:
        put = self.there.get((name, key))
        done = self.shops[name].delete(key)
        if done:
            assert put is not None
            assert not put.expired
        elif put is not None:
            assert put.expired or not self.stays(name, put)
        if put is not None:
            self.forget(name, key, *([MissReason.DELETED] if done else GONE))

    @rule(name=spaces)
    def clears(self, name: str) -> None:
        self.store.clear(self.shops[name].space)
        assert self.shops[name].keys() == []
        for space, key in [*self.there]:
            if space == name:
                self.forget(space, key, *GONE)

    @rule(name=spaces, key=keys, pinned=st.booleans())
    def pins(self, name: str, key: str, pinned: bool) -> None:
        changed = self.store.change(self.shops[name].space, key, pinned=pinned)
        put = self.there.get((name, key))
        if changed:
            assert put is not None
            put.pinned = pinned
        else:
            assert put is None or put.expired or not self.stays(name, put)

    @rule()
    def tidies(self) -> None:
        self.store.tidy()

    @rule(capacity=st.sampled_from([CAPACITY, CAPACITY + (1 << 20), 8 << 20]))
    def resizes(self, capacity: int) -> None:
        try:
            self.store.resize(capacity)
        except OutOfSpaceError:
            assert capacity < self.capacity
            assert any(self.blocked_nbytes(space.name) for space in SPACES)
        else:
            self.capacity = capacity

    @precondition(lambda self: not self.held)
    @rule()
    def reopens(self) -> None:
        close_store(self.store)
        self.open()

    # -- always ------------------------------------------------------------

    @invariant()
    def the_store_is_sound(self) -> None:
        report = self.store.check()
        assert report.ok, report.problems

    @invariant()
    def the_directory_keeps_within_the_capacity(self) -> None:
        assert allocated_nbytes(self.directory) <= self.capacity

    @invariant()
    def held_views_are_as_they_were(self) -> None:
        for hit, body in self.held:
            assert hit.body == body

    @invariant()
    def the_quota_is_kept(self) -> None:
        assert self.store.stats().namespace("quota").stored_nbytes <= QUOTA

    @invariant()
    def what_must_stay_is_there(self) -> None:
        for (name, key), put in self.there.items():
            if self.stays(name, put) and not put.expired:
                assert self.shops[name].number(key) == put.number

    def teardown(self) -> None:
        try:
            self.everything_can_be_given_back()
        finally:
            self.held.clear()
            close_store(self.store)
            shutil.rmtree(self.directory)

    def everything_can_be_given_back(self) -> None:
        self.held.clear()
        for shop in self.shops.values():
            self.store.clear(shop.space)
        self.store.tidy()
        stats = self.store.stats()
        assert stats.retired_nbytes == 0
        whole = self.capacity - self.store.stats().directory_nbytes
        whole += stats.arena_nbytes - (128 << 10)  # for files that may grow
        self.shops["lru"].put("whole", 1, whole)
        assert self.shops["lru"].number("whole") == 1


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=40)
