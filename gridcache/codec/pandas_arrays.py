"""pandas columns and indexes as plain trees of arrays, and back.

Covers what the round trip is exact for: numpy dtypes, objects that are plain,
categoricals, strings of every storage, Arrow dtypes, nullable numbers, time
zones, periods, intervals, and every index of them. The rest (sparse, extension
arrays of others) needs pickle.

A tree is a tuple whose first item names its kind; `lower_*` make trees, the
functions in `_RAISE` undo them. Arrays in trees handed to `raise_*` are private
and writable, as pandas needs them.
"""

from collections.abc import Callable
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from gridcache.codec.writer import NeedsPickle

__all__ = ["lower_index", "lower_values", "raise_index", "raise_values"]

Tree: TypeAlias = tuple[Any, ...]

FEW_TEXTS = 1024
"""Up to here a list costs less than the Arrow array it came from."""


def lower_values(values: Any) -> Tree:
    """Return the tree of a numpy or pandas array.

    Raises
    ------
    NeedsPickle
        If the kind of array is not covered.
    """
    if isinstance(values, np.ndarray):
        return _lower_numpy(values)
    lower = _LOWER.get(type(values.dtype))
    if lower is None:
        lower = _lower_masked if _is_masked(values) else _refuse
    return lower(values)


def raise_values(tree: Tree) -> Any:
    """Undo `lower_values`."""
    return _RAISE[tree[0]](*tree[1:])


def _refuse(values: Any) -> Tree:
    raise NeedsPickle(str(values.dtype))


def _lower_numpy(values: np.ndarray[Any, Any]) -> Tree:
    if type(values) is not np.ndarray:
        raise NeedsPickle(type(values).__name__)
    if values.dtype != object:
        return "numpy", values
    if values.ndim != 1:
        msg = "objects in two dimensions"
        raise NeedsPickle(msg)
    return "objects", values.tolist()


def _raise_objects(items: list[Any]) -> Any:
    return np.fromiter(items, dtype=object, count=len(items))


def _lower_categorical(values: Any) -> Tree:
    return "categorical", values.codes, lower_index(values.categories), values.ordered


def _raise_categorical(codes: Any, categories: Tree, ordered: bool) -> Any:
    dtype = pd.CategoricalDtype(raise_index(categories), ordered)
    return pd.Categorical.from_codes(codes, dtype=dtype)


def _lower_string(values: Any) -> Tree:
    dtype = values.dtype
    form = (dtype.storage, dtype.na_value is not pd.NA)
    if dtype.storage == "python" or len(values) <= FEW_TEXTS:
        missing = values.isna().tolist()
        items = values.astype(object).tolist()
        texts = [
            None if gap else item for gap, item in zip(missing, items, strict=True)
        ]
        return "texts", form, texts
    return "arrow text", form, values.__arrow_array__()


def _string_dtype(storage: str, nan: bool) -> Any:
    if nan and not storage.endswith("_numpy"):
        return pd.StringDtype(storage, na_value=np.nan)
    return pd.StringDtype(storage)


def _raise_texts(form: Tree, items: list[Any]) -> Any:
    return pd.array(_raise_objects(items), dtype=_string_dtype(*form))


def _raise_arrow_text(form: Tree, chunks: Any) -> Any:
    return _string_dtype(*form).__from_arrow__(chunks)


def _lower_arrow(values: Any) -> Tree:
    return "arrow", values.__arrow_array__()


def _raise_arrow(chunks: Any) -> Any:
    return pd.ArrowDtype(chunks.type).__from_arrow__(chunks)


def _is_masked(values: Any) -> bool:
    masked = pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray
    return type(values) in masked


def _lower_masked(values: Any) -> Tree:
    mask = values.isna()
    data = values.to_numpy(dtype=values.dtype.numpy_dtype, na_value=0)
    return "masked", values.dtype.name, data, mask


def _raise_masked(name: str, data: Any, mask: Any) -> Any:
    dtype: Any = pd.api.types.pandas_dtype(name)
    return dtype.construct_array_type()(data, mask)


def _lower_zoned(values: Any) -> Tree:
    dtype = values.dtype
    form = (type(dtype.tz) is ZoneInfo, str(dtype.tz))
    again = pd.DatetimeTZDtype(dtype.unit, _zone_of(*form))
    if again != dtype or type(again.tz) is not type(dtype.tz):
        raise NeedsPickle(str(dtype.tz))
    return "zoned", values.to_numpy(dtype=f"M8[{dtype.unit}]"), form


