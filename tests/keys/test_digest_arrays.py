"""Digests of numpy arrays: by dtype, shape and elements alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gridcache.digest import digest
from gridcache.errors import NotKeyableError

Array = npt.NDArray[Any]

ARRAYS = hnp.arrays(
    hnp.scalar_dtypes() | hnp.array_dtypes(max_size=3),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
MATRIX = np.arange(9.0).reshape(3, 3)


@given(ARRAYS)
def test_memory_order_and_strides_do_not_count(array: Array) -> None:
    copies = [array.copy("C"), array.copy("F")]
    if array.ndim:
        copies += [np.repeat(array, 2, axis=-1)[..., ::2], array[::-1].copy()[::-1]]
    assert {digest(copy) for copy in copies} == {digest(array)}


@given(hnp.arrays(np.int8, (3, 3)), hnp.arrays(np.int8, (3, 3)))
def test_equal_exactly_if_all_elements_are(one: Array, other: Array) -> None:
    assert (digest(one) == digest(other)) == np.array_equal(one, other)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 400))
def test_large_arrays_without_order_equal_their_copies(x: int, y: int, z: int) -> None:
    array = np.arange(x * y * z % 500_000 + 1, dtype=np.int32)
    strided = np.lib.stride_tricks.as_strided(
        array, (len(array) // 8, 4), (16, 4), writeable=False
    )[:, ::-1]
    assert digest(strided) == digest(strided.copy())


class Marked(np.ndarray):
    unit: str


def marked(unit: str) -> Marked:
    array = MATRIX.view(Marked)
    array.unit = unit
    return array


DISTINCT: list[Callable[[], Any]] = [
    lambda: MATRIX,
    lambda: MATRIX.T,
    lambda: MATRIX.astype(np.float32),
    lambda: MATRIX.astype(">f8"),
    MATRIX.ravel,
    lambda: MATRIX.reshape(1, 9),
    lambda: MATRIX.view(np.int64),
    MATRIX.tolist,
    lambda: MATRIX.view(np.matrix),
    lambda: np.ma.array(MATRIX),
    lambda: np.ma.array(MATRIX, mask=MATRIX > 3),
    lambda: np.ma.array(MATRIX, fill_value=5),
    lambda: marked("m"),
    lambda: marked("km"),
    lambda: np.array(["a-b", "c"], object),
    lambda: np.array(["a", "b-c"], object),
    lambda: np.array(["a-b", "c"]),
    lambda: np.array(["a-b", "c"], "U9"),
    lambda: np.array(["a-b", "c"], np.dtypes.StringDType()),
    lambda: np.array(1.0, None),
    lambda: np.float64(1.0),
    lambda: 1.0,
    lambda: np.float32(1.0),
    lambda: np.array([1.0]),
    lambda: np.zeros((0, 3)),
    lambda: np.zeros((3, 0)),
    lambda: np.zeros(0),
    lambda: np.zeros(0, "i4"),
    lambda: np.array([0.0]),
    lambda: np.array([-0.0]),
    lambda: np.array(["2026-01-01"], "M8[D]"),
    lambda: np.array(["2026-01-01"], "M8[s]"),
    lambda: np.zeros(2, [("a", "i1"), ("b", "f8")]),
    lambda: np.zeros(2, [("b", "i1"), ("a", "f8")]),
    lambda: np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    lambda: np.zeros(2, [("a", "f8"), ("b", "i1")]),
    lambda: np.zeros(2, [("a", "i1", (2, 2))]),
    lambda: np.zeros(2, [("a", "i1", (4,))]),
    lambda: np.rec.array([(0, 0.0)] * 2, dtype=[("a", "i1"), ("b", "f8")]),
    lambda: np.array([None, [1]], object),
    lambda: np.array([None, (1,)], object),
    lambda: np.longdouble(1),
    lambda: np.dtype("i4"),
    lambda: np.dtype("i4", metadata={"a": 1}),
    lambda: np.add,
    lambda: np.multiply,
    lambda: np.sum,
    lambda: np.random.default_rng(5),
    lambda: np.random.default_rng(6),
    lambda: np.bool_(True),
    lambda: np.str_("a"),
]


def test_arrays_that_a_function_can_tell_apart_differ() -> None:
    values = [make() for make in DISTINCT]
    assert len({digest(value) for value in values}) == len(values)


def test_an_array_made_again_is_the_same() -> None:
    for make in DISTINCT:
        assert digest(make()) == digest(make())


def test_padding_does_not_count() -> None:
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    clean = np.zeros(4, dtype)
    dirty = np.frombuffer(b"\xff" * clean.nbytes, dtype).copy()
    dirty["a"], dirty["b"] = 0, 0
    assert digest(clean) == digest(dirty)


def test_padding_of_long_doubles_does_not_count() -> None:
    clean = np.zeros(4, np.longdouble)
    dirty = np.frombuffer(b"\xff" * clean.nbytes, np.longdouble).copy()
    dirty[:] = 0
    assert digest(clean) == digest(dirty)


def test_read_only_arrays_equal_writable_ones() -> None:
    frozen = MATRIX.copy()
    frozen.flags.writeable = False
    assert digest(frozen) == digest(MATRIX)


def test_a_memory_map_counts_by_content(tmp_path: Any) -> None:
    for name in ("one", "other"):
        MATRIX.tofile(tmp_path / name)
    maps = [np.memmap(tmp_path / name, shape=(3, 3)) for name in ("one", "other")]
    assert digest(maps[0]) == digest(maps[1])


def test_a_ufunc_without_a_name_is_refused() -> None:
    with pytest.raises(NotKeyableError):
        digest(np.frompyfunc(lambda x: x, 1, 1))
