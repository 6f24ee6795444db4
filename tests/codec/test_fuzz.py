"""Whatever the bytes are: a value, CorruptFramesError or UnsafeCodecError."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache.codec import Frames, decode, encode
from gridcache.codec.wire import VERSION, Tag, uint
from gridcache.errors import CorruptFramesError, UnsafeCodecError

NATIVE = "arrow", "polars", "frame", "series", "index", "table"
"""Parts of the names of values whose contents native code trusts.

Changed ones are decoded with `allow_pickle=False` alone, which looks at each
offset; the stores' checksums guard the rest.
"""

LayOut = Callable[[Frames], memoryview]
Encoded = list[tuple[bytes, bytes, bool]]

MODEST_NBYTES = 4 << 20
TAGS = st.sampled_from([int(tag) for tag in Tag])


@pytest.fixture(scope="module")
def encoded(values: dict[str, Any], lay_out: LayOut) -> Encoded:
    frames = [
        (encode(value, compress=compress), any(part in name for part in NATIVE))
        for name, value in values.items()
        for compress in (False, True)
        if "long" not in name and "many" not in name
    ]
    return [(each.header, bytes(lay_out(each)), native) for each, native in frames]


def decode_or_refuse(header: bytes, body: bytes, *, allow_pickle: bool) -> None:
    for copy in (False, True):
        with suppress(CorruptFramesError, UnsafeCodecError):
            decode(header, memoryview(body), allow_pickle=allow_pickle, copy=copy)


def mutate(data: st.DataObject, original: bytes) -> bytes:
    out = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(out)))
        patch = data.draw(st.binary(min_size=1, max_size=9))
        change = data.draw(st.sampled_from(["replace", "insert", "delete"]))
        if change == "replace":
            out[at : at + len(patch)] = patch
        elif change == "insert":
            out[at:at] = patch
        else:
            del out[at : at + len(patch)]
    return bytes(out)


@given(data=st.data(), allow_pickle=st.booleans())
def test_changed_headers_are_refused_or_decoded(
    encoded: Encoded, data: st.DataObject, allow_pickle: bool
) -> None:
    header, body, native = data.draw(st.sampled_from(encoded))
    allow_pickle = allow_pickle and not native
    decode_or_refuse(mutate(data, header), body, allow_pickle=allow_pickle)


@given(data=st.data())
def test_changed_bodies_are_refused_or_decoded(
    encoded: Encoded, data: st.DataObject
) -> None:
    header, body, native = data.draw(st.sampled_from(encoded))
    changed = (mutate(data, body) + body)[: len(body)]
    decode_or_refuse(header, changed, allow_pickle=not native)


@given(data=st.data(), seed=st.integers(0, 2**32))
def test_flipped_bits_are_refused_or_decoded(
    encoded: Encoded, data: st.DataObject, seed: int
) -> None:
    header, body, _ = data.draw(st.sampled_from(encoded))
    changed = bytearray(header)
    changed[seed % len(changed)] ^= 1 << seed % 8
    decode_or_refuse(bytes(changed), body, allow_pickle=False)


@given(tail=st.binary(max_size=200), body=st.binary(max_size=300))
def test_random_bytes_are_refused_or_decoded(tail: bytes, body: bytes) -> None:
    decode_or_refuse(tail, body, allow_pickle=True)


@given(tag=TAGS, spilled=st.booleans(), tail=st.binary(max_size=100))
def test_random_streams_behind_a_true_start_are_refused_or_decoded(
    tag: int, spilled: bool, tail: bytes
) -> None:
    stream = bytes((tag,)) + tail
    if spilled:
        header = bytes((VERSION, Tag.SPILLED, 1)) + uint(len(stream) << 2)
        header += bytes((tag,))
        decode_or_refuse(header, stream, allow_pickle=True)
    else:
        header = bytes((VERSION, tag, 0)) + tail
        decode_or_refuse(header, b"", allow_pickle=True)


HUGE = uint(1 << 60)
LYING_HEADERS = {
    "buffer": bytes((VERSION, Tag.BYTES, 1)) + uint(1 << 61) + b"\1",
    "buffers": bytes((VERSION, Tag.BYTES)) + HUGE,
    "lz4": bytes((VERSION, Tag.BYTES, 1)) + uint(8 << 2 | 1) + HUGE + b"\1",
    "int": bytes((VERSION, Tag.INT, 0)) + HUGE,
    "list": bytes((VERSION, Tag.LIST, 0)) + HUGE + b"\0",
    "column": bytes((VERSION, Tag.LIST, 0)) + HUGE + b"\3\1\0\0",
    "gaps": bytes((VERSION, Tag.LIST, 0)) + HUGE + b"\1\0\0" + HUGE + b"\3\1\0\0",
    "rows": bytes((VERSION, Tag.LIST, 0)) + HUGE + b"\2\1" + HUGE,
    "array": bytes((VERSION, Tag.ARRAY, 0, Tag.STR, 0, 3)) + b"<f8\2" + HUGE + b"\0\0",
    "itemsize": bytes((VERSION, Tag.ARRAY, 0, Tag.STR, 0, 11)) + b"|V999999999\0\0\0",
    "embedded": bytes((VERSION, Tag.BYTES, 0, 0)) + HUGE,
    "pickle": bytes((VERSION, Tag.PICKLE, 0)) + bytes(8) + b"\0" + HUGE,
}


@pytest.mark.parametrize("header", LYING_HEADERS.values(), ids=LYING_HEADERS)
@pytest.mark.parametrize("body", [b"", bytes(8)], ids=["empty", "eight"])
def test_declared_sizes_are_not_believed(header: bytes, body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFramesError):
            decode(header, memoryview(body))
        assert tracemalloc.get_traced_memory()[1] < MODEST_NBYTES
    finally:
        tracemalloc.stop()


def test_a_buffer_can_be_used_once_only() -> None:
    twice = bytes((VERSION, Tag.LIST, 1)) + uint(3 << 2) + b"\2\0B\1B\1"
    with pytest.raises(CorruptFramesError, match="used twice"):
        decode(twice, memoryview(b"abc"))


def test_containers_nested_without_end_are_refused() -> None:
    stream = bytes((Tag.LIST, 1, 0)) * 5000
    header = bytes((VERSION, Tag.SPILLED, 1)) + uint(len(stream) << 2)
    header += bytes((Tag.LIST,))
    with pytest.raises(CorruptFramesError, match="nested too deep"):
        decode(header, memoryview(stream))


@pytest.mark.parametrize("header", [b"", b"\x02B\0", b"\xff"])
def test_another_format_version_is_named(header: bytes) -> None:
    with pytest.raises(CorruptFramesError, match="version"):
        decode(header, memoryview(b""))


def test_an_unknown_tag_is_named() -> None:
    with pytest.raises(CorruptFramesError, match="unknown tag 90"):
        decode(bytes((VERSION, ord("Z"), 0)), memoryview(b""))


def test_a_string_of_damaged_utf8_is_corrupt() -> None:
    frames = encode("abc")
    with pytest.raises(CorruptFramesError):
        decode(frames.header, memoryview(b"a\xffc"))


def test_damaged_pickles_are_not_loaded(lay_out: LayOut) -> None:
    frames = encode(range(5))
    body = bytearray(lay_out(frames))
    body[-1] ^= 1
    with pytest.raises(CorruptFramesError, match="damaged"):
        decode(frames.header, memoryview(body))


def test_arrow_offsets_beyond_the_text_are_refused_where_nothing_is_trusted(
    lay_out: LayOut,
) -> None:
    pa = pytest.importorskip("pyarrow")
    frames = encode(pa.array([f"text number {i}" for i in range(1000)]))
    body = bytearray(lay_out(frames))
    body[400:404] = b"\xff\xff\xff\x7f"
    with pytest.raises(CorruptFramesError):
        decode(frames.header, memoryview(body), allow_pickle=False)
