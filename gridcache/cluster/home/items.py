"""Items: entries as they travel between nodes, and orders made of what arrived.

An item is a small JSON object and its frames: the header, then the body's buffers.
A namespace travels with it, so that a node that has none makes it as it is at the
sender. Times to live travel as what remains.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import xxhash

from gridcache.cluster.streams.incoming import Incoming
from gridcache.codec.frames import Frames, Poured, align
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit
from gridcache.store.records import Entry, Stamp, entry_text
from gridcache.store.writer import Order

if TYPE_CHECKING:
    from gridcache.cluster.streams.bodies import Target

__all__ = [
    "LARGE",
    "buffers_of",
    "entry_meta",
    "hit_frames",
    "local_space",
    "order_from",
    "order_meta",
    "space_meta",
    "taken",
]

LARGE = 1 << 20
"""Bytes; a larger body of an immutable value goes alone, from arena to arena."""
_BUFFERED_MAX = 1 << 20
"""Bytes of a body that is taken into memory before the store is asked for room."""


def space_meta(space: Namespace) -> dict[str, Any]:
    """Give a namespace's settings for another node."""
    return {
        "name": space.name,
        "policy": space.policy,
        "quota_nbytes": space.quota_nbytes,
        "compression": space.compression,
        "ttl_s": space.ttl_s,
    }


def local_space(store: NodeStore, meta: Mapping[str, Any]) -> Namespace:
    """Find or make the namespace that another node means."""
    return store.namespace(Namespace(**meta))


def order_meta(order: Order) -> dict[str, Any]:
    """Give what goes ahead of an order's frames."""
    frames = order.frames
    return {
        "space": space_meta(order.space),
        "key": order.key,
        "ttl": order.ttl_s,
        "cost": order.cost_s,
        "pin": order.pinned,
        "tags": list(order.tags),
        "viewable": frames.viewable,
        "raw": frames.raw_nbytes,
        "flags": order.stamp.flags,
        "origin": order.stamp.origin,
    }


def entry_meta(key: bytes, entry: Entry) -> dict[str, Any]:
    """Give the same for an entry as it lies in a store, without its namespace."""
    return {
        "key": entry_text(key, entry),
        "ttl": max(entry.expires - time.time(), 1e-3) if entry.expires else None,
        "cost": entry.cost_s,
        "pin": entry.pinned,
        "tags": list(entry.tags),
        "viewable": entry.viewable,
        "raw": entry.raw_nbytes,
        "flags": entry.stamp.flags,
        "origin": entry.stamp.origin,
    }


def order_from(
    space: Namespace, meta: Mapping[str, Any], frames: Frames | Poured
) -> Order:
    """Make an order of what arrived; its stamp has no term yet."""
    return Order(
        space,
        meta["key"],
        frames,
        ttl_s=meta["ttl"],
        cost_s=meta["cost"],
        pinned=meta["pin"],
        tags=tuple(meta["tags"]),
        stamp=Stamp(0, meta["origin"], meta["flags"]),
    )


def buffers_of(frames: Frames) -> list[bytes | memoryview]:
    """Header and body as they are sent."""
    return [frames.header, *frames.buffers]


def hit_frames(hit: Hit, *, viewable: bool, raw_nbytes: int) -> Frames:
    """Give frames of a hit: the body in one piece."""
    body = (hit.body,) if hit.body.nbytes else ()
    return Frames(hit.header, body, viewable, raw_nbytes)


def taken(incoming: Incoming, meta: Mapping[str, Any]) -> Frames | Poured:
    """Give the frames of a request: in memory if small, else poured into the store."""
    lengths = incoming.lengths
    header_nbytes, parts = lengths[0], lengths[1:]
    nbytes = sum(align(part) for part in parts[:-1]) + (parts[-1] if parts else 0)
    if nbytes <= _BUFFERED_MAX:
        return _buffered(incoming, header_nbytes, parts, meta)
    # The header stands before the body in the stream, but the store wants it first:
    # so senders repeat it ahead.
    header = bytes.fromhex(meta["header"])

    def pour(write: Any, start: int) -> int:
        return _pour(incoming, write, start)

    return Poured(header, nbytes, pour, meta["viewable"], meta["raw"])


def _buffered(
    incoming: Incoming,
    header_nbytes: int,
    parts: Sequence[int],
    meta: Mapping[str, Any],
) -> Frames:
    header = memoryview(bytearray(header_nbytes))
    buffers = [memoryview(bytearray(part)) for part in parts]
    incoming.into([header, *buffers])
    return Frames(bytes(header), tuple(buffers), meta["viewable"], meta["raw"])


def _pour(incoming: Incoming, write: Any, start: int) -> int:
    """Write the body as it comes; buffers padded to the alignment."""
    checksum = xxhash.xxh3_64()
    targets: list[Target] = [lambda _: None]
    at, last = start, len(incoming.lengths) - 1
    for number, nbytes in enumerate(incoming.lengths[1:], 1):
        gap = align(nbytes) - nbytes if number < last else 0
        targets.append(_Sink(write, at, nbytes, gap, checksum))
        at += nbytes + gap
    incoming.into(targets)
    return checksum.intdigest()


class _Sink:
    """Writes one buffer at its place, chunk by chunk."""

    def __init__(
        self, write: Any, at: int, nbytes: int, gap: int, checksum: Any
    ) -> None:
        self._write, self._at, self._left = write, at, nbytes
        self._gap, self._checksum = gap, checksum

    def __call__(self, chunk: memoryview) -> None:
        self._write(self._at, chunk)
        self._checksum.update(chunk)
        self._at += chunk.nbytes
        self._left -= chunk.nbytes
        if not self._left and self._gap:
            padding = bytes(self._gap)
            self._write(self._at, memoryview(padding))
            self._checksum.update(padding)