def _zone_of(named: bool, zone: str) -> Any:
    """Return the zone; what a text alone means is up to the version of pandas."""
    return ZoneInfo(zone) if named else zone


def _raise_zoned(moments: Any, form: tuple[bool, str]) -> Any:
    # Not through an index: the arrays of those are read-only.
    array: Any = pd.array(moments)
    return array.tz_localize("UTC").tz_convert(_zone_of(*form))


def _lower_period(values: Any) -> Tree:
    name = str(values.dtype)
    if pd.api.types.pandas_dtype(name) != values.dtype:
        raise NeedsPickle(name)
    return "period", pd.PeriodIndex(values).asi8, name


def _raise_period(ordinals: Any, name: str) -> Any:
    dtype: Any = pd.api.types.pandas_dtype(name)
    return pd.arrays.PeriodArray(ordinals, dtype=dtype)


def _lower_interval(values: Any) -> Tree:
    sides = lower_index(values.left), lower_index(values.right)
    return "interval", *sides, values.closed


def _raise_interval(left: Tree, right: Tree, closed: Any) -> Any:
    sides = raise_index(left), raise_index(right)
    return pd.arrays.IntervalArray.from_arrays(*sides, closed=closed)


def lower_index(index: Any) -> Tree:
    """Return the tree of an index of exactly a class of pandas.

    Raises
    ------
    NeedsPickle
        If its values or its frequency are not covered.
    """
    kind = type(index)
    if kind is pd.RangeIndex:
        return "range index", index.start, index.stop, index.step, index.name
    if kind is pd.MultiIndex:
        levels = [lower_index(level) for level in index.levels]
        codes = [np.asarray(code) for code in index.codes]
        return "multi index", levels, codes, list(index.names), index.sortorder
    if kind.__name__ not in _INDEX_CLASSES or getattr(pd, kind.__name__) is not kind:
        raise NeedsPickle(kind.__qualname__)
    if isinstance(index.dtype, np.dtype):
        values = lower_values(index.to_numpy())
    else:
        values = lower_values(index.array)
    return "index", kind.__name__, values, index.name, _freq_of(index)


_INDEX_CLASSES = frozenset(
    {
        "Index",
        "CategoricalIndex",
        "DatetimeIndex",
        "IntervalIndex",
        "PeriodIndex",
        "TimedeltaIndex",
    }
)


def _freq_of(index: Any) -> str | None:
    if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        return None
    if index.freq is None:
        return None
    text: str = index.freq.freqstr
    if to_offset(text) != index.freq:
        raise NeedsPickle(text)
    return text


def raise_index(tree: Tree) -> Any:
    """Undo `lower_index`."""
    return _RAISE_INDEX[tree[0]](*tree[1:])


def _raise_range_index(start: int, stop: int, step: int, name: Any) -> Any:
    return pd.RangeIndex(start, stop, step, name=name)


def _raise_multi_index(
    levels: list[Tree], codes: list[Any], names: list[Any], sortorder: int | None
) -> Any:
    return pd.MultiIndex(
        levels=[raise_index(level) for level in levels],
        codes=codes,
        names=names,
        sortorder=sortorder,
    )


def _raise_plain_index(kind: str, values: Tree, name: Any, freq: str | None) -> Any:
    array = raise_values(values)
    if kind not in _INDEX_CLASSES:
        msg = f"no index class {kind}"
        raise ValueError(msg)
    # The dtype is named, else pandas guesses one for objects.
    dtype = {"dtype": array.dtype} if kind == "Index" else {}
    index = getattr(pd, kind)(array, name=name, copy=False, **dtype)
    if freq is not None:
        index.freq = to_offset(freq)
    return index


_LOWER: dict[type, Callable[[Any], Tree]] = {
    pd.CategoricalDtype: _lower_categorical,
    pd.StringDtype: _lower_string,
    pd.ArrowDtype: _lower_arrow,
    pd.DatetimeTZDtype: _lower_zoned,
    pd.PeriodDtype: _lower_period,
    pd.IntervalDtype: _lower_interval,
}
_RAISE: dict[str, Callable[..., Any]] = {
    "numpy": lambda values: values,
    "objects": _raise_objects,
    "categorical": _raise_categorical,
    "texts": _raise_texts,
    "arrow text": _raise_arrow_text,
    "arrow": _raise_arrow,
    "masked": _raise_masked,
    "zoned": _raise_zoned,
    "period": _raise_period,
    "interval": _raise_interval,
}
_RAISE_INDEX: dict[str, Callable[..., Any]] = {
    "range index": _raise_range_index,
    "multi index": _raise_multi_index,
    "index": _raise_plain_index,
}
