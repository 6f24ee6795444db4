"""Parcel: many entries in one message, and orders made of them at the other end.

Small bodies lie in the message; of a large one it has the description, and the body
goes alone, from arena to arena.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gridcache.cluster.handover.gathering import Found
from gridcache.cluster.home.bodies import pouring
from gridcache.cluster.home.items import entry_meta, hit_frames, local_space, order_from
from gridcache.cluster.home.items import space_meta as described
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.table.view import Member
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.codec.frames import Frames, Poured
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit
from gridcache.store.records import TOMBSTONE, Entry
from gridcache.store.writer import Order

__all__ = ["LARGE", "Parcel", "fetched", "frames_of", "opened"]

LARGE = 1 << 20
"""Bytes; a larger body goes alone."""
_FULL_NBYTES = 8 << 20
_FULL_ITEMS = 4096
_LOOKS = 8
_NOTHING = Frames(b"", ())

Meta = dict[str, Any]


class Parcel:
    """Entries on their way; their bodies are leased as long as it lives."""

    def __init__(self) -> None:
        self.large: list[Meta] = []
        """Descriptions of entries whose bodies go alone."""
        self.buffers: list[bytes | memoryview] = []
        """Header and body of each item."""
        self._items: list[Meta] = []
        self._spaces: dict[str, tuple[int, Meta]] = {}
        self._nbytes = 0

    def add(self, store: NodeStore, found: Found, *, whole: bool = False) -> bool:
        """Put an entry in; False if it is not there any more.

        Parameters
        ----------
        whole
            True to leave a large one out, and return False as well.
        """
        read = frames_of(store, found)
        if read is None:
            return False
        entry, frames = read
        nbytes = frames.body_nbytes
        if whole and nbytes > LARGE:
            return False
        item = self._describe(found, entry)
        if nbytes > LARGE:
            item |= {"header": frames.header.hex(), "nbytes": nbytes}
            self.large.append(item)
            return True
        self._items.append(item)
        self.buffers += (frames.header, *(frames.buffers or (b"",)))
        self._nbytes += len(frames.header) + nbytes
        return True

    def _describe(self, found: Found, entry: Entry) -> Meta:
        space = found.space
        known = (len(self._spaces), described(space))
        number, _ = self._spaces.setdefault(space.name, known)
        generation = entry.generation
        about = entry_meta(found.key, entry)
        return {**about, "space": number, "generation": generation}

    @property
    def full(self) -> bool:
        """True if it should go."""
        items = len(self._items) + len(self.large)
        return self._nbytes >= _FULL_NBYTES or items >= _FULL_ITEMS

    def __bool__(self) -> bool:
        """True if there is anything in it."""
        return bool(self._items or self.large)

    @property
    def meta(self) -> Meta:
        """What goes ahead of the buffers."""
        spaces = [about for _, about in self._spaces.values()]
        return {"spaces": spaces, "items": self._items, "large": self.large}


def frames_of(store: NodeStore, found: Found) -> tuple[Entry, Frames] | None:
    """Read the frames of an entry, with the entry that they belong to.

    None if it went, is due, or was replaced: a newer value goes its own way.
    Compression may give it other frames while they are read; then again.
    """
    entry = found.entry
    for _ in range(_LOOKS):
        if 0.0 < entry.expires <= time.time():
            return None
        if entry.stamp.flags & TOMBSTONE:
            return entry, _NOTHING
        hit = store.get(found.key, entry.long_key, raw=True, count=False)
        now = store.snapshot(lambda txn: store.entry_in(txn, found.key))
        if now is None:
            return _demoted(store, found)
        if now.generation != entry.generation:
            return _demoted(store, found, entry.generation)
        if now == entry:
            return _read(entry, hit)
        entry = now
    return None


def _demoted(
    store: NodeStore, found: Found, generation: int = 0
) -> tuple[Entry, Frames] | None:
    """Read what left memory for this node's disk, or was found there."""
    tier = tier_of(store).open()
    entry = tier.entry(found.space, found.text) if tier is not None else None
    if tier is None or entry is None or generation not in {0, entry.generation}:
        return None
    return _read(entry, tier.find(found.space, found.text, raw=True, count=False))


def _read(entry: Entry, hit: Any) -> tuple[Entry, Frames] | None:
    if not isinstance(hit, Hit) or hit.generation != entry.generation:
        return None
    frames = hit_frames(hit, viewable=entry.viewable, raw_nbytes=entry.raw_nbytes)
    return entry, frames


def opened(
    store: NodeStore, meta: Mapping[str, Any], buffers: Sequence[memoryview]
) -> Iterator[Order]:
    """Make orders of a parcel's items."""
    spaces = [_space(store, about) for about in meta["spaces"]]
    for number, item in enumerate(meta["items"]):
        header, body = buffers[2 * number : 2 * number + 2]
        pieces = (body,) if body.nbytes else ()
        frames = Frames(bytes(header), pieces, item["viewable"], item["raw"])
        yield order_from(spaces[item["space"]], item, frames)


def fetched(
    store: NodeStore, peers: Peers, member: Member, meta: Meta
) -> Iterator[Order]:
    """Make orders of a parcel's large entries; putting one fetches its body."""
    for item in meta["large"]:
        about = meta["spaces"][item["space"]]
        request = {
            "to": member.number,
            "space": about,
            "key": item["key"],
            "generation": item["generation"],
        }
        frames = _poured(peers, member, item, request)
        yield order_from(_space(store, about), item, frames)


def _space(store: NodeStore, about: Meta) -> Namespace:
    """The namespace here; what has no end at the sender has none here either."""
    return replace(local_space(store, about), ttl_s=None)


def _poured(peers: Peers, member: Member, item: Meta, request: Meta) -> Poured:
    nbytes, header = item["nbytes"], bytes.fromhex(item["header"])
    pour = pouring(peers, member, request, nbytes)
    return Poured(header, nbytes, pour, item["viewable"], item["raw"])
