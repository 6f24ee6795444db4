"""Records: how an entry lies in the index. Pure packing, no I/O.

Glossary: *slot* a dense number per entry, the row of its access record.
*lead* bytes of an extent before the body: the disk head and a large header.
*stamp* what an entry is to the other nodes of a grid.

An entry's record is a fixed part, then what its flags announce::

    fixed | arena place | stamp | raw size | expiry | key | tags | header | inline body
"""

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

import xxhash

from gridcache.codec.frames import ALIGNMENT, align

__all__ = [
    "ARENA",
    "EXPIRES",
    "IMMUTABLE",
    "INLINE",
    "PLAIN",
    "REPLICATED",
    "STAMPED",
    "TOMBSTONE",
    "Entry",
    "Stamp",
    "end_of",
    "entry_key",
    "entry_text",
    "extent_nbytes",
    "pack_entry",
    "unpack_entry",
]

INLINE = 1
"""The body is in the record."""
ARENA = 2
"""The body is in an extent."""
_RAW = 4
EXPIRES = 8
"""It has an end."""
_LONG_KEY = 16
_TAGS = 32
PINNED = 64
"""Never evicted."""
VIEWABLE = 128
"""Decoding makes a value whose memory is the body."""
IN_LEAD = 256
"""The header is too large for the index: it lies before the body."""
STAMPED = 512
"""It has a term or an origin."""
IMMUTABLE = 1024
"""Its key names what made the value: copies anywhere are right."""
REPLICATED = 2048
"""A backup keeps it as well."""
TOMBSTONE = 4096
"""Deleted: it only holds the place against older writes."""
_STAMP_FLAGS = IMMUTABLE | REPLICATED | TOMBSTONE

_FIXED = Struct("<QIHHIf")
_PLACE = Struct("<QQI")
_STAMP = Struct("<QQ")
_SIMPLE = Struct("<QIHHIfQQI")
"""Fixed part and place of an arena entry with nothing optional: most of them."""
_LONG = Struct("<Q")
_INSTANT = Struct("<d")
_LENGTH = Struct("<I")

_KEY_MAX = 400
"""Bytes; LMDB keys end at 511."""
_KEY_HEAD = 368


class Stamp(NamedTuple):
    """What an entry is to the other nodes of a grid."""

    term: int = 0
    """The ownership it was written under; 0 outside of a grid."""
    origin: int = 0
    """Orders writes of one key under a term; the edition of an immutable entry."""
    flags: int = 0
    """`IMMUTABLE`, `REPLICATED`, `TOMBSTONE`."""


PLAIN = Stamp()
"""Of an entry that no grid knows."""


@dataclass(slots=True)
class Entry:
    """The index record of a key.

    Not frozen: one is made on every put, where generation, slot and offset are
    known last, and a frozen dataclass of this many fields costs five times as
    much. Never shared between calls.
    """

    generation: int
    slot: int
    header: bytes = b""
    """Empty while it lies in the lead."""
    header_nbytes: int = 0
    created: int = 0
    cost_s: float = 0.0
    viewable: bool = False
    pinned: bool = False
    offset: int = -1
    """Of the extent, -1 for inline entries."""
    body_nbytes: int = 0
    lead_nbytes: int = 0
    raw_nbytes: int = 0
    """Of the body before compression; equals `body_nbytes` if not compressed."""
    expires: float = 0.0
    """Seconds since the epoch, 0.0 for never."""
    long_key: bytes = b""
    tags: tuple[str, ...] = ()
    body: bytes = b""
    """Of inline entries."""
    extent_nbytes: int = 0
    """Lead and body as allocated, 0 for inline entries."""
    stamp: Stamp = PLAIN

    @property
    def inline(self) -> bool:
        """True if the body is in the record."""
        return self.offset < 0

    @property
    def stored_nbytes(self) -> int:
        """What the entry counts for in its namespace."""
        return self.extent_nbytes or len(self.header) + len(self.body)


def extent_nbytes(lead_nbytes: int, body_nbytes: int) -> int:
    """What an extent takes: at least one unit, so that its offset is its own."""
    return align(lead_nbytes + body_nbytes) or ALIGNMENT


def entry_key(namespace_id: int, key: str) -> tuple[bytes, bytes]:
    """The index key of a text key, and the whole key if it does not fit.

    UTF-8 never contains 0xff, so a shortened key equals no short one.
    """
    encoded = key.encode("utf-8", "surrogatepass")
    prefix = namespace_id.to_bytes(2, "big")
    if len(encoded) <= _KEY_MAX:
        return prefix + encoded, b""
    digest = xxhash.xxh3_128_digest(encoded)
    return prefix + encoded[:_KEY_HEAD] + b"\xff" + digest, encoded


def entry_text(key: bytes, entry: Entry) -> str:
    """The text key of an entry."""
    return (entry.long_key or key[2:]).decode("utf-8", "surrogatepass")


def pack_entry(entry: Entry) -> bytes:
    """Pack for the index."""
    header = entry.header
    plain = entry.raw_nbytes == entry.body_nbytes and not (
        entry.expires or entry.long_key or entry.tags or entry.stamp is not PLAIN
    )
    if plain and entry.offset >= 0 and entry.header_nbytes == len(header):
        flags = ARENA | (VIEWABLE if entry.viewable else 0)
        return (
            _SIMPLE.pack(
                entry.generation,
                entry.slot,
                flags | PINNED if entry.pinned else flags,
                len(header),
                entry.created,
                entry.cost_s,
                entry.offset,
                entry.body_nbytes,
                entry.lead_nbytes,
            )
            + header
        )
    flags, parts = _pack_optional(entry)
    if entry.viewable:
        flags |= VIEWABLE
    if entry.pinned:
        flags |= PINNED
    if entry.header_nbytes > len(header):
        flags |= IN_LEAD
        header = _LONG.pack(entry.header_nbytes)
    fixed = _FIXED.pack(
        entry.generation, entry.slot, flags, len(header), entry.created, entry.cost_s
    )
    return b"".join((fixed, *parts, header, entry.body))


