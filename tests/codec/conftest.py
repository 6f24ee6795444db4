"""Values of every family, and the tools that the codec's tests share."""

import runpy
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gridcache.codec import ALIGNMENT, Frames, align


def lay_out(frames: Frames) -> memoryview:
    """Lay the buffers end to end at a cache line, as the store does."""
    room = np.zeros(frames.body_nbytes + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    body = room[start : start + frames.body_nbytes].data
    offset = 0
    for buffer in frames.buffers:
        body[offset : offset + buffer.nbytes] = buffer
        offset = align(offset + buffer.nbytes)
    return body.toreadonly()


@pytest.fixture(scope="session", name="lay_out")
def lay_out_fixture() -> Callable[[Frames], memoryview]:
    return lay_out


@dataclass
class Point:
    """A user's own class."""

    x: float
    tags: list[str] = field(default_factory=list)
    data: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and same(vars(self), vars(other))

    __hash__ = None  # type: ignore[assignment]


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal to the last bit, types and order included."""
    if type(left) is not type(right):
        return False
    compare = _COMPARE.get(type(left))
    if compare is not None:
        return bool(compare(left, right))
    if isinstance(left, np.ndarray):
        return _same_arrays(left, right)
    if isinstance(left, np.generic):
        return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())
    if isinstance(left, (pa.Array, pa.ChunkedArray)):
        return bool(left.type == right.type and left.equals(right))
    return bool(left == right)


def _same_items(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(map(same, left, right))


def _same_dicts(left: Any, right: Any) -> bool:
    return _same_items(list(left), list(right)) and _same_items(
        list(left.values()), list(right.values())
    )


def _same_sets(left: Any, right: Any) -> bool:
    kinds = [sorted(type(item).__name__ for item in each) for each in (left, right)]
    return bool(left == right and kinds[0] == kinds[1])


def _same_arrays(left: Any, right: Any) -> bool:
    fortran = left.flags.f_contiguous and not left.flags.c_contiguous
    form = left.dtype == right.dtype and left.shape == right.shape
    if not form or (fortran and not right.flags.f_contiguous):
        return False
    if left.dtype.hasobject:
        return _same_items(left.ravel().tolist(), right.ravel().tolist())
    if isinstance(left, np.ma.MaskedArray):
        return _same_arrays(left.data, right.data) and np.array_equal(
            left.mask, right.mask
        )
    return bool(left.tobytes() == right.tobytes())


def _same_frames(left: Any, right: Any) -> bool:
    pd.testing.assert_frame_equal(
        left, right, check_freq=True, check_flags=True, check_column_type=True
    )
    arrays = [
        (left.iloc[:, at].array, right.iloc[:, at].array) for at in range(left.shape[1])
    ]
    return same(left.attrs, right.attrs) and all(type(a) is type(b) for a, b in arrays)


def _same_series(left: Any, right: Any) -> bool:
    pd.testing.assert_series_equal(left, right, check_freq=True, check_flags=True)
    return same(left.attrs, right.attrs) and same(left.name, right.name)


def _same_index(left: Any, right: Any) -> bool:
    pd.testing.assert_index_equal(left, right, exact=True)
    return bool(getattr(left, "freq", None) == getattr(right, "freq", None))


def _same_tables(left: Any, right: Any) -> bool:
    schemas = left.schema.equals(right.schema, check_metadata=True)
    return bool(schemas and left.equals(right))


_INDEXES = (
    "Index RangeIndex MultiIndex DatetimeIndex TimedeltaIndex PeriodIndex "
    "IntervalIndex CategoricalIndex"
)
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    float: lambda a, b: struct.pack("<d", a) == struct.pack("<d", b),
    complex: lambda a, b: same((a.real, a.imag), (b.real, b.imag)),
    list: _same_items,
    tuple: _same_items,
    dict: _same_dicts,
    OrderedDict: _same_dicts,
    set: _same_sets,
    frozenset: _same_sets,
    pd.DataFrame: _same_frames,
    pd.Series: _same_series,
    pa.Table: _same_tables,
    pa.RecordBatch: _same_tables,
    pl.DataFrame: lambda a, b: a.schema == b.schema and a.equals(b),
    pl.Series: lambda a, b: (a.name, a.dtype) == (b.name, b.dtype) and a.equals(b),
    **{getattr(pd, name): _same_index for name in _INDEXES.split()},
}


@pytest.fixture(scope="session", name="same")
def same_fixture() -> Callable[[Any, Any], bool]:
    return same


def parts_of(value: Any) -> Iterator[Any]:
    """Yield `value` and the parts of it; pandas objects are parts, not whole."""
    yield value
    children: list[Any] = []
    if isinstance(value, dict):
        children = list(value.values())
    elif isinstance(value, (list, tuple)):
        children = list(value)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        children = value.ravel().tolist()
    elif isinstance(value, Point):
        children = list(vars(value).values())
    for child in children:
        yield from parts_of(child)


@pytest.fixture(scope="session", name="parts_of")
def parts_of_fixture() -> Callable[[Any], Iterator[Any]]:
    return parts_of


def _pickled() -> dict[str, Any]:
    grid = np.arange(6000.0).reshape(60, 100)
    frame = pd.DataFrame({"a": [1.5, 2.5]})
    point = Point(1.0, ["a"], grid)
    cycle: list[Any] = [1]
    cycle.append(Point(0, data=cycle))
    return {
        "pickle:object": point,
        "pickle:objects-shared": [point, point, {"p": point}],
        "pickle:object-strided": Point(2.0, data=grid[::2, ::2]),
        "pickle:object-fortran": Point(2.0, data=grid.T),
        "pickle:object-of-objects": Point(2.0, data=np.array([grid, None], object)),
        "pickle:object-frame": Point(2.0, data=frame),
        "pickle:object-nested": [{"f": frame, "p": [point]}, grid],
        "pickle:object-table": Point(2.0, data=pa.table({"a": range(900)})),
        "pickle:buffer": Point(2.0, data=[bytearray(b"z" * 900), b"y" * 900]),
    }


def _values() -> dict[str, Any]:
    values = _pickled()
    for path in sorted(Path(__file__).parent.glob("values_*.py")):
        values.update(runpy.run_path(str(path))["VALUES"])
    return values


VALUES = _values()


@pytest.fixture(scope="session")
def values() -> dict[str, Any]:
    """Give all values by name."""
    return VALUES


@pytest.fixture(params=VALUES)
def case(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """Name and value; names say what the family needs (`pickle:`)."""
    name: str = request.param
    return name, VALUES[name]


@pytest.fixture(params=[name for name in VALUES if not name.startswith("pickle:")])
def safe_value(request: pytest.FixtureRequest) -> Any:
    """Give each value that needs no pickle."""
    return VALUES[request.param]


@pytest.fixture(params=[name for name in VALUES if name.startswith("pickle:")])
def pickled_value(request: pytest.FixtureRequest) -> Any:
    """Give each value that needs pickle."""
    return VALUES[request.param]
