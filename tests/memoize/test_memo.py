"""The memo of keys: never another key than one made anew, and bounded."""

import math
import struct
from sys import getsizeof
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache import GridCache, grid_cache
from gridcache.memoize.keymaker import KeyMaker
from gridcache.memoize.memo import KeyMemo
from gridcache.memoize.options import Options
from tests.memoize.conftest import Counted

SCALARS = st.one_of(
    st.sampled_from([0, 1, 0.0, -0.0, 1.0, True, False, None, "", b"", "1", b"1"]),
    st.sampled_from(
        [math.nan, struct.unpack("<d", b"\1" + b"\0" * 5 + b"\xf8\x7f")[0]]
    ),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
    st.just(...),
)


class Text(str):
    """Equal to a text, and not one."""

    __slots__ = ()


def pair(a: Any, b: Any = None) -> Any:
    return a, b


def fresh(*args: Any) -> str:
    return KeyMaker(pair, Options()).key(args, {})


@given(st.lists(st.tuples(SCALARS, SCALARS), max_size=8))
def test_a_key_is_the_same_as_made_anew(calls: list[tuple[Any, Any]]) -> None:
    keys = KeyMaker(pair, Options())
    for _ in range(2):
        assert [keys.key(call, {}) for call in calls] == [fresh(*c) for c in calls]


@pytest.mark.parametrize(
    "equal",
    [(1, 1.0, True), (0, 0.0, -0.0, False), ("a", Text("a")), (b"a", bytearray(b"a"))],
)
def test_what_is_equal_but_not_the_same_has_keys_of_its_own(equal: Any) -> None:
    keys = KeyMaker(pair, Options())
    for _ in range(3):
        found = [keys.key((value,), {}) for value in equal]
        assert len(set(found)) == len(equal)


def test_an_edited_global_is_noticed_at_the_next_call(
    cache: GridCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "FACTOR", 2)

    @grid_cache(cache=cache)
    def scaled(x: int) -> Any:
        return x * factor()

    for _ in range(4):
        assert scaled(3) == 6
    monkeypatch.setitem(globals(), "FACTOR", 5)
    assert scaled(3) == 15
    monkeypatch.setitem(globals(), "FACTOR", 2)
    assert scaled(3) == 6


FACTOR = 2


def factor() -> int:
    return FACTOR


def test_a_default_that_changes_counts_though_the_code_does_not(
    cache: GridCache, counted: Counted
) -> None:
    extra = [1]

    @grid_cache(cache=cache, version=1)
    def total(x: int, more: list[int] = extra) -> int:
        counted(x)
        return x + sum(more)

    for _ in range(3):
        assert total(1) == 2
    extra.append(10)
    assert total(1) == 12
    assert len(counted) == 2


def test_any_number_of_arguments_takes_the_short_way_too() -> None:
    def total(*numbers: float, **more: float) -> float:
        return sum(numbers) + sum(more.values())

    keys, other = KeyMaker(total, Options()), KeyMaker(total, Options())
    first = keys.key((1, 2), {})
    assert keys.key((1, 2), {}) is first
    assert first == other.key((1, 2), {})
    assert len({first, keys.key((1, 2.0), {}), keys.key((1,), {"a": 2})}) == 3


def test_a_key_function_is_asked_every_time(cache: GridCache) -> None:
    now = [1]

    @grid_cache(cache=cache, version=1, key=lambda x: now[0])
    def at(x: int) -> int:
        return now[0]

    assert [at(0), at(0), at(0)] == [1, 1, 1]
    now[0] = 2
    assert at(0) == 2


class TestItself:
    @pytest.mark.parametrize(
        "args", [(0.0,), (-0.0,), (math.nan,), (1j,), ((1,),), ([],), (Text("a"),)]
    )
    def test_what_may_equal_another_stays_out(self, args: tuple[Any, ...]) -> None:
        memo = KeyMemo()
        memo.keep(args, "key")
        assert memo.get(args) is None

    def test_objects_are_not_even_hashed(self) -> None:
        class Strange:
            def __hash__(self) -> int:
                raise AssertionError

        memo = KeyMemo()
        memo.keep((1,), "key")
        assert memo.get((Strange(),)) is None

    def test_it_is_bounded_in_bytes(self) -> None:
        memo = KeyMemo()
        for number in range(20_000):
            memo.keep((number, "x" * 500), f"key {number}")
            if not number % 1000:
                assert _kept_nbytes(memo) < 600 << 10
        assert memo.get((19_999, "x" * 500)) == "key 19999"

    def test_long_arguments_stay_out(self) -> None:
        memo = KeyMemo()
        memo.keep(("short",), "key")
        memo.keep(("x" * 5000,), "key")
        memo.keep(("short",), "key")
        assert memo.get(("short",)) is None
        assert memo.get(("x" * 5000,)) is None


def _kept_nbytes(memo: KeyMemo) -> int:
    return sum(
        sum(map(getsizeof, [args, key, *args]))
        for by_values in memo._by_types.values()
        for args, key in (by_values or {}).items()
    )
