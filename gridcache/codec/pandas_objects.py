"""pandas DataFrame, Series and Index: independent and writable when decoded.

Taken apart into arrays and plain values (`pandas_arrays`), so that they need no
pickle; what cannot be (subclasses, sparse columns, odd attrs) is pickled, with
private buffers. Names, dtypes, attrs, flags and frequencies come back exactly;
how columns are grouped in pandas' blocks does not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from gridcache.codec.families import DECODERS, ENCODERS, Encoder
from gridcache.codec.pandas_arrays import (
    Tree,
    lower_index,
    lower_values,
    raise_index,
    raise_values,
)
from gridcache.codec.reader import Reader
from gridcache.codec.wire import Tag
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import CorruptFramesError

__all__: list[str] = []

MAX_SINGLE_COLUMNS = 64
"""Wider frames store the columns of a dtype as one block: fewer, larger buffers."""


def _lower_frame(frame: Any) -> Tree:
    columns = lower_index(frame.columns)
    index = lower_index(frame.index)
    return "frame", list(_lower_columns(frame)), index, columns, *_extras(frame)


def _lower_columns(frame: Any) -> Iterator[Tree]:
    """Yield ([position], values) and (positions, values of a block)."""
    blocks = defaultdict(list)
    for position, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, np.dtype) and dtype.kind != "O":
            blocks[dtype].append(position)
    stacked = len(blocks) == 1 or frame.shape[1] > MAX_SINGLE_COLUMNS
    done: set[int] = set()
    for positions in blocks.values():
        if stacked and len(positions) > 1:
            whole = len(positions) == frame.shape[1]
            block = frame if whole else frame.iloc[:, positions]
            yield positions, lower_values(block.to_numpy())
            done.update(positions)
    for position, (_, series) in enumerate(frame.items()):
        if position not in done:
            yield [position], _lower_column(series)


def _lower_column(series: Any) -> Tree:
    if isinstance(series.dtype, np.dtype):
        return lower_values(series.to_numpy())
    return lower_values(series.array)


def _extras(value: Any) -> Tree:
    return dict(value.attrs), value.flags.allows_duplicate_labels


def _raise_frame(columns: list[Tree], index: Tree, labels: Tree, *extras: Any) -> Any:
    rows = raise_index(index)
    singles: dict[int, Any] = {}
    parts = []
    for positions, tree in columns:
        values = raise_values(tree)
        if len(positions) == 1:
            singles[positions[0]] = _series(values, rows)
        else:
            parts.append(pd.DataFrame(values, rows, positions, copy=False))
    if singles or not parts:
        parts.append(pd.DataFrame(singles, rows, copy=False))
    return _with_extras(_joined(parts, raise_index(labels)), *extras)


def _joined(parts: list[Any], labels: Any) -> Any:
    frame = parts[0] if len(parts) == 1 else pd.concat(parts, axis=1)
    if not frame.columns.is_monotonic_increasing:
        frame = frame.reindex(columns=range(len(labels)))
    frame.columns = labels
    return frame


def _series(values: Any, index: Any, name: Any = None) -> Any:
    # The dtype is named, else pandas guesses one for objects.
    return pd.Series(values, index, dtype=values.dtype, name=name, copy=False)


def _with_extras(value: Any, attrs: dict[Any, Any], unique: bool) -> Any:
    value.attrs = attrs
    if not unique:
        value.flags.allows_duplicate_labels = False
    return value


def _lower_series(series: Any) -> Tree:
    index = lower_index(series.index)
    return "series", _lower_column(series), index, series.name, *_extras(series)


def _raise_series(values: Tree, index: Tree, name: Any, *extras: Any) -> Any:
    series = _series(raise_values(values), raise_index(index), name)
    return _with_extras(series, *extras)


def _encoder(lower: Callable[[Any], Tree]) -> Encoder:
    def write(writer: Writer, value: Any) -> None:
        if writer.seen(value):
            return
        writer.stream.append(Tag.PANDAS)
        tree = _tried(lower, value)
        with writer.private():
            writer.temporary(tree)
        writer.written(value)

    return write


def _tried(lower: Callable[[Any], Tree], value: Any) -> Tree:
    try:
        return lower(value)
    except (NeedsPickle, MemoryError):
        raise
    except Exception as exc:
        # A version or an array of pandas that answers otherwise than expected.
        raise NeedsPickle(str(exc)) from exc


def _read(reader: Reader) -> Any:
    with reader.private():
        tree = reader.value()
    kind = tree[0]
    try:
        value = _RAISE[kind](*tree[1:]) if kind in _RAISE else raise_index(tree)
    except Exception as exc:
        msg = f"the parts of a pandas object do not fit together: {exc}"
        raise CorruptFramesError(msg) from exc
    reader.memo.append(value)
    return value


_RAISE: dict[str, Callable[..., Any]] = {"frame": _raise_frame, "series": _raise_series}

ENCODERS[pd.DataFrame] = _encoder(_lower_frame)
ENCODERS[pd.Series] = _encoder(_lower_series)
for _index in (
    pd.Index,
    pd.RangeIndex,
    pd.MultiIndex,
    pd.CategoricalIndex,
    pd.DatetimeIndex,
    pd.IntervalIndex,
    pd.PeriodIndex,
    pd.TimedeltaIndex,
):
    ENCODERS[_index] = _encoder(lower_index)
DECODERS[Tag.PANDAS] = _read
