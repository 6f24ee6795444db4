"""What comes out: read-only arrays, independent frames, nothing shared, right bytes."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gridcache import CacheWarning, GridCache, NotEncodableError, UnsafeCodecError
from tests.cache.conftest import Make


@dataclass
class Box:
    """A user's class, which only pickle can encode."""

    data: Any
    notes: list[str] = field(default_factory=list)


SIZES = {"small": 3, "medium": 2_000, "large": 200_000}
COMPRESSIONS = ["auto", "lz4", None]


def wrap(how: str, array: Any) -> Any:
    wrapped: dict[str, Any] = {
        "bare": array,
        "in a dict": {"a": [array, 1], "b": (array,)},
        "in an object": Box({"deep": [array]}),
    }
    return wrapped[how]


def unwrap(how: str, value: Any) -> Any:
    if how == "bare":
        return value
    return value["a"][0] if how == "in a dict" else value.data["deep"][0]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("how", ["bare", "in a dict", "in an object"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_arrays_are_read_only_and_copies_are_not(
    make: Make, compression: str | None, how: str, size: int
) -> None:
    cache = make(compression=compression)
    array = np.arange(size, dtype=np.float64)
    cache["a"] = wrap(how, array)
    assert array.flags.writeable, "the caller's own array is left alone"
    for got in (cache["a"], cache.get("a"), cache.get_many(["a"])["a"]):
        inner = unwrap(how, got)
        np.testing.assert_array_equal(inner, array)
        assert not inner.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            inner[0] = 9
        with pytest.raises(ValueError, match=r"(?i)cannot set writeable"):
            inner.flags.writeable = True
    private = unwrap(how, cache.get("a", copy=True))
    private[:] = -1
    np.testing.assert_array_equal(unwrap(how, cache["a"]), array)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_first_call_gives_the_kind_of_a_hit(
    make: Make, compression: str | None, size: int
) -> None:
    cache = make(compression=compression)
    first = cache.get_or_compute("a", lambda: np.ones(size))
    hit = cache.get_or_compute("a", lambda: np.zeros(size))
    for got in (first, hit):
        np.testing.assert_array_equal(got, np.ones(size))
        assert not got.flags.writeable
    mine = cache.get_or_compute("b", lambda: np.ones(size), copy=True)
    hit = cache.get_or_compute("b", lambda: np.zeros(size), copy=True)
    mine += 1
    hit += 1
    np.testing.assert_array_equal(cache["b"], np.ones(size))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("rows", [3, 100_000])
def test_arrow_data_is_read_only(
    make: Make, compression: str | None, rows: int
) -> None:
    cache = make(compression=compression)
    table = pa.table({"n": np.arange(rows), "s": ["text"] * rows})
    cache["t"] = {"nested": table}
    got = cache["t"]["nested"]
    assert got.equals(table)
    for buffer in got["n"].chunk(0).buffers():
        assert buffer is None or not buffer.is_mutable
    frame = pl.DataFrame({"n": np.arange(rows)})
    cache["p"] = frame
    assert cache["p"].equals(frame)
    changed = cache["p"].with_columns(pl.col("n") + 1)
    assert not changed.equals(cache["p"])
    assert cache["p"].equals(frame)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("rows", [3, 100_000])
@pytest.mark.parametrize("boxed", [False, True])
def test_frames_are_independent_and_writable(
    make: Make, compression: str | None, rows: int, boxed: bool
) -> None:
    cache = make(compression=compression)
    frame = pd.DataFrame({"n": np.arange(rows, dtype=float), "s": "x"})
    cache["f"] = Box(frame) if boxed else frame
    one, other = (v.data if boxed else v for v in (cache["f"], cache["f"]))
    one.loc[0, "n"] = -1.0
    one["new"] = 1
    other.loc[1, "s"] = "changed"
    again = cache["f"].data if boxed else cache["f"]
    pd.testing.assert_frame_equal(again, frame)
    assert other.loc[0, "n"] == 0.0


MUTABLE: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "list": ([1], lambda v: v.append(2)),
    "dict": ({"a": 1}, lambda v: v.update(b=2)),
    "set": ({1}, lambda v: v.add(2)),
    "bytearray": (bytearray(b"abc"), lambda v: v.extend(b"d")),
    "nested in a tuple": (([1],), lambda v: v[0].append(2)),
    "object": (Box(1), lambda v: v.notes.append("x")),
    "series": (pd.Series([1, 2]), lambda v: v.__setitem__(0, 9)),
}


@pytest.mark.parametrize("name", MUTABLE)
def test_two_gets_share_no_mutable_state(cache: GridCache, name: str) -> None:
    value, change = MUTABLE[name]
    cache["v"] = value
    gets: list[Callable[[], Any]] = [
        lambda: cache["v"],
        lambda: cache.get("v"),
        lambda: cache.get_many(["v"])["v"],
        lambda: cache.get_or_compute("v", dict),
        lambda: next(iter(cache.values())),
    ]
    for get in gets * 2:
        got = get()
        assert repr(got) == repr(value)
        assert got is not value
        change(got)


def test_what_was_put_may_be_changed_afterwards(cache: GridCache) -> None:
    array, rows = np.zeros(50_000), [1, 2]
    cache["a"], cache["r"] = array, rows
    array[:] = 1
    rows.append(3)
    assert cache["a"].sum() == 0
    assert cache["r"] == [1, 2]


def test_what_compute_returned_may_be_changed_afterwards(memory: GridCache) -> None:
    rows: list[int] = [1]
    first = memory.get_or_compute("r", lambda: rows)
    rows.append(2)
    first.append(3)
    assert memory["r"] == [1]


def test_none_is_a_value(cache: GridCache) -> None:
    cache["n"] = None
    assert "n" in cache
    assert cache["n"] is None
    assert cache.get("n", "default") is None
    assert cache.get_many(["n", "m"]) == {"n": None}
    assert cache.get_or_compute("n", lambda: 1) is None
    assert cache.get_or_compute("computed", lambda: None) is None
    assert cache.get_or_compute("computed", lambda: 1) is None
    assert cache.pop("n", 1) is None
    assert cache.pop("n", 1) == 1


@pytest.mark.parametrize("nbytes", [10, 1_000, 100_000])
def test_a_view_keeps_its_bytes_whatever_happens(cache: GridCache, nbytes: int) -> None:
    wanted = np.arange(nbytes, dtype=np.uint8)

    def shaken(shake: Any) -> None:
        cache["a"] = wanted
        view = cache["a"]
        shake()
        cache.put_many({f"other{n}": np.full(nbytes, 7, np.uint8) for n in range(50)})
        gc.collect()
        np.testing.assert_array_equal(view, wanted)

    shaken(lambda: cache.update(a=np.zeros(nbytes, np.uint8)))
    shaken(lambda: cache.__delitem__("a"))
    shaken(cache.clear)
    cache["a"] = wanted
    view = cache["a"]
    path = cache.path
    cache.close()
    with GridCache("contract", path=path) as again:
        again.clear()
        again.put_many({f"other{n}": np.full(nbytes, 7, np.uint8) for n in range(50)})
        np.testing.assert_array_equal(view, wanted)


def test_a_part_of_a_view_keeps_its_bytes(memory: GridCache) -> None:
    memory["d"] = {"a": np.arange(100_000), "b": np.ones(100_000)}
    part = memory["d"]["a"][5:8]
    memory.clear()
    memory.put_many({str(n): np.zeros(100_000) for n in range(10)})
    assert part.tolist() == [5, 6, 7]


def test_a_large_array_is_no_copy(memory: GridCache) -> None:
    memory["a"] = np.arange(500_000)
    one, other = memory["a"], memory["a"]
    assert np.shares_memory(one, other) or one.ctypes.data != other.ctypes.data
    (lessee,) = memory.explain("a").lessees
    assert lessee.nbytes >= 2 * one.nbytes or lessee.leases == 2


class TestWithoutPickle:
    """`allow_pickle=False`."""

    def test_safe_values_go_in_and_out(self, make: Make) -> None:
        cache = make(allow_pickle=False)
        safe = {"a": [1, 2.5, None, "x", b"y"], "b": {"c": (True,)}}
        cache["v"], cache["n"] = safe, np.arange(10)
        assert cache["v"] == safe
        assert cache["n"].sum() == 45

    def test_what_needs_pickle_is_neither_stored_nor_read(self, make: Make) -> None:
        trusting, careful = make(), make(allow_pickle=False)
        careful["a"] = 1
        with pytest.raises(NotEncodableError, match="Box"):
            careful["a"] = Box(1)
        assert careful["a"] == 1
        trusting["b"] = Box(1)
        for get in (careful.__getitem__, careful.get):
            with pytest.raises(UnsafeCodecError):
                get("b")
        assert trusting["b"] == Box(1)

    def test_a_pickle_met_is_computed_again(self, make: Make) -> None:
        trusting, careful = make(), make(allow_pickle=False)
        trusting["b"] = Box(1)
        with pytest.warns(CacheWarning, match="'b' is computed again"):
            assert careful.get_or_compute("b", lambda: 2) == 2
        assert trusting["b"] == careful["b"] == 2


class Vanishes:
    """Cannot be put together again."""

    def __reduce__(self) -> Any:
        return exec, ("raise ImportError('its module is gone')",)


def test_a_value_that_cannot_be_read_any_more_raises_and_is_computed_again(
    cache: GridCache,
) -> None:
    cache["v"] = Vanishes()
    with pytest.raises(ImportError, match="its module is gone"):
        cache["v"]
    with pytest.warns(CacheWarning, match="its module is gone"):
        assert cache.get_or_compute("v", lambda: 1) == 1
    assert cache["v"] == 1


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_is_written_into_a_large_private_copy_is_nobody_elses(
    make: Make, compression: str | None
) -> None:
    cache = make(compression=compression)
    numbers = np.random.default_rng(1).standard_normal(300_000)
    frame = pd.DataFrame({"a": numbers, "b": np.arange(300_000), "c": "text"})
    cache["both"] = {"numbers": numbers, "frame": frame, "small": np.ones(3)}
    mine = cache.get("both", copy=True)
    assert all(mine[name].flags.writeable for name in ("numbers", "small"))
    mine["numbers"][:] = 0
    mine["small"][:] = 0
    mine["frame"].loc[:, "a"] = 0.0
    for again in (cache.get("both"), cache.get("both", copy=True)):
        np.testing.assert_array_equal(again["numbers"], numbers)
        np.testing.assert_array_equal(again["small"], np.ones(3))
        pd.testing.assert_frame_equal(again["frame"], frame)
