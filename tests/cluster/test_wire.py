"""Messages: what is packed is read again, and what is too large is not."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache.cluster.streams import wire

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_METAS = st.dictionaries(st.text(), _JSON, max_size=4)
_LENGTHS = st.lists(st.integers(0, 1 << 40), max_size=10)


def _head(meta_nbytes: int, count: int) -> wire.Head:
    rest_nbytes = 8 * count + meta_nbytes
    return wire.Head(wire.ANSWER, False, 0, meta_nbytes, count, rest_nbytes)


def _read(packed: bytes) -> wire.Message:
    head = wire.parse_head(packed)
    assert len(packed) == wire.HEAD_NBYTES + head.rest_nbytes
    return wire.parse(head, packed[wire.HEAD_NBYTES :])


@given(st.text("abc_", max_size=20), _METAS, _LENGTHS, st.booleans())
def test_a_message_is_read_as_it_was_packed(
    op: str, meta: wire.Meta, lengths: list[int], lent: bool
) -> None:
    message = _read(wire.pack(wire.REQUEST, op, meta, lengths, lent=lent))
    expected = wire.Message(wire.REQUEST, lent, op, meta, tuple(lengths))
    assert message == expected


@given(st.binary(min_size=wire.HEAD_NBYTES, max_size=200))
def test_garbage_is_refused_with_one_error(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_head(data)


@given(st.binary(max_size=100), st.integers(0, 12))
def test_a_right_head_before_garbage_fails_with_one_error_or_not_at_all(
    data: bytes, count: int
) -> None:
    meta_nbytes = max(len(data) - 8 * count, 0)
    data = data.ljust(8 * count, b"\xff")
    with contextlib.suppress(wire.WireError):
        wire.parse(_head(meta_nbytes, count), data)


@pytest.mark.parametrize(
    ("op_nbytes", "meta_nbytes", "count"),
    [(65, 0, 0), (0, (8 << 20) + 1, 0), (0, 0, 65_537), (0, 0xFFFFFFFF, 0xFFFFFFFF)],
)
def test_declared_sizes_over_a_limit_are_refused_by_the_head_alone(
    op_nbytes: int, meta_nbytes: int, count: int
) -> None:
    head = struct.pack("<4sBBHII", b"GCS1", 1, 0, op_nbytes, meta_nbytes, count)
    with pytest.raises(wire.WireError, match="the limit is"):
        wire.parse_head(head)


def test_a_body_longer_than_any_memory_is_refused_by_its_lengths() -> None:
    lengths = struct.pack("<2Q", 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    with pytest.raises(wire.WireError, match="the limit is"):
        wire.parse(_head(2, 2), lengths + b"{}")


def test_what_the_other_side_would_refuse_is_not_packed() -> None:
    with pytest.raises(ValueError, match="split it"):
        wire.pack(wire.REQUEST, "op", {}, [0] * 65_537)
    with pytest.raises(ValueError, match="split it"):
        wire.pack(wire.REQUEST, "op", {"text": "x" * (8 << 20)}, ())


def test_meta_nested_beyond_reason_is_refused() -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    with pytest.raises(wire.WireError, match="cannot be read"):
        wire.parse(_head(len(deep), 0), deep)


@pytest.mark.parametrize(
    "text", [b"[]", b"1", b"{", b"\xff", b"", b"{} ", b"{}{}", b'{"a":1}x']
)
def test_meta_is_an_object(text: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.parse(_head(len(text), 0), text)
