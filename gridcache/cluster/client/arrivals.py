"""Arrivals: frames that came from another node, and copies kept of them.

An immutable value that was read from afar is kept here, so that the next read makes
no call, and made known at its home in the background. A large body goes from arena
to arena, without passing through this process's memory.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from gridcache.cluster.client.far_flights import is_near_fence
from gridcache.cluster.client.local import Local, Patience
from gridcache.cluster.home.bodies import OtherBodyError, pouring
from gridcache.cluster.home.home import Held, Moved
from gridcache.cluster.home.items import order_from, space_meta
from gridcache.cluster.home.moved import MovedError, is_moved
from gridcache.cluster.home.registry import Claim
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.view import Member
from gridcache.cluster.tier.rooms import is_full
from gridcache.codec.frames import Frames, Poured
from gridcache.errors import GridCacheError, PeerLostError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit, Miss, MissReason
from gridcache.store.records import IMMUTABLE, Stamp, entry_key
from gridcache.store.transaction import WriteTxn

__all__ = ["Arrivals"]

_REGISTER_S = 3.0
_GONE = Miss(MissReason.EVICTED)


class Arrivals:
    """What arrives from other nodes, in one process."""

    def __init__(self, store: NodeStore, local: Local) -> None:
        self._store = store
        self._local = local
        self._known: deque[tuple[Namespace, str, Claim]] = deque()
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def read(
        self, space: Namespace, member: Member, texts: Sequence[str], answer: Answer
    ) -> Iterator[tuple[str, Hit | Miss | Held | Moved]]:
        """What an answer says of each key."""
        buffers = iter(answer.buffers)
        for text, row in zip(texts, answer.meta["found"], strict=True):
            yield text, self._one(space, member, text, row, buffers)

    def read_one(
        self, space: Namespace, member: Member, text: str, answer: Answer
    ) -> Hit | Miss | Held | Moved:
        """What an answer says of its only key."""
        (row,) = answer.meta["found"]
        return self._one(space, member, text, row, iter(answer.buffers))

    def _one(
        self,
        space: Namespace,
        member: Member,
        text: str,
        row: list[Any],
        buffers: Iterator[Any],
    ) -> Hit | Miss | Held | Moved:
        kind, *facts = row
        if kind == "m":
            return Miss(MissReason(facts[0]), facts[1], facts[2])
        if kind == "l":
            return Held(tuple(facts[0]))
        if kind == "v":
            return Moved()
        generation, cost_s, about, *described = facts
        if kind == "b":
            return Hit(b"", memoryview(b""), generation, cost_s, leased=False)
        if kind == "d":
            return self._pull(space, member, about, (generation, *described))
        header, body = bytes(next(buffers)), next(buffers)
        if about is not None:
            self._keep(space, about, header, body)
        return Hit(header, memoryview(body), generation, cost_s, leased=False)

    # -- copies ------------------------------------------------------------

    def _keep(
        self, space: Namespace, about: Mapping[str, Any], header: bytes, body: Any
    ) -> None:
        if self._would_push_out(len(body)):
            return
        frames = Frames(header, (body,), about["viewable"], about["raw"])
        with suppress(GridCacheError):  # no room: read from afar again
            self._store.put(_copy_order(space, about, frames))
            self._note(space, about, len(body))

    def _would_push_out(self, nbytes: int) -> bool:
        """Whether a copy would evict what has none, and will find room soon.

        Where there is a disk, what is cold goes there in a moment.
        """
        return self._local.tier.open() is not None and is_full(self._store, nbytes)

    def _pull(
        self,
        space: Namespace,
        member: Member,
        about: Mapping[str, Any],
        described: tuple[Any, ...],
    ) -> Hit | Miss | Moved:
        """Bring a large body into this node's arena; into memory if it has no room."""
        generation, header_hex, nbytes = described
        header, text = bytes.fromhex(header_hex), about["key"]
        meta = {"space": space_meta(space), "to": member.number, "key": text}
        meta["generation"] = generation

        pour = pouring(self._local.peers, member, meta, nbytes)
        if self._would_push_out(nbytes):
            return self._into_memory(member, meta, header, nbytes)
        frames = Poured(header, nbytes, pour, about["viewable"], about["raw"])
        try:
            self._store.put(_copy_order(space, about, frames))
        except OtherBodyError as other:
            return _GONE if _is_gone(Answer(dict(other.told))) else Moved()
        except PeerLostError:
            return _GONE
        except GridCacheError:
            return self._into_memory(member, meta, header, nbytes)
        self._note(space, about, nbytes)
        found = self._store.get(*entry_key(space.id, text), count=False)
        return found if isinstance(found, Hit) else _GONE

    def _into_memory(
        self, member: Member, meta: dict[str, Any], header: bytes, nbytes: int
    ) -> Hit | Miss | Moved:
        answer = self._local.peers.call(member.address, "body", meta)
        if _is_gone(answer):
            return _GONE
        body = memoryview(answer.buffers[0])
        if body.nbytes != nbytes:
            return Moved()
        return Hit(header, body, meta["generation"], 0.0, leased=False, immutable=True)

    # -- making them known -------------------------------------------------

    def register(
        self,
        space: Namespace,
        text: str,
        claim: Claim,
        fence: Callable[[WriteTxn], bool] | None = None,
    ) -> int | None:
        """See `Far.register`."""
        patience = Patience(_REGISTER_S)
        while True:
            _, _, owner = self._local.owner_of(space.name, text)
            with suppress(MovedError):
                if self._local.is_here(owner):
                    return self._local.registry.register(space, text, claim, fence)
                if owner is not None and is_near_fence(fence):
                    return None  # the flight was lost when its home moved
                if owner is not None:
                    return self._register_at(owner, space, text, (claim, fence))
            if not patience.wait():
                message = f"the home of {text!r} does not answer; see `grid nodes`"
                raise PeerLostError(message, sent=False)

    def _register_at(
        self, owner: Member, space: Namespace, text: str, claim: tuple[Claim, Any]
    ) -> int | None:
        meta = {
            "space": space_meta(space),
            "to": owner.number,
            "key": text,
            "claim": _as_dict(claim[0]),
            "fence": getattr(claim[1], "number", None),
        }
        answer = self._local.peers.call(owner.address, "register", meta)
        if is_moved(answer):
            raise MovedError
        return answer.meta["edition"]  # type: ignore[no-any-return]

    def _note(self, space: Namespace, about: Mapping[str, Any], nbytes: int) -> None:
        """Have a copy made known, soon and by another thread."""
        claim = Claim(self._local.standing.member, about["origin"], 0, nbytes)
        with self._news:
            self._known.append((space, about["key"], claim))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._make_known, name="gridcache-registrar", daemon=True
                )
                self._thread.start()
            self._news.notify()

    def _make_known(self) -> None:
        while True:
            with self._news:
                if not self._known and not self._news.wait(5.0):
                    return
            while self._known:
                self._tell(*self._known.popleft())

    def _tell(self, space: Namespace, text: str, claim: Claim) -> None:
        try:
            if self.register(space, text, claim) is None:
                self._local.registry.drop(space, text, claim.edition + 1)
        except (GridCacheError, OSError):
            return  # the node registers again what it holds when homes change


def _is_gone(answer: Answer) -> bool:
    """True if the body that was described is not there any more."""
    return bool(answer.meta.get("gone")) or is_moved(answer)


def _copy_order(
    space: Namespace, about: Mapping[str, Any], frames: Frames | Poured
) -> Any:
    """Order a copy of what lies elsewhere: where it is pinned it stays, not here too."""
    order = order_from(space, about, frames)
    return order._replace(pinned=False, stamp=Stamp(0, about["origin"], IMMUTABLE))


def _as_dict(claim: Claim) -> dict[str, Any]:
    return {
        "member": claim.member,
        "edition": claim.edition,
        "digest": claim.digest,
        "nbytes": claim.nbytes,
        "new": claim.new,
    }
