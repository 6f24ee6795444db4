"""What every family of values owes: one suite for all of them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridcache.codec import Frames, align, compress, decode, encode
from gridcache.errors import (
    CorruptFramesError,
    NotEncodableError,
    UnsafeCodecError,
)

Case = tuple[str, Any]
Body = tuple[Frames, memoryview]
LayOut = Callable[[Frames], memoryview]
Same = Callable[[Any, Any], bool]
PartsOf = Callable[[Any], Iterator[Any]]

HEADER_NBYTES = 8 << 10


@pytest.fixture
def body(case: Case, lay_out: LayOut) -> Body:
    frames = encode(case[1])
    return frames, lay_out(frames)


def test_round_trip_is_exact(case: Case, body: Body, same: Same) -> None:
    frames, memory = body
    assert same(decode(frames.header, memory), case[1])


def test_round_trip_of_private_copies_is_exact(
    case: Case, body: Body, same: Same
) -> None:
    frames, memory = body
    assert same(decode(frames.header, memory, copy=True), case[1])


def test_round_trip_through_compression_is_exact(
    case: Case, lay_out: LayOut, same: Same
) -> None:
    frames = encode(case[1], compress=True)
    assert same(decode(frames.header, lay_out(frames)), case[1])


def test_compressing_later_gives_what_compressing_at_once_gives(
    case: Case, body: Body, lay_out: LayOut
) -> None:
    frames, memory = body
    at_once, later = encode(case[1], compress=True), compress(frames.header, memory)
    if later is None:
        assert at_once.header == frames.header or case[0].startswith("pickle:")
    else:
        assert later.viewable == at_once.viewable
        assert later.raw_nbytes == frames.body_nbytes
        assert later.body_nbytes < frames.body_nbytes
        assert compress(later.header, lay_out(later)) is None


def test_later_compression_is_exact(
    case: Case, body: Body, lay_out: LayOut, same: Same
) -> None:
    frames, memory = body
    later = compress(frames.header, memory)
    if later is not None:
        assert same(decode(later.header, lay_out(later)), case[1])


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_come_back_read_only_and_pandas_writable(
    case: Case, lay_out: LayOut, parts_of: PartsOf, compressed: bool
) -> None:
    frames = encode(case[1], compress=compressed)
    for part in parts_of(decode(frames.header, lay_out(frames))):
        assert not isinstance(part, np.ndarray) or not part.flags.writeable
        overwrite(part)


def overwrite(value: Any) -> None:
    """Write to every column of a pandas object; raises if one is read-only."""
    columns = [value] if isinstance(value, pd.Series) else []
    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, at] for at in range(value.shape[1])]
    for at, column in enumerate(columns):
        if len(value) and not isinstance(column.dtype, pd.SparseDtype):
            where = (0, at) if isinstance(value, pd.DataFrame) else 0
            value.iloc[where] = column.iloc[-1]


def test_private_copies_are_writable_and_do_not_touch_the_body(
    case: Case, body: Body, parts_of: PartsOf
) -> None:
    frames, memory = body
    before = bytes(memory)
    for part in parts_of(decode(frames.header, memory, copy=True)):
        if isinstance(part, np.ndarray):
            assert part.flags.writeable
            assert not np.shares_memory(part, np.frombuffer(memory, "u1"))
            if part.size:
                part.flat[0] = part.flat[-1]
    assert bytes(memory) == before


def test_two_decodes_share_nothing_mutable(
    case: Case, body: Body, parts_of: PartsOf, same: Same
) -> None:
    frames, memory = body
    first, second = (decode(frames.header, memory) for _ in range(2))
    mutable = list, dict, set, bytearray, np.ndarray, pd.DataFrame, pd.Series
    parts = [
        [p for p in parts_of(v) if isinstance(p, mutable)] for v in (first, second)
    ]
    assert not {*map(id, parts[0])} & {*map(id, parts[1])}
    for part in parts[0]:
        overwrite(part)
    assert same(second, case[1])


def test_a_viewable_array_lies_in_the_body(case: Case, body: Body) -> None:
    frames, memory = body
    value = decode(frames.header, memory)
    if type(value) is np.ndarray and value.size and not value.dtype.hasobject:
        assert frames.viewable
        assert np.shares_memory(value, np.frombuffer(memory, "u1"))
        assert value.ctypes.data % 64 == 0


def test_frames_tell_their_size(case: Case, body: Body) -> None:
    frames, memory = body
    ends = [align(buffer.nbytes) for buffer in frames.buffers]
    assert memory.nbytes == frames.body_nbytes == frames.raw_nbytes
    assert sum(ends) - 64 < frames.body_nbytes <= sum(ends) or not ends
    assert all(b.contiguous and b.format == "B" for b in frames.buffers)
    assert len(frames.header) < HEADER_NBYTES


def test_encoding_leaves_the_value_alone(
    case: Case, same: Same, lay_out: LayOut
) -> None:
    frames = encode(case[1])
    before = decode(frames.header, lay_out(frames), copy=True)
    encode(case[1], compress=True)
    assert same(before, case[1])


def test_a_body_of_another_length_is_corrupt(body: Body) -> None:
    frames, memory = body
    shorter, longer = memory[:-1], memoryview(bytes(memory) + b"\0")
    for wrong in (longer, shorter) if memory.nbytes else (longer,):
        with pytest.raises(CorruptFramesError):
            decode(frames.header, wrong)


def test_a_cut_header_is_corrupt(body: Body) -> None:
    frames, memory = body
    for end in range(min(len(frames.header), 64)):
        with pytest.raises(CorruptFramesError):
            decode(frames.header[:end], memory)


def test_safe_values_need_no_pickle(
    safe_value: Any, same: Same, lay_out: LayOut
) -> None:
    frames = encode(safe_value, allow_pickle=False)
    value = decode(frames.header, lay_out(frames), allow_pickle=False)
    assert same(value, safe_value)


def test_other_values_are_refused_without_pickle(
    pickled_value: Any, lay_out: LayOut
) -> None:
    with pytest.raises(NotEncodableError, match="allow_pickle=False"):
        encode(pickled_value, allow_pickle=False)
    frames = encode(pickled_value)
    with pytest.raises(UnsafeCodecError):
        decode(frames.header, lay_out(frames), allow_pickle=False)
