"""Inputs from memory count by content, where Dask's own tokens are equal too."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dask.delayed import delayed

from tests.dask.identity.kit import ids


class Marked(np.ndarray):
    """An array of another class."""


def square() -> Any:
    return np.arange(9.0).reshape(3, 3)


def objects(*parts: str) -> Any:
    return np.array(parts, dtype=object)


def strings() -> Any:
    return pd.Series(list("abcd"))


def described(text: str) -> Any:
    frame = pd.DataFrame({"x": [1, 2]})
    frame.attrs["source"] = text
    return frame


ARRAYS: dict[str, tuple[Any, Any]] = {
    "a matrix and its transpose": (square(), square().T),
    "arrays of objects": (objects("a-b", "c"), objects("a", "b-c")),
    "an array and one of a subclass": (square(), square().view(Marked)),
    "types": (np.arange(3, dtype="i8"), np.arange(3, dtype="f8")),
    "byte orders": (np.zeros(3, "<i4"), np.zeros(3, ">i4")),
    "zeros": (np.array([0.0]), np.array([-0.0])),
}
FRAMES: dict[str, tuple[Any, Any]] = {
    "slices of strings": (
        strings().iloc[:2],
        strings().iloc[2:].reset_index(drop=True),
    ),
    "attributes": (described("one"), described("other")),
    "names": (strings().rename("x"), strings().rename("y")),
    "indices": (strings(), strings().set_axis([1, 2, 3, 4])),
}
VALUES: dict[str, tuple[Any, Any]] = {
    **ARRAYS,
    **FRAMES,
    "slices of Arrow": (
        pa.array([1, 2, 3, 4]).slice(0, 2),
        pa.array([1, 2, 3, 4]).slice(2, 2),
    ),
    "int and float": (1, 1.0),
    "int and bool": (1, True),
    "list and tuple": ([1, 2], (1, 2)),
    "bytes and text": (b"a", "a"),
    "bytes": (b"a", b"b"),
    "orders of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "nested": ({"a": [1, (2, {3})]}, {"a": [1, (2, frozenset({3}))]}),
    "slices of numbers": (slice(0, 1), slice(0, 1, 1)),
    "dtypes": (np.dtype("i4"), np.dtype("i8")),
    "empty": ((), []),
    "nothing": (None, ...),
    "numpy's and Python's": (np.float64(1), 1.0),
}


def distinct(make: Callable[[Any], Any], pair: tuple[Any, Any]) -> None:
    first, second = (ids(make(value)) for value in pair)
    assert first != second
    assert first == ids(make(pair[0]))


@pytest.mark.parametrize("name", ARRAYS)
def test_blocks_of_an_array_count_by_content(name: str) -> None:
    distinct(lambda value: da.from_array(value, chunks=2, asarray=False), ARRAYS[name])


@pytest.mark.parametrize("name", FRAMES)
def test_partitions_of_a_frame_count_by_content(name: str) -> None:
    distinct(lambda value: dd.from_pandas(value, npartitions=1), FRAMES[name])


@pytest.mark.parametrize("name", VALUES)
def test_arguments_of_calls_count_by_content(name: str) -> None:
    distinct(delayed(repr, pure=True), VALUES[name])
    distinct(lambda value: delayed(dict, pure=True)(x=value), VALUES[name])
    distinct(lambda value: delayed(repr, pure=True)(delayed(value)), VALUES[name])


@pytest.mark.parametrize("name", VALUES)
def test_options_of_mapped_blocks_count_by_content(name: str) -> None:
    def use(block: Any, option: Any) -> Any:
        return block

    def make(value: Any) -> Any:
        return da.ones(4, chunks=2).map_blocks(use, option=value, dtype=float)

    distinct(make, VALUES[name])


@pytest.mark.parametrize("name", VALUES)
def test_items_of_a_bag_count_by_content(name: str) -> None:
    distinct(lambda value: db.from_sequence([value, 0], npartitions=1), VALUES[name])


def test_the_layout_of_an_array_does_not_count() -> None:
    made = square()
    assert ids(da.from_array(made)) == ids(da.from_array(np.asfortranarray(made)))
    assert ids(da.from_array(made[::2])) == ids(da.from_array(made[::2].copy()))


def test_the_same_data_are_the_same_in_whatever_they_are_given() -> None:
    def total(block: Any) -> Any:
        return block.sum()

    call = delayed(total, pure=True)
    assert ids(call(square())) == ids(call(delayed(square())))
