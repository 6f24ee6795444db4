"""GridValues: the values of one namespace in a grid, as values of this process.

Stands where `gridcache.values.Values` does for a single store. A read that this
node can answer makes no call; the others go to the key's home, many at once.
Writes of mutable values go to their home; immutable ones are stored here and made
known there.
"""

import heapq
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Any

import xxhash

from gridcache.cluster.client.bulk import in_bulks
from gridcache.cluster.client.far import Far
from gridcache.cluster.client.far_flights import is_near_fence
from gridcache.cluster.client.homing import put_home, put_home_many, unreachable
from gridcache.cluster.client.local import Local, Patience, local_of
from gridcache.cluster.client.merging import explanation_from, info_from, merged_stats
from gridcache.cluster.client.prefetching import Prefetching
from gridcache.cluster.home.items import space_meta
from gridcache.cluster.home.owner import PATIENCE_S, new_token
from gridcache.cluster.home.registry import Claim
from gridcache.cluster.table.placement import partitions_of
from gridcache.cluster.tier.tier_report import merged_tiers
from gridcache.codec import decode
from gridcache.codec.frames import Frames
from gridcache.errors import (
    ConfigError,
    CorruptFramesError,
    GridCacheError,
    ImmutableKeyError,
    OutOfSpaceError,
    PeerLostError,
    ValueTooLargeError,
)
from gridcache.flight import SingleFlight
from gridcache.prefetch import Prefetch
from gridcache.stats import CacheStats
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import EntryInfo, Explanation, Hit, Miss, MissReason
from gridcache.store.records import IMMUTABLE, Entry, Stamp, entry_key
from gridcache.store.writer import Order
from gridcache.values import Place, Values

__all__ = ["GridValues"]

_BATCH = 500
_NO_ROOM = (OutOfSpaceError, PeerLostError, ValueTooLargeError)
"""Why a node does not take a copy that another might take."""
_PASSES = 5
_PASS_S = 0.05
"""Looks at all nodes, and the time between two, while keys are on their way."""


