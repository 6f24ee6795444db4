"""Digests of tables: by axes, types and elements, not by slices, blocks or chunks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridcache.digest import digest
from gridcache.errors import NotKeyableError

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")

LONG = ["a" * 40, "b" * 40, "c" * 40]


def frame() -> Any:
    return pd.DataFrame(
        {
            "x": [1, 2],
            "s": ["u", "v"],
            "c": pd.Categorical(["p", "q"]),
            "t": pd.date_range("2026", periods=2, tz="Europe/Berlin"),
            "i": pd.array([1, None], dtype="Int64"),
            "b": pd.array([True, None], dtype="boolean"),
            "f": pd.array([1.5, None], dtype="Float64"),
            "o": [[1], {"k": 2}],
        }
    )


def with_attrs() -> Any:
    made = frame()
    made.attrs["source"] = "file"
    return made


def strings() -> Any:
    return pd.Series(["a", "b", "c", "d"])


def polars_frame() -> Any:
    return pl.DataFrame(
        {
            "a": [1, 2, None],
            "s": ["x", "y", "z"],
            "l": [[1], [], None],
            "c": pl.Series(["q", "q", "r"], dtype=pl.Categorical),
        }
    )


DISTINCT: list[Callable[[], Any]] = [
    frame,
    with_attrs,
    lambda: frame().rename(columns={"x": "z"}),
    lambda: frame().set_index("x"),
    lambda: frame()[::-1],
    lambda: frame()[frame().columns[::-1]],
    lambda: frame().astype({"x": "int32"}),
    lambda: frame().set_flags(allows_duplicate_labels=False),
    lambda: pd.DataFrame(np.eye(2)),
    lambda: pd.DataFrame(np.eye(2)[::-1]),
    lambda: pd.DataFrame({"a": [1.0], "b": [2.0]}),
    lambda: pd.DataFrame({"a": [1.0, 2.0]}),
    lambda: strings().iloc[:2],
    lambda: strings().iloc[2:].reset_index(drop=True),
    lambda: strings().iloc[2:],
    lambda: pd.Series(["a", "b"], dtype=object),
    lambda: pd.Series(["a", "b"], dtype="string[python]"),
    lambda: pd.Series(["a", "b"], dtype="string[pyarrow]"),
    lambda: pd.Series(["a-b", "c"], dtype=object),
    lambda: pd.Series(["a", "b-c"], dtype=object),
    lambda: pd.Series(["a", "b"], name="n"),
    lambda: pd.Series(["a", "b"], dtype=pd.ArrowDtype(pa.string())),
    lambda: pd.Series([1, 2]),
    lambda: pd.Series([1, 2], dtype="Int64"),
    lambda: pd.Series([1, 2], dtype="int64[pyarrow]"),
    lambda: pd.Series([1.0, np.nan]),
    lambda: pd.Series([1.0, None], dtype="Float64"),
    lambda: pd.Series([0.0, None], dtype="Float64"),
    lambda: pd.Series([0.0, 0.0], dtype="Float64"),
    lambda: pd.RangeIndex(2),
    lambda: pd.Index([0, 1]),
    lambda: pd.Index([0, 1], name="n"),
    lambda: pd.date_range("2026", periods=3),
    lambda: pd.date_range("2026", periods=3)._with_freq(None),
    lambda: pd.date_range("2026", periods=3, tz="UTC"),
    lambda: pd.period_range("2026", periods=3, freq="D"),
    lambda: pd.interval_range(0, 3),
    lambda: pd.interval_range(0, 3, closed="left"),
    lambda: pd.MultiIndex.from_product([[1, 2], ["a"]], names=["m", "n"]),
    lambda: pd.MultiIndex.from_product([[1, 2], ["a"]], names=["m", "o"]),
    lambda: pd.Categorical(["a"], categories=["a"]),
    lambda: pd.Categorical(["a"], categories=["a", "b"]),
    lambda: pd.Categorical(["a"], categories=["a"], ordered=True),
    lambda: pd.arrays.SparseArray([0, 0, 1]),
    lambda: pd.arrays.SparseArray([0, 1, 0]),
    lambda: pd.NA,
    lambda: pd.NaT,
    lambda: pd.Timestamp("2026"),
    lambda: pd.Timestamp("2026", tz="UTC"),
    lambda: pd.Timedelta("1s"),
    lambda: pd.CategoricalDtype(["a"]),
    lambda: pd.StringDtype("python"),
    lambda: pd.offsets.MonthEnd(1),
    lambda: pd.offsets.MonthEnd(2),
    lambda: pa.array([1, 2]),
    lambda: pa.array([1, 2], pa.int8()),
    lambda: pa.array([1, None]),
    lambda: pa.array([1, 0]),
    lambda: pa.chunked_array([[1, 2]]),
    lambda: pa.table({"a": [1, 2]}),
    lambda: pa.table({"b": [1, 2]}),
    lambda: pa.table({"a": [1, 2]}).replace_schema_metadata({"k": "v"}),
    lambda: pa.record_batch({"a": pa.array([1, 2])}),
    lambda: pa.array(["a", "b"]),
    lambda: pa.array(["ab", ""]),
    lambda: pa.array(["a", "b"]).dictionary_encode(),
    lambda: pa.array(["b", "a"]).dictionary_encode(),
    lambda: pa.array([b"a", b"b"]),
    lambda: pa.array([[1, 2], [3]]),
    lambda: pa.array([[1], [2, 3]]),
    lambda: pa.array(LONG).cast(pa.string_view()),
    lambda: pa.array(LONG[::-1]).cast(pa.string_view()),
    lambda: pa.scalar(1),
    lambda: pa.scalar(1, pa.int8()),
    pa.int8,
    pa.int16,
    lambda: pa.field("a", pa.int8()),
    lambda: pa.schema([pa.field("a", pa.int8())]),
    polars_frame,
    lambda: polars_frame().reverse(),
    lambda: polars_frame().rename({"a": "b"}),
    lambda: pl.Series("a", [1]),
    lambda: pl.Series("b", [1]),
    lambda: pl.Series("a", [1], dtype=pl.Int8),
    lambda: pl.Series("a", [1, "b", None], dtype=pl.Object),
    lambda: pl.Enum(["a"]),
    lambda: pl.Enum(["b"]),
    lambda: pl.col("a") + 1,
    lambda: pl.col("a") + 2,
]


def test_tables_that_a_function_can_tell_apart_differ() -> None:
    values = [make() for make in DISTINCT]
    seen: dict[str, Any] = {}
    for value in values:
        assert seen.setdefault(digest(value), value) is value


def test_a_table_made_again_is_the_same() -> None:
    for make in DISTINCT:
        assert digest(make()) == digest(make())


ARROW = [
    pa.array([1, None, 3] * 10),
    pa.array([True, False, None, True] * 10),
    pa.array(["a", None, "ccc", ""] * 10),
    pa.array([[1, 2], [], None, [3]] * 10),
    pa.array([{"x": 1}, None, {"x": None}] * 10),
    pa.array(LONG * 10).cast(pa.string_view()),
    pa.array([1, None, 3] * 10, pa.timestamp("ns", "UTC")),
]


@pytest.mark.parametrize("array", ARROW, ids=lambda array: str(array.type))
@pytest.mark.parametrize(
    ("start", "length"), [(0, 2), (2, 2), (5, 11), (8, 16), (3, 8)]
)
def test_a_slice_equals_the_same_rows_made_alone(
    array: Any, start: int, length: int
) -> None:
    rows = array.to_pylist()[start : start + length]
    alone = pa.array(rows, type=array.type)
    assert digest(array.slice(start, length)) == digest(alone)
    assert digest(array.slice(start, length)) != digest(array.slice(start + 1, length))


def test_chunks_do_not_count() -> None:
    chunks = [np.arange(100_000), np.arange(3), np.arange(77_777)]
    many = pa.chunked_array([pa.array(chunk) for chunk in chunks])
    one = pa.chunked_array([np.concatenate(chunks)])
    assert digest(many) == digest(one)


def test_how_a_frame_lies_in_blocks_does_not_count() -> None:
    whole = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"])
    grown = pd.DataFrame({"a": whole["a"]})
    grown["b"] = whole["b"]
    assert digest(whole) == digest(grown) == digest(whole.copy())


def test_a_plan_is_refused() -> None:
    with pytest.raises(NotKeyableError, match="collect it"):
        digest(pl.LazyFrame({"a": [1]}))
