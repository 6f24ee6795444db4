"""A cache against a dict: whatever is done, in any order, through two handles.

In a store with room a cache holds what the dict holds. In one that is full a get is
what the dict holds, or a miss with a reason: never another value.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gridcache import GridCache
from gridcache.store.outcome import MissReason

KEYS = st.sampled_from(["a", "b", "!c", "k" * 600, b"a", 1, ("a", 1), ""])
TAGS = st.sets(st.sampled_from(["x", "y"]), max_size=2)
HANDLES = st.sampled_from([0, 1])
SMALL = (
    st.none()
    | st.integers()
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.lists(st.integers() | st.text(max_size=5), max_size=5)
    | st.tuples(st.integers(), st.dictionaries(st.text(max_size=3), st.none()))
)
SIZES = st.sampled_from([0, 10, 3_000, 20_000, 90_000])


class Array:
    """An array told by two numbers, which Hypothesis can shrink."""

    def __init__(self, seed: int, size: int) -> None:
        self.value = (np.arange(size, dtype=np.uint64) + np.uint64(seed)) * np.uint64(
            0x9E3779B97F4A7C15
        )


VALUES = SMALL | st.builds(Array, st.integers(0, 9), SIZES)


def same(one: Any, other: Any) -> bool:
    if isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and bool(np.array_equal(one, other))
    return type(one) is type(other) and bool(one == other)


class CacheMachine(RuleBasedStateMachine):
    """Two handles on one namespace, a dict beside them."""

    capacity = "32MiB"
    lossy = False

    def __init__(self) -> None:
        super().__init__()
        self.parent = tempfile.mkdtemp(
            dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        )
        self.path = Path(self.parent, "store")
        self.model: dict[Any, tuple[Any, set[str]]] = {}
        self.views: list[tuple[Any, Any]] = []

    @initialize(compression=st.sampled_from(["auto", "lz4", None]))
    def open(self, compression: str | None) -> None:
        first = GridCache(
            "m", path=self.path, capacity=self.capacity, compression=compression
        )
        self.handles = [first, GridCache("m", path=self.path)]
        self.bystander = GridCache("other", path=self.path)
        self.bystander.put("kept", list(range(100)), pin=True)

    @rule(n=HANDLES, key=KEYS, value=VALUES, tags=TAGS, long=st.booleans())
    def put(self, n: int, key: Any, value: Any, tags: set[str], long: bool) -> None:
        value = value.value if isinstance(value, Array) else value
        self.handles[n].put(key, value, tags=tags, ttl="1h" if long else None)
        self.model[key] = (value, tags)

    @rule(n=HANDLES, key=KEYS, copy=st.booleans())
    def get(self, n: int, key: Any, copy: bool) -> None:
        missing = object()
        found = self.handles[n].get(key, missing, copy=copy)
        if found is missing:
            assert key not in self.model or self.lossy
            self.model.pop(key, None)
            assert self.handles[n].explain(key).reason in set(MissReason)
            return
        value, _ = self.model[key]
        assert same(found, value)
        self.views.append((found, value))
        del self.views[:-4]

    @rule(n=HANDLES, key=KEYS)
    def delete(self, n: int, key: Any) -> None:
        count = self.handles[n].delete_many([key])
        assert count == (key in self.model) or (self.lossy and count == 0)
        self.model.pop(key, None)

    @rule(n=HANDLES, key=KEYS, value=SMALL)
    def compute(self, n: int, key: Any, value: Any) -> None:
        computed: list[Any] = []

        def compute() -> Any:
            computed.append(value)
            return value

        found = self.handles[n].get_or_compute(key, compute)
        if computed:
            assert key not in self.model or self.lossy
            self.model[key] = (value, set())
        assert same(found, self.model[key][0])

    @rule(n=HANDLES, tag=st.sampled_from([None, "x", "y"]))
    def clear(self, n: int, tag: str | None) -> None:
        gone = [k for k, (_, tags) in self.model.items() if tag is None or tag in tags]
        count = self.handles[n].clear(tag)
        assert count == len(gone) or (self.lossy and count <= len(gone))
        for key in gone:
            del self.model[key]

    @precondition(lambda self: self.model)
    @rule(n=HANDLES, data=st.data(), pin=st.booleans())
    def pin(self, n: int, data: st.DataObject, pin: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.model, key=repr)))
        cache = self.handles[n]
        if key in cache:
            (cache.pin if pin else cache.unpin)(key)
            info = cache.info(key)
            assert info is not None
            assert info.pinned == pin
            cache.unpin(key)
            cache.touch(key)

    @rule(n=HANDLES)
    def reopen(self, n: int) -> None:
        self.handles[n].close()
        self.handles[n] = GridCache("m", path=self.path)

    @rule()
    def tidy(self) -> None:
        self.bystander._values.store.tidy()

    @invariant()
    def views_keep_their_bytes(self) -> None:
        for view, value in self.views:
            assert same(view, value)

    @invariant()
    def the_listing_is_the_dict(self) -> None:
        if not hasattr(self, "handles"):
            return
        listed = list(self.handles[0])
        assert len(set(listed)) == len(listed) == len(self.handles[1])
        if self.lossy:
            assert set(listed) <= set(self.model)
        else:
            assert set(listed) == set(self.model)
        assert self.bystander["kept"] == list(range(100))

    def teardown(self) -> None:
        if hasattr(self, "handles"):
            self.views.clear()
            report = self.bystander.check()
            for cache in (*self.handles, self.bystander):
                cache.close()
            assert report.ok, report.problems
        shutil.rmtree(self.parent, ignore_errors=True)


class FullCacheMachine(CacheMachine):
    """The same in a store that has no room for it all."""

    capacity = "4MiB"
    lossy = True


TestWithRoom = CacheMachine.TestCase
TestWithRoom.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestWithoutRoom = FullCacheMachine.TestCase
TestWithoutRoom.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None
)
