"""pandas and polars values, by the name of their test."""

import datetime as dt
import decimal
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import polars as pl


def _columns() -> dict[str, Any]:
    categories = pd.CategoricalDtype(["v", "u", "w"], ordered=True)
    return {
        "ints": [1, 2, 3],
        "floats": [1.5, np.nan, 3],
        "bools": [True, False, True],
        "complex": [1j, 2, 3],
        "str": ["x", None, "z"],
        "categories": pd.Categorical(["u", "v", None], dtype=categories),
        "int-categories": pd.Categorical([3, 1, 3]),
        "Int64": pd.array([1, None, 3], dtype="Int64"),
        "Float32": pd.array([1.5, None, 2], dtype="Float32"),
        "boolean": pd.array([True, None, False], dtype="boolean"),
        "moments": pd.date_range("2026", periods=3, unit="s"),
        "zoned": pd.date_range("2026", periods=3, tz="Europe/Berlin"),
        "zoned-key": pd.date_range(
            "2026", periods=3, tz=zoneinfo.ZoneInfo("Asia/Tokyo")
        ),
        "utc": pd.date_range("2026", periods=3, tz="UTC"),
        "durations": pd.to_timedelta([1, None, 3], unit="s"),
        "periods": pd.period_range("2026", periods=3, freq="M"),
        "intervals": pd.interval_range(0, 3),
        "string": pd.array(["a", pd.NA, "c"], dtype="string"),
        "string-python": pd.array(["a", None, "c"], dtype="string[python]"),
        "arrow-int": pd.array([1, 2, None], dtype="int64[pyarrow]"),
        "arrow-str": pd.array(["a", None, "b"], dtype="string[pyarrow]"),
        "objects": pd.Series(["a", None, 2.5], dtype=object),
        "text-objects": pd.Series(["a", "b", "c"], dtype=object),
        "lists": pd.Series([[1], [1, 2], None]),
    }


def _pandas() -> dict[str, Any]:
    columns = _columns()
    frame = pd.DataFrame(columns)
    named = frame.copy()
    named.attrs = {"source": {"file": "x.csv", "rows": [1, 2]}}
    named.columns = named.columns.rename("column")
    levels = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None])
    numbers = pd.DataFrame(np.random.default_rng(1).random((500, 6)))
    unique = pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)
    hourly = pd.date_range("2026", periods=5000, freq="h", tz="UTC")
    return {
        "frame": frame,
        "frame-named": named,
        "frame-no-rows": frame.iloc[:0],
        "frame-slice": frame.iloc[1:],
        "frame-numbers": numbers,
        "frame-numbers-slice": numbers.iloc[100:200:3, 1:4],
        "frame-mixed-order": numbers.assign(s="u", n=3)[["s", 3, "n", 0]],
        "frame-wide": pd.DataFrame(np.ones((4, 90))).assign(x="u", y=3, z=b"b"),
        "frame-empty": pd.DataFrame(),
        "frame-no-columns": pd.DataFrame(index=[3, 1]),
        "frame-no-index": pd.DataFrame(columns=["a", "b"]),
        "frame-same-names": pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
        "frame-levels": pd.DataFrame({"v": range(4)}, index=levels),
        "frame-level-columns": pd.DataFrame(np.ones((2, 4)), columns=levels),
        "frame-unique": unique,
        "frame-long-texts": pd.DataFrame({"s": ["xy"] * 5000}, index=hourly),
        **{f"series-{name}": pd.Series(column) for name, column in columns.items()},
        "series-named": pd.Series([1, 2], name=("a", 1), index=["p", "q"]),
        "index": pd.Index([3, 1, 2], name="n"),
        "index-objects": pd.Index([1, "a", None], dtype=object),
        "index-range": pd.RangeIndex(5, 50, 7, name="r"),
        "index-freq": pd.date_range("2026", periods=9, freq="B", name="days"),
        "index-durations": pd.timedelta_range("1s", periods=4, freq="2s"),
        "index-categories": pd.CategoricalIndex(["a", "b", "a"]),
        "index-intervals": pd.IntervalIndex.from_breaks([0, 1.5, 2], closed="left"),
        "index-periods": pd.period_range("2026", periods=4, freq="Q"),
        "index-levels": levels,
        "frames-nested": {"a": frame, "b": [numbers, frame["zoned"], frame]},
        "pickle:frame-sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
        "pickle:frame-odd": pd.DataFrame(
            {"d": [dt.date(2026, 1, 1)], "n": [decimal.Decimal(1)], "x": [1.5]}
        ),
        "pickle:frame-fixed-zone": pd.Series(
            pd.date_range("2026", periods=2, tz=dt.timezone(dt.timedelta(hours=2), "X"))
        ),
        "pickle:index-dates": pd.Series([1.5], index=[dt.date(2026, 1, 1)]),
    }


def _polars() -> dict[str, Any]:
    frame = pl.DataFrame(
        {
            "n": [1, 2, None],
            "s": ["x", "a text that is not kept in its view", None],
            "c": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
            "e": pl.Series(["u", "v", "u"], dtype=pl.Enum(["u", "v", "w"])),
            "d": pl.Series([decimal.Decimal("1.5")] * 3, dtype=pl.Decimal(38, 1)),
            "l": [[1], [], None],
            "st": [{"a": 1, "b": "x"}] * 3,
            "t": [dt.time(1)] * 3,
            "z": pl.Series(
                [dt.datetime(2026, 1, 1)] * 3, dtype=pl.Datetime("ms", "Asia/Tokyo")
            ),
            "b": [b"x", None, b""],
            "a": pl.Series([[1, 2], [3, 4], [5, 6]], dtype=pl.Array(pl.Int32, 2)),
            "0": pl.Series([None] * 3),
        }
    )
    wide = pl.Series("i", [1, 2, 2**100], dtype=pl.Int128)
    return {
        "polars-frame": frame,
        "polars-slice": frame[1:],
        "polars-chunks": frame.vstack(frame),
        "polars-no-rows": frame.drop("c").clear(),
        "polars-empty": pl.DataFrame(),
        "polars-series": frame["s"],
        "polars-series-slice": pl.Series("t", ["text " * 9] * 5000)[10:20],
        "polars-nested": [frame, {"s": frame["n"]}],
        "pickle:polars-int128": wide,
        "pickle:polars-frame-int128": pl.DataFrame([wide]),
    }


VALUES = {**_pandas(), **_polars()}
