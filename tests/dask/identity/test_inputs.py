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


def shown(*args: Any, **kwargs: Any) -> str:
    """Local code: tasks that call installed code count by Dask's name besides."""
    return f"{args}{kwargs}"


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


def table(**changes: Any) -> Any:
    made = pd.DataFrame(
        {
            "x": [1, 2],
            "y": [1.0, 2.0],
            "s": ["a", "b"],
            "o": [(1,), None],
            "t": pd.date_range("2026", periods=2),
            "c": pd.Categorical(["p", "q"]),
            "i": pd.array([1, None], dtype="Int64"),
        }
    )
    return made.assign(**changes)


class Table(pd.DataFrame):  # type: ignore[misc]
    """A frame of another class."""


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
TABLES: dict[str, Any] = {
    "as it is": table(),
    "an integer": table(x=[1, 3]),
    "a type": table(x=[1.0, 2.0]),
    "a text": table(s=["a", "c"]),
    "a type of text": table().astype({"s": object}),
    "an object": table(o=[(1.0,), None]),
    "a time": table(t=pd.date_range("2027", periods=2)),
    "a zone": table(t=pd.date_range("2026", periods=2, tz="UTC")),
    "a category": table(c=pd.Categorical(["q", "p"])),
    "categories": table(c=pd.Categorical(["p", "q"], ordered=True)),
    "a missing value": table(i=pd.array([1, 0], dtype="Int64")),
    "the order of columns": table()[["y", "x", "s", "o", "t", "c", "i"]],
    "a name": table().rename(columns={"x": "z"}),
    "the type of names": table().set_axis(
        pd.Index(list("xysotci"), dtype=object), axis=1
    ),
    "the name of names": table().rename_axis(columns="n"),
    "numbers as names": table().set_axis(range(7), axis=1),
    "floats as names": table().set_axis(np.arange(7.0), axis=1),
    "an index": table().set_axis([1, 2]),
    "an index by name": table().rename_axis("n"),
    "flags": table().set_flags(allows_duplicate_labels=False),
    "a class": Table(table()),
    "no rows": table().iloc[:0],
    "one row": table().iloc[:1],
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
    distinct(delayed(shown, pure=True), VALUES[name])
    distinct(lambda value: delayed(shown, pure=True)(x=value), VALUES[name])
    distinct(lambda value: delayed(shown, pure=True)(delayed(value)), VALUES[name])


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


def test_whatever_can_be_told_of_a_frame_counts() -> None:
    call = delayed(shown, pure=True)
    made = {name: ids(call(frame))[0] for name, frame in TABLES.items()}
    assert len(set(made.values())) == len(TABLES)
    del made["a class"]  # A copy of it is a plain frame.
    assert made == {name: ids(call(TABLES[name].copy()))[0] for name in made}


def test_the_blocks_of_a_frame_do_not_count() -> None:
    whole = pd.DataFrame(np.arange(6).reshape(3, 2), columns=["a", "b"])
    parts = pd.DataFrame({"a": [0, 2, 4]}).assign(b=[1, 3, 5])
    call = delayed(shown, pure=True)
    assert ids(call(whole)) == ids(call(parts))


def test_the_layout_of_an_array_does_not_count() -> None:
    made = square()
    assert ids(da.from_array(made)) == ids(da.from_array(np.asfortranarray(made)))
    assert ids(da.from_array(made[::2])) == ids(da.from_array(made[::2].copy()))


def test_the_same_data_are_the_same_in_whatever_they_are_given() -> None:
    def total(block: Any) -> Any:
        return block.sum()

    call = delayed(total, pure=True)
    assert ids(call(square())) == ids(call(delayed(square())))
