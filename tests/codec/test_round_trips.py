"""Round trips of values that Hypothesis thinks up."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gridcache.codec import Frames, compress, decode, encode
from gridcache.codec.encode import encode_long
from gridcache.codec.short_ways import ENCODE_SHORT

LayOut = Callable[[Frames], memoryview]
Same = Callable[[Any, Any], bool]

TEXT = st.text(st.characters(), max_size=40)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | TEXT
    | st.binary(max_size=40)
)
FROZEN = st.recursive(
    st.integers() | TEXT | st.none() | st.binary(max_size=9),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=6,
)
ARRAYS = hnp.arrays(
    hnp.scalar_dtypes()
    | hnp.unicode_string_dtypes(max_len=8)
    | hnp.byte_string_dtypes(max_len=8)
    | hnp.datetime64_dtypes()
    | hnp.timedelta64_dtypes()
    | hnp.array_dtypes(allow_subarrays=True),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
)
NESTED = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=30)
        | st.tuples(inner, inner)
        | st.dictionaries(FROZEN, inner, max_size=8)
        | st.sets(FROZEN, max_size=8)
    ),
    max_leaves=40,
)
COLUMNS = st.one_of(
    *(
        st.lists(items, min_size=10, max_size=60)
        for items in (st.integers(), st.floats(), TEXT, st.binary(max_size=9))
    ),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=10, max_size=60),
)


def through(frames: Frames, lay_out: LayOut, *, copy: bool = False) -> Any:
    body = lay_out(frames)
    return decode(frames.header, body, allow_pickle=False, copy=copy)


@given(value=NESTED)
@settings(max_examples=150)
def test_nested_values(value: Any, lay_out: LayOut, same: Same) -> None:
    frames = encode(value, allow_pickle=False)
    assert same(through(frames, lay_out), value)
    assert same(through(frames, lay_out, copy=True), value)


@given(value=COLUMNS)
def test_lists_of_one_type(value: list[Any], lay_out: LayOut, same: Same) -> None:
    assert same(through(encode(value, allow_pickle=False), lay_out), value)


@given(array=ARRAYS, data=st.data())
def test_views_of_arrays(
    array: np.ndarray[Any, Any], data: st.DataObject, lay_out: LayOut, same: Same
) -> None:
    index = data.draw(hnp.basic_indices(array.shape, allow_ellipsis=True))
    view = np.asarray(array[index])
    view = view.T if data.draw(st.booleans()) else view
    assert same(through(encode(view, allow_pickle=False), lay_out), view)


@given(nbytes=st.integers(4090, 4100), step=st.integers(0, 255), text=st.booleans())
def test_bytes_about_the_least_size_of_compression(
    nbytes: int, step: int, text: bool, lay_out: LayOut
) -> None:
    data = bytes(at * step % 128 for at in range(nbytes))
    value = data.decode("ascii") if text else data
    frames, small = encode(value), encode(value, compress=True)
    assert through(frames, lay_out) == through(small, lay_out) == value
    assert small.body_nbytes <= frames.body_nbytes == nbytes
    later = compress(frames.header, lay_out(frames))
    assert (later is None) == (small.header == frames.header)


@given(value=SCALARS | ARRAYS)
def test_the_short_way_writes_what_the_general_way_writes(
    value: Any, lay_out: LayOut
) -> None:
    short_way = ENCODE_SHORT.get(type(value))
    short = short_way(value) if short_way is not None else None
    if short is not None:
        general = encode_long(value)
        assert short.header == general.header
        assert lay_out(short) == lay_out(general)
        assert short.viewable == general.viewable
        assert short.raw_nbytes == general.raw_nbytes
