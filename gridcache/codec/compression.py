"""lz4 of single buffers: when it pays, and the bounded way back.

Does not cover which frames to compress (`transcode`) nor when (the store).

A compressed buffer is lz4 blocks of at most `BLOCK_NBYTES` raw bytes each, one
after another, each behind its length in four bytes, little endian. Blocks keep
the memory needed beside the result small and lift lz4's limit of 2 GiB.
"""

from collections.abc import Iterator

import lz4.block

from gridcache.errors import CorruptFramesError

__all__ = ["decompress", "shrink"]

MIN_NBYTES = 4 << 10
"""Below this the saving is lost in the padding."""
MIN_RATIO = 1.3
"""Raw to compressed; less does not pay for the slower reads."""
SAMPLE_NBYTES = 16 << 10
SAMPLES = 4
"""Spread over the buffer: its first 64 KiB alone mislead."""
BLOCK_NBYTES = 64 << 20


def shrink(buffer: memoryview) -> memoryview | None:
    """Compress `buffer`; None when that does not pay."""
    if buffer.nbytes < MIN_NBYTES or not _sample_pays(buffer):
        return None
    blocks = [_compress(part) for part in _parts(buffer, BLOCK_NBYTES)]
    out = b"".join(
        piece for block in blocks for piece in (len(block).to_bytes(4, "little"), block)
    )
    if len(out) * MIN_RATIO > buffer.nbytes:
        return None
    return memoryview(out)


def decompress(stored: memoryview, raw_nbytes: int) -> memoryview:
    """Return the raw bytes, read-only.

    The caller guarantees that `raw_nbytes` is bounded by the stored length.

    Raises
    ------
    CorruptFramesError
        If the blocks are damaged or do not add up to `raw_nbytes`.
    """
    if raw_nbytes <= BLOCK_NBYTES:
        blocks = list(_blocks(stored))
        if len(blocks) == 1:
            return memoryview(_decompress(blocks[0], raw_nbytes))
    out = bytearray(raw_nbytes)
    offset = 0
    for block in _blocks(stored):
        part = _decompress(block, min(BLOCK_NBYTES, raw_nbytes - offset))
        out[offset : offset + len(part)] = part
        offset += len(part)
    if offset != raw_nbytes:
        msg = f"{offset} bytes decompressed, declared are {raw_nbytes}"
        raise CorruptFramesError(msg, raw_nbytes=raw_nbytes)
    return memoryview(out).toreadonly()


def _sample_pays(buffer: memoryview) -> bool:
    if buffer.nbytes <= SAMPLES * SAMPLE_NBYTES:
        return True
    step = (buffer.nbytes - SAMPLE_NBYTES) // (SAMPLES - 1)
    starts = range(0, step * SAMPLES, step)
    sampled = sum(len(_compress(buffer[at : at + SAMPLE_NBYTES])) for at in starts)
    return sampled * MIN_RATIO <= SAMPLES * SAMPLE_NBYTES


def _compress(part: memoryview) -> bytes:
    block: bytes = lz4.block.compress(part, store_size=False)
    return block


def _decompress(block: memoryview, nbytes: int) -> bytes:
    try:
        part: bytes = lz4.block.decompress(block, uncompressed_size=nbytes)
    except (lz4.block.LZ4BlockError, ValueError) as exc:
        msg = f"compressed bytes are damaged: {exc}"
        raise CorruptFramesError(msg) from exc
    if len(part) != nbytes:
        msg = f"{len(part)} bytes decompressed, declared are {nbytes}"
        raise CorruptFramesError(msg)
    return part


def _parts(buffer: memoryview, nbytes: int) -> Iterator[memoryview]:
    for at in range(0, buffer.nbytes, nbytes):
        yield buffer[at : at + nbytes]


def _blocks(stored: memoryview) -> Iterator[memoryview]:
    at = 0
    while at < stored.nbytes:
        nbytes = int.from_bytes(stored[at : at + 4], "little")
        at += 4
        if nbytes > stored.nbytes - at:
            msg = "a compressed block is cut short"
            raise CorruptFramesError(msg)
        yield stored[at : at + nbytes]
        at += nbytes
