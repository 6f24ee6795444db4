"""What rests on disk: extent heads and sealed records, each with a checksum.

LMDB has no page checksums: eight random bytes in its file give crashes and
silent misses. So on disk every record carries its own CRC, and every extent
begins with a head that repeats key and record with a checksum of the body: the
index can be rebuilt from the arena alone.

A head is `magic generation lead body body-checksum lengths head-checksum`, then
the entry key and the record. Freeing an extent zeroes its magic.
"""

import zlib
from dataclasses import dataclass
from struct import Struct

import xxhash

from gridcache.codec.frames import align
from gridcache.errors import CorruptFramesError

__all__ = [
    "HEAD_MAGIC",
    "Head",
    "body_checksum",
    "head_nbytes",
    "pack_head",
    "read_head",
    "seal",
    "unseal",
]

HEAD_MAGIC = b"gcExtnt1"
_HEAD = Struct("<8sQQQQIIQ")
_CRC = Struct("<I")


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

    @property
    def nbytes(self) -> int:
        """Of the head itself, padded."""
        return head_nbytes(len(self.key), len(self.record))


def head_nbytes(key_nbytes: int, record_nbytes: int) -> int:
    """Length of a head."""
    return align(_HEAD.size + key_nbytes + record_nbytes)


def pack_head(head: Head) -> bytes:
    """The bytes to write before the lead's rest and the body."""
    fields = (
        head.generation,
        head.lead_nbytes,
        head.body_nbytes,
        head.checksum,
        len(head.key),
        len(head.record),
    )
    bare = _HEAD.pack(HEAD_MAGIC, *fields, 0) + head.key + head.record
    own = xxhash.xxh3_64_intdigest(bare)
    packed = _HEAD.pack(HEAD_MAGIC, *fields, own) + head.key + head.record
    return packed.ljust(head.nbytes, b"\0")


def read_head(data: bytes | memoryview) -> Head | None:
    """A head from the first bytes of an extent; None if it is not whole."""
    if len(data) < _HEAD.size:
        return None
    magic, *fields, own = _HEAD.unpack_from(data)
    generation, lead, body, checksum, key_len, record_len = fields
    end = _HEAD.size + key_len + record_len
    if magic != HEAD_MAGIC or end > len(data):
        return None
    rest = bytes(data[_HEAD.size : end])
    bare = _HEAD.pack(magic, *fields, 0) + rest
    if xxhash.xxh3_64_intdigest(bare) != own:
        return None
    key, record = rest[:key_len], rest[key_len:]
    return Head(generation, lead, body, checksum, key, record)


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
