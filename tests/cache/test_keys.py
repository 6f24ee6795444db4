"""What may stand in the brackets, and how it comes back."""

from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridcache import GridCache, KeyNotFoundError, NotKeyableError


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: int


KINDS = {
    "text": "user:42",
    "no text": "",
    "a mark": "!",
    "looks like an int key": "!42",
    "looks like a marked text": "!!bang",
    "NUL": "a\0b",
    "all of unicode": "naïve-日本-\U0001f600",
    "a lone surrogate": "\ud800",
    "long": "k" * 5000,
    "bytes": b"\x00\xff",
    "an int": 42,
    "a negative int": -1,
    "a large int": 1 << 5000,
    "a tuple": ("user", 42, b"x", ("nested",)),
    "an empty tuple": (),
}


@pytest.mark.parametrize("key", KINDS.values(), ids=KINDS)
def test_keys_of_all_kinds(cache: GridCache, key: Any) -> None:
    with pytest.raises(KeyNotFoundError):
        cache[key]
    cache[key] = "value"
    assert key in cache
    assert cache[key] == cache.get(key) == "value"
    assert list(cache) == [key]
    assert cache.get_many([key]) == {key: "value"}
    cache.pin(key)
    cache.unpin(key)
    cache.touch(key, ttl=60)
    assert cache.info(key) is not None
    assert cache.explain(key).present
    assert cache.pop(key) == "value"
    assert key not in cache
    cache.put(key, 1)
    assert cache.delete_many([key]) == 1
    assert cache.get_or_compute(key, lambda: 2) == 2
    del cache[key]
    assert len(cache) == 0


def test_no_two_of_them_are_one(memory: GridCache) -> None:
    keys: list[Any] = [*KINDS.values(), "42", b"42", ("42",), (42,), "(42,)", "b'42'"]
    memory.put_many({key: repr(key) for key in keys})
    assert len(memory) == len(keys)
    for key in memory:
        assert memory[key] == repr(key)


def test_long_keys_that_differ_at_the_end(cache: GridCache) -> None:
    keys = [("k" * 1000) + str(number) for number in range(5)]
    cache.put_many({key: key[-1] for key in keys})
    assert {key: cache[key] for key in keys} == {key: key[-1] for key in keys}
    assert sorted(cache) == keys


def test_a_subclass_is_the_key_that_it_equals(memory: GridCache) -> None:
    memory[Colour.RED], memory[Level.LOW], memory[Point(1, 2)] = 1, 2, 3
    assert (memory["red"], memory[1], memory[1, 2]) == (1, 2, 3)


@pytest.mark.parametrize("key", [1.5, None, True, ["a"], {"a"}, ("a", 1.5), object()])
def test_what_is_no_key_is_absent_and_cannot_be_put(
    memory: GridCache, key: Any
) -> None:
    assert key not in memory
    for refused in (memory.__setitem__, memory.put):
        with pytest.raises(NotKeyableError, match="use str, bytes, int or a tuple"):
            refused(key, 1)
    with pytest.raises(KeyError):
        memory[key]
    with pytest.raises(KeyError):
        del memory[key]
    with pytest.raises(TypeError):
        memory.get(key)
    with pytest.raises(TypeError):
        memory.get_or_compute(key, lambda: 1)
    assert len(memory) == 0


@pytest.mark.parametrize("many", ["get_many", "delete_many"])
def test_one_key_where_several_are_expected_is_an_error(
    memory: GridCache, many: str
) -> None:
    memory.put_many({"a": 1, "b": 2})
    with pytest.raises(TypeError, match=r"write \['ab'\]"):
        getattr(memory, many)("ab")
    assert len(memory) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    items=st.dictionaries(
        st.recursive(
            st.text() | st.binary() | st.integers(),
            lambda parts: st.lists(parts, max_size=3).map(tuple),
            max_leaves=4,
        ),
        st.integers(),
        max_size=8,
    )
)
def test_any_keys_come_back_as_they_were_put(
    memory: GridCache, items: dict[Any, int]
) -> None:
    memory.clear()
    memory.update(items)
    assert dict(memory) == items
    assert {type(key) for key in memory} == {type(key) for key in items}
    assert memory.get_many(items) == items
