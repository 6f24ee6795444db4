"""When compression pays, and that it never changes a value."""

from contextlib import suppress

import numpy as np
import pytest

from gridcache.codec import compress, decode, encode
from gridcache.codec import compression as module
from gridcache.errors import CorruptFramesError

RNG = np.random.default_rng(7)


def test_small_and_random_buffers_stay_raw() -> None:
    for value in (b"a" * 4000, RNG.bytes(300_000), b""):
        assert encode(value, compress=True).header == encode(value).header


def test_a_buffer_that_starts_well_and_goes_on_badly_stays_raw() -> None:
    misleading = bytes(80_000) + RNG.bytes(920_000)
    assert encode(misleading, compress=True).body_nbytes == len(misleading)


def test_only_buffers_that_pay_are_compressed_and_the_rest_stay_views() -> None:
    frames = encode([np.zeros(50_000), RNG.random(50_000)], compress=True)
    assert frames.viewable
    assert 400_000 < frames.body_nbytes < 410_000
    assert frames.raw_nbytes == 800_000


def test_a_compressed_array_is_no_view() -> None:
    assert encode(np.zeros(50_000)).viewable
    assert not encode(np.zeros(50_000), compress=True).viewable


def test_large_buffers_are_compressed_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BLOCK_NBYTES", 10_000)
    value = bytes(at % 7 for at in range(55_555))
    frames = encode(value, compress=True)
    assert frames.body_nbytes < 5000
    assert decode(frames.header, frames.buffers[0]) == value


@pytest.mark.parametrize("at", [0, 3, 4, 50, -1])
def test_damaged_blocks_are_corrupt_or_of_the_right_length(at: int) -> None:
    value = b"0123456789" * 1000
    frames = encode(value, compress=True)
    body = bytearray(frames.buffers[0])
    body[at] ^= 0xFF
    with suppress(CorruptFramesError):
        assert len(decode(frames.header, memoryview(body))) == len(value)


def test_frames_that_do_not_fit_their_body_are_not_compressed() -> None:
    frames = encode(b"a" * 9000)
    with pytest.raises(CorruptFramesError):
        compress(frames.header, memoryview(b"a" * 8999))
