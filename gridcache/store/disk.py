"""What rests on disk: extent heads and sealed records, each with a checksum.

LMDB has no page checksums: eight random bytes in its file give crashes and
silent misses. So on disk every record carries its own CRC, and every extent
begins with a head that repeats key and record with a checksum of the body: the
index can be rebuilt from the arena alone (see `rebuild`).

A head is 64 bytes, then the entry key and the record::

    magic generation lead body body-checksum key-length record-length|marks
    head-checksum expires

Freeing an extent zeroes its magic. A pin or a new time to live rewrites the
first 64 bytes alone: at a multiple of 64 they lie in one sector of any disk, so
that a power loss leaves the old ones or the new ones.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

import xxhash

from gridcache.codec.frames import align
from gridcache.errors import CorruptFramesError

__all__ = [
    "HEAD_MAGIC",
    "VOID",
    "Head",
    "amend_head",
    "body_checksum",
    "find_head",
    "head_nbytes",
    "pack_head",
    "read_head",
    "seal",
    "unseal",
]

HEAD_MAGIC = b"gcExtnt1"
VOID = bytes(len(HEAD_MAGIC))
"""Written over the magic of an extent that is no longer anybody's."""
_HEAD = Struct("<8sQQQQIIQd")
FIXED_NBYTES = _HEAD.size
_CRC = Struct("<I")
_AMENDED = 1 << 31
_PINNED = 1 << 30
_RECORD_MOST = _PINNED - 1
_HEAD_MOST = 16 << 20
"""Bytes; no key and tags are that long, but damage may claim anything."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an extent, checked."""

    generation: int
    lead_nbytes: int
    body_nbytes: int
    checksum: int
    """xxh3 of everything between the head and the extent's end: large header
    and body."""
    key: bytes
    record: bytes
    """As put, sealed."""
    amended: tuple[float, bool] | None = None
    """Expiry and pin if they changed since: they overrule the record's."""

    @property
    def nbytes(self) -> int:
        """Of the head itself, padded."""
        return head_nbytes(len(self.key), len(self.record))


def head_nbytes(key_nbytes: int, record_nbytes: int) -> int:
    """Length of a head."""
    return align(_HEAD.size + key_nbytes + record_nbytes)


def pack_head(head: Head) -> bytes:
    """The bytes to write before the lead's rest and the body."""
    expires, marks = 0.0, 0
    if head.amended is not None:
        expires, pinned = head.amended
        marks = _AMENDED | (_PINNED if pinned else 0)
    fields = (
        head.generation,
        head.lead_nbytes,
        head.body_nbytes,
        head.checksum,
        len(head.key),
        len(head.record) | marks,
    )
    rest = head.key + head.record
    bare = _HEAD.pack(HEAD_MAGIC, *fields, 0, expires) + rest
    own = xxhash.xxh3_64_intdigest(bare)
    packed = _HEAD.pack(HEAD_MAGIC, *fields, own, expires) + rest
    return packed.ljust(head.nbytes, b"\0")


def amend_head(head: Head, expires: float, *, pinned: bool) -> bytes:
    """The first 64 bytes of the same head with another expiry and pin."""
    changed = Head(
        head.generation,
        head.lead_nbytes,
        head.body_nbytes,
        head.checksum,
        head.key,
        head.record,
        (expires, pinned),
    )
    return pack_head(changed)[:FIXED_NBYTES]


def find_head(read: Callable[[int, int], bytes], offset: int) -> Head | None:
    """The head at an offset; None if there is no whole one.

    Parameters
    ----------
    read
        Gives so many bytes (second) from an offset (first) of the arena.
    """
    nbytes = _declared_nbytes(read(offset, FIXED_NBYTES))
    return read_head(read(offset, nbytes)) if nbytes else None


def _declared_nbytes(first: bytes) -> int:
    """Length that 64 bytes claim for their head, unchecked; 0 if they begin none."""
    if len(first) < _HEAD.size or first[: len(HEAD_MAGIC)] != HEAD_MAGIC:
        return 0
    _, _, lead, _, _, key_len, marked, _, _ = _HEAD.unpack_from(first)
    nbytes = head_nbytes(key_len, marked & _RECORD_MOST)
    return nbytes if nbytes <= min(lead, _HEAD_MOST) else 0


def read_head(data: bytes | memoryview) -> Head | None:
    """A head from the first bytes of an extent; None if it is not whole."""
    if len(data) < _HEAD.size:
        return None
    magic, *fields, own, expires = _HEAD.unpack_from(data)
    generation, lead, body, checksum, key_len, marked = fields
    record_len = marked & _RECORD_MOST
    end = _HEAD.size + key_len + record_len
    if magic != HEAD_MAGIC or end > len(data):
        return None
    rest = bytes(data[_HEAD.size : end])
    bare = _HEAD.pack(magic, *fields, 0, expires) + rest
    if xxhash.xxh3_64_intdigest(bare) != own:
        return None
    key, record = rest[:key_len], rest[key_len:]
    amended = (expires, bool(marked & _PINNED)) if marked & _AMENDED else None
    return Head(generation, lead, body, checksum, key, record, amended)


def body_checksum(pieces: list[memoryview]) -> int:
    """Checksum of buffers, each padded to the alignment but the last."""
    if len(pieces) == 1:
        return xxhash.xxh3_64_intdigest(pieces[0])
    state = xxhash.xxh3_64()
    for number, piece in enumerate(pieces):
        state.update(piece)
        if number + 1 < len(pieces):
            state.update(bytes(align(piece.nbytes) - piece.nbytes))
    return state.intdigest()


def seal(key: bytes, record: bytes) -> bytes:
    """A record with its CRC, which covers the key."""
    return record + _CRC.pack(zlib.crc32(record, zlib.crc32(key)))


def unseal(key: bytes, sealed: bytes) -> bytes:
    """The record of `seal`.

    Raises
    ------
    CorruptFramesError
        The CRC does not fit.
    """
    record = sealed[: -_CRC.size]
    if _CRC.pack(zlib.crc32(record, zlib.crc32(key))) != sealed[-_CRC.size :]:
        message = "an index record on disk is damaged; the entry counts as missing"
        raise CorruptFramesError(message)
    return record