class GridValues(Values):
    """The values of one namespace; as `Values`, over all nodes."""

    def __init__(
        self,
        store: NodeStore,
        space: Namespace,
        *,
        allow_pickle: bool,
        near_nbytes: int,
    ) -> None:
        super().__init__(
            store, space, allow_pickle=allow_pickle, near_nbytes=near_nbytes
        )
        self.local: Local = local_of(store)
        self._standing = self.local.standing
        self._partition = partitions_of(space.name)
        self._far = Far(store, self.local)
        self.flight = SingleFlight(self.local.flights)

    # -- reading -----------------------------------------------------------

    def fetch(self, text: str, *, copy: bool = False, count: bool = True) -> Any:
        """The value under a key's text, or the `Miss`."""
        near = self.near.get(text)
        if (
            near is not None
            and self.store.is_current(near.entry, near.generation)
            # Asked last, as after any read.
            and (near.under is None or self._standing.serves(*near.under))
        ):
            return near.value if near.make is None else near.make(near.value)
        found = self._fetch_here(text, copy=copy, count=count)
        if type(found) is not _Elsewhere:
            return found
        return self._arrived(text, self._far.get(self.space, text), copy=copy)

    def _fetch_here(self, text: str, *, copy: bool, count: bool) -> Any:
        key, long_key = entry_key(self.space.id, text)
        partition = self._partition(key)
        term = self._standing.term(partition)
        ours = term != 0
        hit = self.store.get(key, long_key, view=not copy, count=count, ours=ours)
        if type(hit) is Hit:
            if hit.immutable:
                return self._decoded(text, key, hit, copy=copy)
            if self._standing.serves(partition, hit.term):
                under = partition, hit.term
                return self._decoded(text, key, hit, copy=copy, under=under)
        if (tier := self.local.tier.open()) is not None:
            demoted = tier.use(self.space, text, view=not copy, count=count)
            if demoted is not None:
                return self._decoded_apart(demoted, copy=copy)
        judged = self.local.home.judge(key, hit, partition, term)
        return judged if isinstance(judged, Miss) else _ELSEWHERE

    def _decoded_apart(self, found: Hit, *, copy: bool) -> Any:
        """Decode what is not of this store, so that its generation says nothing."""
        try:
            return decode(
                found.header, found.body, allow_pickle=self.allow_pickle, copy=copy
            )
        except CorruptFramesError:
            return Miss(MissReason.CORRUPT)

    def fetch_kept(self, text: str, *, copy: bool) -> Any:
        """The value that was just put, if it lies here; else a `Miss`."""
        found = self._fetch_here(text, copy=copy, count=False)
        gone = type(found) is _Elsewhere
        return Miss(MissReason.NEVER_STORED) if gone else found

    def fetch_many(self, texts: list[str], *, copy: bool = False) -> list[Any]:
        """Values or misses, in the order of the texts; one round for all nodes."""
        found = [self._fetch_here(text, copy=copy, count=True) for text in texts]
        places = [at for at, one in enumerate(found) if type(one) is _Elsewhere]
        far = self._fetch_far([texts[at] for at in places], copy=copy)
        for at, value in zip(places, far, strict=True):
            found[at] = value
        return found

    def _fetch_far(self, texts: list[str], *, copy: bool) -> list[Any]:
        found = self._far.get_many(self.space, texts) if texts else []
        return [
            self._arrived(text, one, copy=copy)
            for text, one in zip(texts, found, strict=True)
        ]

    def _arrived(self, text: str, found: Hit | Miss, *, copy: bool) -> Any:
        if isinstance(found, Miss):
            return found
        if found.leased:  # by way of this node's arena
            key, _ = entry_key(self.space.id, text)
            return self._decoded(text, key, found, copy=copy, keep=False)
        return self._decoded_apart(found, copy=copy)

    def prefetch(self, texts: list[str]) -> Prefetch:
        """Bring immutable values to this node, in the background."""
        prefetch = Prefetch(len(texts))
        bringing = Prefetching(self.store, self.local, self.space)
        prefetch.run(lambda handle: bringing.bring(texts, handle), "gridcache-prefetch")
        return prefetch

    def find(self, text: str) -> object:
        """What is known of a key, or the `Miss`; counts as no look-up."""
        found = self.local.home.look(self.space, text, count=False)
        if isinstance(found, Hit | Miss):
            return found
        return self._far.get_many(self.space, [text], bare=True)[0]

    def has_many(self, texts: list[str]) -> list[bool]:
        """Whether there is a value; other nodes are asked for many at once."""
        entries = zip(texts, self.store.find_many(self.space, texts), strict=True)
        # Right wherever a copy lies: nobody else need be asked.
        here = {
            text
            for text, entry in entries
            if entry is not None and entry.stamp.flags & IMMUTABLE
        }
        look = self.local.home.look
        rest = [text for text in dict.fromkeys(texts) if text not in here]
        told = {text: look(self.space, text, count=False) for text in rest}
        far = [
            text for text, found in told.items() if not isinstance(found, Hit | Miss)
        ]
        here.update(text for text, found in told.items() if isinstance(found, Hit))
        gone = self._far_misses(far)
        here.update(text for text, miss in zip(far, gone, strict=True) if not miss)
        return [text in here for text in texts]

    def _far_misses(self, texts: list[str]) -> list[bool]:
        found = self._far.get_many(self.space, texts, bare=True) if texts else []
        return [isinstance(one, Miss) for one in found]

    # -- writing -----------------------------------------------------------

    def put(
        self,
        text: str,
        value: Any,
        *,
        immutable: bool = False,
        place: Place | None = None,
        compress: bool = False,
        **how: Any,
    ) -> int | None:
        """Store a value; `how` as for `Order`."""
        where, frames = self._place(place), self.encoded(value, compress=compress)
        order = Order(self.space, text, frames, **how)
        if immutable:
            return self._put_immutable(order, frames, where)
        _refuse_placed(where)
        return put_home(self._far, self.local, order, where.replicas)

    def _place(self, wanted: Place | None) -> Place:
        """What a put asked for, with the grid's default copies."""
        replicas, node = wanted or Place()
        return Place(replicas or self.local.replicas, node)

    def put_many(self, items: Iterable[tuple[str, Any]], **how: Any) -> None:
        """Store several, many in a round; stops at the first that cannot be stored."""
        if how.pop("immutable", False):
            for text, value in items:
                self.put(text, value, immutable=True, **how)
            return
        where = self._place(how.pop("place", None))
        _refuse_placed(where)
        compress = how.pop("compress", False)
        orders = (
            Order(self.space, text, self.encoded(value, compress=compress), **how)
            for text, value in items
        )
        for bulk in in_bulks(orders):
            put_home_many(self._far, self.local, bulk, where.replicas)

    def _put_immutable(self, order: Order, frames: Frames, where: Place) -> int | None:
        fence, order = order.fence, order._replace(fence=None)
        digest = 0 if fence is not None else _digest(frames)
        self._refuse_other(order, digest)
        members = self._far.choose(where, frames.body_nbytes)
        generation = None
        for place, member in enumerate(tuple(members)):
            claim = Claim(member, 0, digest, frames.body_nbytes, new=True)
            try:
                kept = self._keep(order, member, claim, fence)
            except _NO_ROOM as refusal:
                # A further copy may lie anywhere.
                wanted = where if not place else Place()
                tried = claim, fence, members
                kept = self._keep_elsewhere(order, wanted, tried, refusal)
            generation, fence = generation or kept, None
        return generation

    def _keep_elsewhere(
        self,
        order: Order,
        where: Place,
        tried: tuple[Claim, Any, list[int]],
        refusal: GridCacheError,
    ) -> int | None:
        """Store a copy wherever else there is room, and note where."""
        claim, fence, taken = tried
        for member in self._far.last_resorts(where, claim.nbytes, taken):
            with suppress(*_NO_ROOM):
                moved = replace(claim, member=member)
                kept = self._keep(order, member, moved, fence)
                taken.append(member)
                return kept
        raise _refused(refusal, where) from refusal

    def _keep(self, order: Order, member: int, claim: Claim, fence: Any) -> int | None:
        """Store a copy at a member, then make it known; undone if it must not be."""
        stamped = order._replace(stamp=Stamp(0, claim.edition, IMMUTABLE))
        if is_near_fence(fence) and member == self._standing.member:
            # Asked in the commit: after it, the value itself would be a newer one.
            stamped, fence = stamped._replace(fence=fence), None
        generation = self._far.keep(member, stamped)
        if generation is None and stamped.fence is not None:
            return None
        try:
            edition = self._far.register(self.space, order.key, claim, fence)
        except GridCacheError as error:
            if isinstance(error, ImmutableKeyError):
                self._far.drop(member, self.space, order.key)
                raise
            return generation  # its home is away: it is registered later
        if edition is None:
            self._far.drop(member, self.space, order.key)
            return None
        if edition != claim.edition:
            return self._keep_again(order, replace(claim, edition=edition))
        return generation

    def _keep_again(self, order: Order, claim: Claim) -> int | None:
        """Store a copy under the edition that its home has given it."""
        try:
            return self._keep(order, claim.member, claim, None)
        except _NO_ROOM:
            self._far.drop(claim.member, self.space, order.key)
            raise

    def _refuse_other(self, order: Order, digest: int) -> None:
        key, long_key = entry_key(order.space.id, order.key)
        found = self.store.get(key, long_key, raw=True, count=False)
        if not digest or not isinstance(found, Hit) or not found.immutable:
            return
        if _digest(Frames(found.header, (found.body,))) != digest:
            message = f"{order.key!r} holds another immutable value; delete it first"
            raise ImmutableKeyError(message, key=order.key)

    def change(self, text: str, **changes: Any) -> bool:
        """Pin, unpin or renew; False if the key is not there."""
        here = self.local.home.change(self.space, text, **changes)
        if here and not self._is_copied(text):
            return True
        meta = {"space": space_meta(self.space), "key": text, "changes": changes}
        answers = self.local.ask_all(self.local.others(), "change", meta)
        return here or any(answer.meta["done"] for _, answer in answers)

    def _is_copied(self, text: str) -> bool:
        """True if other nodes may have copies that count: of what is immutable."""
        entry = self.local.home.entry(self.space, text)
        return isinstance(entry, Miss) or bool(entry.stamp.flags & IMMUTABLE)

    # -- many keys ---------------------------------------------------------

    def delete(self, texts: list[str]) -> int:
        """Delete keys; returns how many were there."""
        return sum(
            self._delete_some(texts[start : start + _BATCH])
            for start in range(0, len(texts), _BATCH)
        )

    def _delete_some(self, texts: list[str]) -> int:
        waiting = {text: new_token() for text in texts}
        copies = self._copies_here(texts)
        patience, done, sent = Patience(PATIENCE_S), 0, dict[str, int]()
        while waiting:
            for text, there in self._far.delete(self.space, waiting, sent).items():
                del waiting[text]
                done += there
                if text in copies and self._copies_here([text]):
                    self.local.registry.drop(self.space, text, copies[text] + 1)
            if waiting and not patience.wait():
                raise unreachable(next(iter(waiting)))
        return done

    def _copies_here(self, texts: list[str]) -> dict[str, int]:
        """Editions of immutable copies that the home may not have heard of yet."""
        found = ((text, self.local.home.entry(self.space, text)) for text in texts)
        return {
            text: entry.stamp.origin
            for text, entry in found
            if isinstance(entry, Entry) and entry.stamp.flags & IMMUTABLE
        }

    def clear(self, tag: str | None) -> int:
        """Delete everything, or what has a tag."""
        if tag is None:
            self.store.flights.void_all(self.space)
            meta = {"space": space_meta(self.space)}
            self.local.ask_all(self.local.others(), "void", meta)
        return self.delete(list(self._keys("", tag)))

    def keys(self, prefix: str) -> Iterator[str]:
        """Text keys that begin with a prefix, of all nodes."""
        return self._keys(prefix, None)

    def _keys(self, prefix: str, tag: str | None) -> Iterator[str]:
        """All keys; while partitions move the nodes are asked again for the rest."""
        seen = set[str]()
        for _ in range(_PASSES):
            view = self._standing.view()
            for text in self._listed(prefix, tag):
                if text not in seen:
                    seen.add(text)
                    yield text
            if not view.moves and self._standing.epoch == view.epoch:
                return
            time.sleep(_PASS_S)

    def _listed(self, prefix: str, tag: str | None) -> Iterator[str]:
        sources: list[Iterable[str]] = [self._own_keys(prefix, tag)]
        sources += [
            self._far.keys(member, self.space, prefix, tag)
            for member in self.local.others()
        ]
        last = None
        for text in heapq.merge(*sources, key=_in_order):
            if text != last:
                yield text
            last = text

    def _own_keys(self, prefix: str, tag: str | None) -> Iterator[str]:
        for text, entry in self.local.home.entries(self.space, prefix):
            if tag is None or tag in entry.tags:
                yield text

    def count(self) -> int:
        """How many keys there are; reads all of them."""
        return sum(1 for _ in self.keys(""))

    def batch(self) -> AbstractContextManager[None]:
        """As for a single store, for what is written here."""
        return self.store.batch() if self.store.durable else nullcontext()

    # -- looking and settings ----------------------------------------------

    def info(self, text: str) -> EntryInfo | None:
        """One entry as stored, wherever it lies."""
        own = self.local.home.info(self.space, text)
        if own is not None:
            return own
        meta = {"space": space_meta(self.space), "key": text}
        answers = self.local.ask_all(self.local.others(), "info", meta)
        found = (answer.meta["info"] for _, answer in answers)
        return next((info_from(one) for one in found if one is not None), None)

    def explain(self, text: str) -> Explanation:
        """Why a key is there or not, and where."""
        own, shown = self.local.home.explain(self.space, text)
        if shown:
            return replace(own, text=f"{own.text}, at this node ({self._node})")
        return self._explain_far(text, own)

    @property
    def _node(self) -> str:
        return self._standing.node

    def _explain_far(self, text: str, own: Explanation) -> Explanation:
        meta = {"space": space_meta(self.space), "key": text}
        answers = self.local.ask_all(self.local.others(), "explain", meta)
        told = {member.number: answer.meta for member, answer in answers}
        for member, answer in answers:
            if answer.meta.get("shown"):
                found = explanation_from(answer.meta["explanation"])
                return replace(found, text=f"{found.text}, at node {member.name}")
        _, _, owner = self.local.owner_of(self.space.name, text)
        miss = self.find(text)
        at_home = owner is not None and owner.number in told
        source = (
            explanation_from(told[owner.number]["explanation"])  # type: ignore[union-attr]
            if at_home
            else own
        )
        name = owner.name if owner is not None else "nobody"
        reason = miss.reason if isinstance(miss, Miss) else source.reason
        return replace(
            source,
            present=False,
            reason=reason,
            text=f"{source.text}; its home is node {name} ({reason})",
        )

    def stats(self) -> CacheStats:
        """Counters and sizes over all nodes."""
        own = self.store.stats()
        answers = self.local.ask_all(self.local.others(), "stats", {})
        whole = merged_stats(own, [answer.meta for _, answer in answers])
        ladders = self.local.ask_all(self.local.others(), "tier", {})
        tier = merged_tiers(self.store, [answer.meta for _, answer in ladders])
        space = whole.namespace(self.space.name)
        return CacheStats(space, whole, self._served_by(), tier)

    def _served_by(self) -> str:
        view = self._standing.view()
        count = len(view.members)
        nodes = "1 node" if count == 1 else f"{count} nodes"
        return f"grid {view.grid!r}, {nodes}, here {self._node}"

    def reconfigure(self, changes: dict[str, Any]) -> None:
        """Change settings of the namespace at every node."""
        meta = {"space": space_meta(self.space), "changes": changes}
        super().reconfigure(changes)
        self.local.ask_all(self.local.others(), "reconfigure", meta)


class _Elsewhere:
    """Stands for what this node cannot say."""


_ELSEWHERE = _Elsewhere()


def _refuse_placed(where: Place) -> None:
    if where.node != "auto":
        message = (
            f"node={where.node!r}: a mutable value lives at the home of its key; give "
            f"immutable=True to place it"
        )
        raise ConfigError(message, node=where.node)


def _refused(refusal: GridCacheError, where: Place) -> GridCacheError:
    """What to raise when no node takes a copy."""
    if not isinstance(refusal, OutOfSpaceError):
        return refusal
    others = (
        "no other node has room, in memory or on disk"
        if where.node == "auto"
        else f"node={where.node!r} allows no other"
    )
    message = (
        f"{refusal}; {others}: give the grid more capacity or a disk "
        f"(connect(disk=...)), or delete what is pinned"
    )
    return OutOfSpaceError(message, **refusal.context)


def _digest(frames: Frames) -> int:
    state = xxhash.xxh3_64(frames.header)
    for buffer in frames.buffers:
        state.update(buffer)
    return state.intdigest() or 1


def _in_order(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