def _pack_optional(entry: Entry) -> tuple[int, list[bytes]]:
    """What only some entries have, with its flags, in the order of the format."""
    flags, parts = INLINE, list[bytes]()
    if entry.offset >= 0:
        flags = ARENA
        parts.append(_PLACE.pack(entry.offset, entry.body_nbytes, entry.lead_nbytes))
    term, origin, stamp_flags = entry.stamp
    flags |= stamp_flags
    if term or origin:
        flags |= STAMPED
        parts.append(_STAMP.pack(term, origin))
    if entry.raw_nbytes != entry.body_nbytes:
        flags |= _RAW
        parts.append(_LONG.pack(entry.raw_nbytes))
    if entry.expires:
        flags |= EXPIRES
        parts.append(_INSTANT.pack(entry.expires))
    if entry.long_key:
        flags |= _LONG_KEY
        parts += (_LENGTH.pack(len(entry.long_key)), entry.long_key)
    if entry.tags:
        flags |= _TAGS
        parts.append(_pack_tags(entry.tags))
    return flags, parts


def _pack_tags(tags: tuple[str, ...]) -> bytes:
    encoded = [tag.encode("utf-8", "surrogatepass") for tag in tags]
    sized = (piece for tag in encoded for piece in (_LENGTH.pack(len(tag)), tag))
    return _LENGTH.pack(len(tags)) + b"".join(sized)


def unpack_entry(record: bytes) -> Entry:
    """Unpack what `pack_entry` made."""
    generation, slot, flags, header_len, created, cost_s = _FIXED.unpack_from(record)
    at = _FIXED.size
    offset, body_nbytes, lead_nbytes, expires, long_key = -1, 0, 0, 0.0, b""
    tags: tuple[str, ...] = ()
    if flags & ARENA:
        offset, body_nbytes, lead_nbytes = _PLACE.unpack_from(record, at)
        at += _PLACE.size
    stamp = PLAIN
    if flags & (STAMPED | _STAMP_FLAGS):
        at, stamp = _unpack_stamp(record, at, flags)
    raw_nbytes = -1
    if flags & (_RAW | EXPIRES | _LONG_KEY | _TAGS):
        at, raw_nbytes, expires, long_key, tags = _unpack_optional(
            record, at, flags, raw_nbytes
        )
    header = record[at : at + header_len]
    body = record[at + header_len :] if flags & INLINE else b""
    body_nbytes = body_nbytes or len(body)
    if flags & IN_LEAD:
        (header_len,) = _LONG.unpack(header)
        header = b""
    return Entry(
        generation,
        slot,
        header,
        header_len,
        created,
        cost_s,
        bool(flags & VIEWABLE),
        bool(flags & PINNED),
        offset,
        body_nbytes,
        lead_nbytes,
        body_nbytes if raw_nbytes < 0 else raw_nbytes,
        expires,
        long_key,
        tags,
        body,
        extent_nbytes(lead_nbytes, body_nbytes) if offset >= 0 else 0,
        stamp,
    )


def _unpack_stamp(record: bytes, at: int, flags: int) -> tuple[int, Stamp]:
    if not flags & STAMPED:
        return at, Stamp(0, 0, flags & _STAMP_FLAGS)
    term, origin = _STAMP.unpack_from(record, at)
    return at + _STAMP.size, Stamp(term, origin, flags & _STAMP_FLAGS)


def end_of(record: bytes, flags: int) -> float:
    """When a record that says `EXPIRES` ends, without unpacking the rest."""
    at = _FIXED.size
    at += _PLACE.size if flags & ARENA else 0
    at += _STAMP.size if flags & STAMPED else 0
    at += _LONG.size if flags & _RAW else 0
    expires: float = _INSTANT.unpack_from(record, at)[0]
    return expires


def _unpack_optional(
    record: bytes, at: int, flags: int, raw_nbytes: int
) -> tuple[int, int, float, bytes, tuple[str, ...]]:
    expires, long_key = 0.0, b""
    tags: tuple[str, ...] = ()
    if flags & _RAW:
        (raw_nbytes,) = _LONG.unpack_from(record, at)
        at += _LONG.size
    if flags & EXPIRES:
        (expires,) = _INSTANT.unpack_from(record, at)
        at += _INSTANT.size
    if flags & _LONG_KEY:
        long_key, at = _unpack_sized(record, at)
    if flags & _TAGS:
        tags, at = _unpack_tags(record, at)
    return at, raw_nbytes, expires, long_key, tags


def _unpack_sized(record: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _LENGTH.unpack_from(record, at)
    at += _LENGTH.size
    return record[at : at + length], at + length


def _unpack_tags(record: bytes, at: int) -> tuple[tuple[str, ...], int]:
    (count,) = _LENGTH.unpack_from(record, at)
    at += _LENGTH.size
    tags = []
    for _ in range(count):
        tag, at = _unpack_sized(record, at)
        tags.append(tag.decode("utf-8", "surrogatepass"))
    return tuple(tags), at
