"""polars DataFrame and Series, through Arrow without a copy.

Covers the dtypes that come back from Arrow as they were, which is tried on an
empty frame at each encoding. Others (objects, 128-bit integers) and lazy frames
are pickled. Whether a column is known to be sorted is not kept.
"""

from typing import Any

import polars as pl
import pyarrow as pa

from gridcache.codec.arrow_arrays import HAS_VIEWS
from gridcache.codec.families import DECODERS, ENCODERS
from gridcache.codec.reader import Reader
from gridcache.codec.wire import Tag
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import CorruptFramesError

__all__: list[str] = []

_FRAME, _SERIES = range(2)
# The oldest level turns texts into another layout, which is a copy.
_LEVEL = pl.CompatLevel.newest() if HAS_VIEWS else pl.CompatLevel.oldest()


def _to_arrow(frame: pl.DataFrame) -> Any:
    """Return the table that shares the memory of `frame`.

    Raises
    ------
    NeedsPickle
        If the frame would not come back with the same dtypes.
    """
    try:
        _check_dtypes(frame)
        return frame.to_arrow(compat_level=_LEVEL)
    except (pa.ArrowException, pl.exceptions.PolarsError) as exc:
        raise NeedsPickle(str(exc)) from exc


def _check_dtypes(frame: pl.DataFrame) -> None:
    empty = frame.clear()
    again = pl.from_arrow(empty.to_arrow(compat_level=_LEVEL))
    if not isinstance(again, pl.DataFrame) or again.dtypes != frame.dtypes:
        msg = f"{frame.schema} through Arrow"
        raise NeedsPickle(msg)


def _write_frame(writer: Writer, frame: pl.DataFrame) -> None:
    _write(writer, _FRAME, frame, frame)


def _write_series(writer: Writer, series: pl.Series) -> None:
    _write(writer, _SERIES, series, series.to_frame())


def _write(writer: Writer, kind: int, value: Any, frame: pl.DataFrame) -> None:
    if writer.seen(value):
        return
    writer.stream += bytes((Tag.POLARS, kind))
    writer.enter()
    writer.temporary(_to_arrow(frame))
    writer.leave()
    writer.written(value)


def _read(reader: Reader) -> pl.DataFrame | pl.Series:
    kind = reader.uint()
    reader.enter()
    table = reader.value()
    reader.leave()
    try:
        frame = pl.from_arrow(table, rechunk=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as exc:
        msg = f"polars cannot read the table: {exc}"
        raise CorruptFramesError(msg) from exc
    if not isinstance(frame, pl.DataFrame):
        msg = "a polars frame that is no table"
        raise CorruptFramesError(msg)
    # polars gives columns without a name one of its own.
    if frame.columns != table.column_names:
        frame.columns = table.column_names
    value = frame.to_series(0) if kind == _SERIES else frame
    reader.memo.append(value)
    return value


ENCODERS[pl.DataFrame] = _write_frame
ENCODERS[pl.Series] = _write_series
DECODERS[Tag.POLARS] = _read
