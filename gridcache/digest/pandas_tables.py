"""pandas: frames, series, indexes and the arrays in them.

A frame is its columns one by one, so how pandas lays them out in blocks does not show.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from pandas.api.extensions import ExtensionArray

from gridcache.digest.engine import FAMILIES, Digester
from gridcache.digest.errors import type_name
from gridcache.digest.objects import by_pickling

__all__: list[str] = []


def _frame(d: Digester, value: Any) -> bytes:
    axes = [d.part(value.columns, ".columns"), d.part(value.index, ".index")]
    columns = [d.part(column.array, f"[{name!r}]") for name, column in value.items()]
    return d.node("frame", [*_common(d, value), *axes, *columns])


def _series(d: Digester, value: Any) -> bytes:
    parts = [d.part(value.name, ".name"), d.part(value.index, ".index")]
    return d.node("series", [*_common(d, value), *parts, d.part(value.array, "")])


def _common(d: Digester, value: Any) -> Iterator[bytes]:
    yield d.token(type(value))
    yield d.part(value.attrs, ".attrs")
    yield d.token(value.flags.allows_duplicate_labels)
    # Attributes that a subclass declares, as geopandas does.
    for name in type(value)._metadata:
        if name != "_name":
            yield d.part(getattr(value, name, None), f".{name}")


def _index(d: Digester, value: Any) -> bytes:
    names = d.part(list(value.names), ".names")
    freq = d.token(getattr(value, "freqstr", None))
    content = d.part(value.array, "")
    return d.node("index", [d.token(type(value)), names, freq, content])


def _range_index(d: Digester, value: Any) -> bytes:
    names = d.part(list(value.names), ".names")
    bounds = d.token((value.start, value.stop, value.step))
    return d.node("index", [d.token(type(value)), names, bounds])


def _multi_index(d: Digester, value: Any) -> bytes:
    names = d.part(list(value.names), ".names")
    levels = [d.part(level, ".levels") for level in value.levels]
    codes = [d.token(code) for code in value.codes]
    return d.node("multi index", [d.token(type(value)), names, *levels, *codes])


def _numpy(d: Digester, value: Any) -> bytes:
    return d.node("column", [_label(d, value.dtype), d.part(value.to_numpy(), "")])


def _categorical(d: Digester, value: Any) -> bytes:
    categories = d.part(value.categories, ".categories")
    codes = d.token(value.codes)
    return d.node("categorical", [categories, codes, d.token(value.ordered)])


def _timed(d: Digester, value: Any) -> bytes:
    zone = getattr(value, "tz", None)
    kind = _label(d, value.dtype, type_name(type(zone)), str(zone))
    return d.node("timed", [kind, d.token(value.asi8)])


def _intervals(d: Digester, value: Any) -> bytes:
    bounds = [d.part(value.left, ".left"), d.part(value.right, ".right")]
    return d.node("intervals", [*bounds, d.token(value.closed)])


def _sparse(d: Digester, value: Any) -> bytes:
    parts = (value.sp_values, value.sp_index.indices, value.fill_value, len(value))
    return d.node("sparse", [_label(d, value.dtype), *map(d.token, parts)])


def _masked(d: Digester, value: Any) -> bytes:
    filled = value.to_numpy(dtype=value.dtype.numpy_dtype, na_value=0)
    parts = [d.token(filled), d.token(value.isna())]
    return d.node("masked", [_label(d, value.dtype), *parts])


def _other(d: Digester, value: Any) -> bytes:
    # Both of pandas' kinds of strings end here, as do all Arrow-backed arrays.
    if hasattr(value, "__arrow_array__") and _is_arrow(value):
        content = d.token(value.__arrow_array__())
    elif isinstance(value.dtype, pd.StringDtype):
        content = d.part(value.to_numpy(dtype=object), "")
    else:
        return by_pickling(d, value)
    missing = d.token(getattr(value.dtype, "na_value", None))
    return d.node("column", [_label(d, value.dtype), missing, content])


def _is_arrow(value: Any) -> bool:
    dtype = value.dtype
    return isinstance(dtype, pd.ArrowDtype) or (
        isinstance(dtype, pd.StringDtype) and dtype.storage != "python"
    )


def _label(d: Digester, dtype: Any, *more: str) -> bytes:
    return d.token([type_name(type(dtype)), repr(dtype), *more])


FAMILIES |= {
    pd.DataFrame: _frame,
    pd.Series: _series,
    pd.Index: _index,
    pd.RangeIndex: _range_index,
    pd.MultiIndex: _multi_index,
    pd.Categorical: _categorical,
    pd.arrays.NumpyExtensionArray: _numpy,
    pd.arrays.StringArray: _other,
    pd.arrays.DatetimeArray: _timed,
    pd.arrays.TimedeltaArray: _timed,
    pd.arrays.PeriodArray: _timed,
    pd.arrays.IntervalArray: _intervals,
    pd.arrays.SparseArray: _sparse,
    pd.arrays.IntegerArray: _masked,
    pd.arrays.FloatingArray: _masked,
    pd.arrays.BooleanArray: _masked,
    ExtensionArray: _other,
}
