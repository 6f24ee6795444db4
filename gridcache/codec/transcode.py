"""Frames to smaller frames, without a look at the value."""

from collections.abc import Iterable

from gridcache.codec.compression import shrink
from gridcache.codec.frames import Frames, body_slices
from gridcache.codec.wire import Slot, body_nbytes, put_table, take_table
from gridcache.errors import CorruptFramesError

__all__ = ["compress", "compress_frames"]


def compress(header: bytes, body: memoryview) -> Frames | None:
    """Compress each raw buffer for which it pays.

    Returns
    -------
    Frames | None
        Frames of the same value; None if nothing pays. Buffers that stay raw
        alias `body`.

    Raises
    ------
    CorruptFramesError
        If header and body do not fit together.
    """
    slots, position = take_table(header)
    if body.nbytes != body_nbytes(slots):
        msg = f"the body has {body.nbytes} bytes, declared are {body_nbytes(slots)}"
        raise CorruptFramesError(msg, nbytes=body.nbytes)
    lengths = tuple(slot.stored_nbytes for slot in slots)
    pieces = (body[part] for part in body_slices(lengths))
    return _compressed(header[:2], header[position:], slots, pieces)


def compress_frames(frames: Frames) -> Frames:
    """Compress what pays of frames just made; else return them as they are."""
    slots, position = take_table(frames.header)
    head, tail = frames.header[:2], frames.header[position:]
    return _compressed(head, tail, slots, frames.buffers) or frames


def _compressed(
    head: bytes, tail: bytes, slots: list[Slot], pieces: Iterable[memoryview]
) -> Frames | None:
    shrunk = [_shrink(*each) for each in zip(slots, pieces, strict=True)]
    table = [slot for slot, _ in shrunk]
    if body_nbytes(table) >= body_nbytes(slots):
        return None
    header = bytearray(head)
    put_table(header, table)
    raw = [Slot(slot.raw_nbytes, slot.aliased, slot.raw_nbytes) for slot in slots]
    return Frames(
        header=bytes(header + tail),
        buffers=tuple(piece for _, piece in shrunk),
        viewable=any(slot.aliased and not slot.lz4 for slot in table),
        raw_nbytes=body_nbytes(raw),
    )


def _shrink(slot: Slot, piece: memoryview) -> tuple[Slot, memoryview]:
    smaller = None if slot.lz4 else shrink(piece)
    if smaller is None:
        return slot, piece
    return Slot(smaller.nbytes, slot.aliased, piece.nbytes, lz4=True), smaller
