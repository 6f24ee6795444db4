"""Far: what a client asks of other nodes, and how answers become hits.

Reads are batched: one round to all homes, one to all holders of what lies
elsewhere. A node that does not answer, or says that a key has moved, is asked again
by a newer view, for some seconds; then the key is a miss.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gridcache.cluster.client.arrivals import Arrivals
from gridcache.cluster.client.local import Local, Patience, was_sent
from gridcache.cluster.home.directory import EVERY_EDITION
from gridcache.cluster.home.home import Held, Moved
from gridcache.cluster.home.items import LARGE, buffers_of, order_meta, space_meta
from gridcache.cluster.home.moved import SENT, MovedError, is_moved
from gridcache.cluster.home.registry import Claim
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.view import Member, View
from gridcache.cluster.tier.admission import admit
from gridcache.cluster.tier.rooms import is_full, rooms_of
from gridcache.codec.frames import Frames
from gridcache.errors import ConfigError, GridCacheError, PeerLostError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit, Miss, MissReason
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order
from gridcache.values import Place

__all__ = ["Far", "Terms"]

Terms = tuple[int, int, int, bool]
"""Token, term, copies wanted, and whether a write is late; see `Far.put`."""

_READ_S = 4.0
"""How long a read waits for a home; then it is a miss."""
_LOST = Miss(MissReason.NODE_LOST)


class Far:
    """Calls to other nodes, for one store's process."""

    def __init__(self, store: NodeStore, local: Local) -> None:
        self._store = store
        self._local = local
        self._arrivals = Arrivals(store, local)

    # -- reading -----------------------------------------------------------

    def get(self, space: Namespace, text: str) -> Hit | Miss:
        """Frames of a key that this node cannot answer alone."""
        patience = Patience(_READ_S)
        _, _, owner = self._local.owner_of(space.name, text)
        if owner is not None and not self._local.is_here(owner):
            one = self._ask_home(space, text, owner)
            if isinstance(one, Hit | Miss):
                return one
            if isinstance(one, Held):
                return self._from_holders(space, {text: one.holders})[text]
            if not patience.wait():
                return _LOST
        return self.get_many(space, [text], patience=patience)[0]

    def _ask_home(self, space: Namespace, text: str, owner: Member) -> object:
        """What a key's home says of it; None if it does not answer."""
        meta = {"space": space_meta(space), "most": LARGE}
        meta |= {"to": owner.number, "keys": (text,)}
        try:
            answer = self._local.peers.call(
                owner.address, "get", meta, timeout_s=_READ_S
            )
        except GridCacheError:
            return None
        if is_moved(answer):
            return None
        return self._arrivals.read_one(space, owner, text, answer)

    def get_many(
        self,
        space: Namespace,
        texts: list[str],
        *,
        bare: bool = False,
        patience: Patience | None = None,
    ) -> list[Hit | Miss]:
        """Frames of keys that this node cannot answer alone, in order.

        With `bare` hits come without their frames.
        """
        found: dict[str, Hit | Miss] = {}
        patience = patience or Patience(_READ_S)
        while waiting := [text for text in dict.fromkeys(texts) if text not in found]:
            found |= self._round(space, waiting, bare=bare)
            if len(found) < len(set(texts)) and not patience.wait():
                break
        return [found.get(text, _LOST) for text in texts]

    def _round(
        self, space: Namespace, texts: list[str], *, bare: bool
    ) -> dict[str, Hit | Miss]:
        found: dict[str, Hit | Miss] = {}
        held: dict[str, tuple[int, ...]] = {}
        groups: dict[int, list[str]] = {}
        for text in texts:
            _, _, owner = self._local.owner_of(space.name, text)
            if self._local.is_here(owner):
                self._sort(text, self._local.home.look(space, text), found, held)
            elif owner is not None:
                groups.setdefault(owner.number, []).append(text)
        for _, text, one in self._ask(space, "get", groups, bare=bare):
            self._sort(text, one, found, held)
        return found | (self._held(held) if bare else self._from_holders(space, held))

    def _held(self, held: dict[str, tuple[int, ...]]) -> dict[str, Hit | Miss]:
        """Whether immutable values are held by a node that is there."""
        view, me = self._local.standing.view(), self._local.standing.member
        lives = {
            text: any(one != me and view.member(one) for one in holders)
            for text, holders in held.items()
        }
        return {
            text: _bare_hit() if lives[text] else _gone(holders, me, view.member)
            for text, holders in held.items()
        }

    def _ask(
        self,
        space: Namespace,
        op: str,
        groups: dict[int, list[str]],
        *,
        bare: bool = False,
    ) -> Iterator[tuple[int, str, object]]:
        """Ask members for keys; gives member, key and what it says of it."""
        view = self._local.standing.view()
        meta = {"space": space_meta(space), "most": LARGE, "bare": bare}
        metas = {number: {**meta, "keys": keys} for number, keys in groups.items()}
        told = self._local.ask(op, metas, timeout_s=_READ_S)
        for number, answer in told.items():
            member, keys = view.member(number), groups[number]
            if member is not None:
                for text, one in self._arrivals.read(space, member, keys, answer):
                    yield number, text, one

    @staticmethod
    def _sort(
        text: str,
        one: object,
        found: dict[str, Hit | Miss],
        held: dict[str, tuple[int, ...]],
    ) -> None:
        """What has moved is left out, and asked for again."""
        if isinstance(one, Hit | Miss):
            found[text] = one
        elif isinstance(one, Held):
            held[text] = one.holders

    def _from_holders(
        self, space: Namespace, held: dict[str, tuple[int, ...]]
    ) -> dict[str, Hit | Miss]:
        """Frames of immutable values, each from any of its holders."""
        found: dict[str, Hit | Miss] = {}
        view, me = self._local.standing.view(), self._local.standing.member
        left = {
            text: random.sample(holders, len(holders)) for text, holders in held.items()
        }
        again: dict[str, set[int]] = {text: set() for text in held}
        while left:
            groups: dict[int, list[str]] = {}
            for text, holders in list(left.items()):
                number = next(
                    (one for one in holders if one != me and view.member(one)), None
                )
                if number is None:
                    found[text] = _gone(held[text], me, view.member)
                    del left[text]
                else:
                    holders.remove(number)
                    groups.setdefault(number, []).append(text)
            for number, text, one in self._ask(space, "held", groups):
                if isinstance(one, Hit):
                    found[text] = one
                    del left[text]
                elif isinstance(one, Miss):
                    self._unregister(space, text, number)
                elif isinstance(one, Moved) and number not in again[text]:
                    again[text].add(number)  # compressed meanwhile, which is once
                    left[text].append(number)
        return found

    def _unregister(self, space: Namespace, text: str, member: int) -> None:
        """Tell a key's home that a holder has it no more; if that fails, later."""
        _, _, owner = self._local.owner_of(space.name, text)
        if self._local.is_here(owner):
            self._local.registry.unregister(space, text, member)
        elif owner is not None:
            meta = {"space": space_meta(space), "key": text, "member": member}
            self._local.ask_all([owner], "unregister", meta)

    def keys(
        self, member: Member, space: Namespace, prefix: str, tag: str | None
    ) -> Iterator[str]:
        """Keys that count at a node, in order; none if it does not answer."""
        after, more = "", True
        while more:
            meta = {"space": space_meta(space), "prefix": prefix, "tag": tag}
            told = self._local.ask_all([member], "keys", {**meta, "after": after})
            if not told:
                return
            page = told[0][1].meta
            yield from page["keys"]
            more, after = page["more"], page["keys"][-1] if page["keys"] else ""

    # -- writing -----------------------------------------------------------

    def put(self, owner: Member, order: Order, terms: Terms) -> int | None:
        """Store a mutable value at its home.

        Parameters
        ----------
        terms
            The write's token, the partition's term, the copies wanted, and whether
            the write is late.

        Raises
        ------
        MovedError
            It is not the home now; nothing was stored.
        PeerLostError
            It did not answer; see `.sent`.
        """
        token, term, replicas, late = terms
        meta = {
            "to": owner.number,
            "term": term,
            "token": token,
            "replicas": replicas,
            "late": late,
            "fence": getattr(order.fence, "number", None),
        }
        return self._send(owner, "put", order, meta).meta["generation"]  # type: ignore[no-any-return]

    def _send(
        self, member: Member, op: str, order: Order, meta: Mapping[str, Any]
    ) -> Answer:
        frames = order.frames
        assert isinstance(frames, Frames)  # noqa: S101 - a client has them in memory
        whole = {**order_meta(order), "header": frames.header.hex(), **meta}
        answer = self._local.peers.call(member.address, op, whole, buffers_of(frames))
        if is_moved(answer):
            raise MovedError(sent=bool(answer.meta.get("sent")))
        return answer

    def delete(
        self, space: Namespace, waiting: dict[str, int], sent: dict[str, int]
    ) -> dict[str, bool]:
        """Delete keys at their homes; returns those that are settled.

        Parameters
        ----------
        waiting
            The token of each key's delete.
        sent
            By key, the epoch in which a delete was sent whose outcome is unknown.
        """
        done: dict[str, bool] = {}
        groups: dict[int, list[str]] = {}
        for text, token in waiting.items():
            partition, view, owner = self._local.owner_of(space.name, text)
            if text in sent and int(view.empty_epochs[partition]) > sent[text]:
                done[text] = True  # deleted, or lost with its home
            elif owner is not None and not self._local.is_here(owner):
                groups.setdefault(owner.number, []).append(text)
            elif owner is not None:
                late = _is_late(view, partition, sent.get(text))
                try:
                    done[text] = self._local.owner.delete(
                        space, text, token=token, late=late
                    )
                except MovedError as moved:
                    if moved.sent:
                        sent.setdefault(text, view.epoch)
        for number, texts in groups.items():
            tokens = {text: waiting[text] for text in texts}
            done |= self._delete_at(space, number, tokens, sent)
        return done

    def _delete_at(
        self,
        space: Namespace,
        number: int,
        tokens: dict[str, int],
        sent: dict[str, int],
    ) -> dict[str, bool]:
        view = self._local.standing.view()
        member = view.member(number)
        if member is None:
            return {}
        rows = [self._delete_row(space, view, one, sent) for one in tokens.items()]
        meta = {"space": space_meta(space), "to": number, "keys": rows}
        try:
            answer = self._local.peers.call(member.address, "delete", meta)
        except GridCacheError as error:
            if not isinstance(error, PeerLostError):
                raise
            if was_sent(error):
                for text in tokens:
                    sent.setdefault(text, view.epoch)
            return {}
        told = answer.meta.get("done") or [None] * len(rows)
        for text, there in zip(tokens, told, strict=True):
            if there == SENT:
                sent.setdefault(text, view.epoch)
        return {
            text: bool(there)
            for text, there in zip(tokens, told, strict=True)
            if there not in {None, SENT}
        }

    def _delete_row(
        self, space: Namespace, view: View, one: tuple[str, int], sent: dict[str, int]
    ) -> tuple[str, int, int, bool]:
        text, token = one
        partition, _, _ = self._local.owner_of(space.name, text)
        late = _is_late(view, partition, sent.get(text))
        return text, token, int(view.terms[partition]), late

    # -- immutable values --------------------------------------------------

    def choose(self, where: Place, nbytes: int) -> list[int]:
        """Members that are to hold an immutable value.

        Raises
        ------
        ConfigError
            No node has that name or those labels.
        """
        view, me = self._local.standing.view(), self._local.standing.member
        fitting = [one for one in view.members if _fits(one, where.node, me)]
        if not fitting:
            names = ", ".join(one.name for one in view.members)
            message = f"no node for node={where.node!r}; there are {names}"
            raise ConfigError(message, node=where.node)
        chosen = self._roomiest(fitting, nbytes, where)
        others = [one for one in view.members if one is not chosen and not one.draining]
        others.sort(key=lambda one: (one.host == chosen.host, random.random()))  # noqa: S311
        more = others[: where.replicas - 1]
        return [chosen.number, *(one.number for one in more)]

    def _roomiest(self, fitting: list[Member], nbytes: int, where: Place) -> Member:
        """Choose this node if it fits, unless it had to push something out for it."""
        here = next((one for one in fitting if self._local.is_here(one)), None)
        if here is not None and not (
            where.node == "auto" and is_full(self._store, nbytes)
        ):
            return here
        rooms, others = rooms_of(self._store), [one for one in fitting if one != here]
        best = rooms.best(nbytes, others) if others else None
        if best is not None:
            rooms.take(best.number, nbytes)
        return best or here or random.choice(fitting)  # noqa: S311 - no secret

    def last_resorts(
        self, where: Place, nbytes: int, tried: Sequence[int]
    ) -> list[int]:
        """Members that may take what those that were tried have no room for.

        This node first, then who has most that is not pinned, on its disk too.
        """
        view, me = self._local.standing.view(), self._local.standing.member
        left = [
            one
            for one in view.members
            if one.number not in tried and _fits(one, where.node, me)
        ]
        here = [one.number for one in left if one.number == me]
        others = [one for one in left if one.number != me and not one.draining]
        able = rooms_of(self._store).last_resorts(nbytes, others) if others else []
        return [*here, *(one.number for one in able)]

    def keep(self, member: int, order: Order) -> int | None:
        """Store an immutable copy at a member.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            It has no room, in memory or on disk.
        PeerLostError
            It is no member any more, or does not answer.
        """
        if member == self._local.standing.member:
            return admit(self._store, order)
        target = self._local.standing.view().member(member)
        if target is None:
            message = f"the node for {order.key!r} left the grid; see `grid nodes`"
            raise PeerLostError(message, sent=False)
        self._send(target, "keep", order, {"to": member})
        return None

    def register(
        self,
        space: Namespace,
        text: str,
        claim: Claim,
        fence: Callable[[WriteTxn], bool] | None = None,
    ) -> int | None:
        """Make a copy known at its key's home; returns its edition, None to drop it.

        Raises
        ------
        ImmutableKeyError
            The key holds another value.
        PeerLostError
            The home is away.
        """
        return self._arrivals.register(space, text, claim, fence)

    def drop(self, member: int, space: Namespace, text: str) -> None:
        """Take a copy back."""
        if member == self._local.standing.member:
            self._local.registry.drop(space, text, EVERY_EDITION)
            return
        target = self._local.standing.view().member(member)
        if target is not None:
            meta = {"space": space.name, "key": text, "edition": EVERY_EDITION}
            self._local.ask_all([target], "drop", meta)


def _is_late(view: View, partition: int, epoch: int | None) -> bool:
    """True if a home was lost that a write had been sent to in an epoch."""
    return epoch is not None and int(view.lost_epochs[partition]) > epoch


def _fits(member: Member, node: Any, me: int) -> bool:
    if node == "auto":
        return not member.draining or member.number == me
    if node == "local":
        return member.number == me
    if isinstance(node, str):
        return member.name == node
    return all(member.labels.get(name) == value for name, value in node.items())


def _gone(
    holders: tuple[int, ...], me: int, member: Callable[[int], Member | None]
) -> Miss:
    """Why no holder has it: some node is lost, or all have evicted it."""
    lost = any(member(one) is None for one in holders if one != me)
    return _LOST if lost else Miss(MissReason.EVICTED)


def _bare_hit() -> Hit:
    return Hit(b"", memoryview(b""), 0, 0.0, leased=False, immutable=True)
