"""Service: what a node answers the others about its entries.

One method per request, each thin: the rules are in `owner` (writes), `home` (reads)
and `registry` (immutable entries). A request for what this node does not own now is
answered with `moved`; the caller looks at a newer view and asks again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from gridcache.cluster.client.adoption import adopt
from gridcache.cluster.client.local import local_of
from gridcache.cluster.home import directory
from gridcache.cluster.home.backup import Backup
from gridcache.cluster.home.done import forget_notes
from gridcache.cluster.home.flight_service import FlightService
from gridcache.cluster.home.home import Held, Home, Moved
from gridcache.cluster.home.items import entry_meta, hit_frames, order_from, taken
from gridcache.cluster.home.items import local_space as space_of
from gridcache.cluster.home.moved import MOVED, SENT, MovedError, moved_answer
from gridcache.cluster.home.owner import Owner, new_token
from gridcache.cluster.home.registry import Claim, Registry
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.travel import describe
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.tier.admission import admit
from gridcache.cluster.tier.sizes import SizesDesk
from gridcache.cluster.tier.spill_desk import SpillDesk
from gridcache.codec.frames import Frames, Poured
from gridcache.errors import GridCacheError, PeerError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit, Miss
from gridcache.store.records import Entry, Stamp, entry_key
from gridcache.store.writer import Order

__all__ = ["Service"]

PAGE = 5000
"""Keys in one answer."""
_logger = logging.getLogger("gridcache")
_OPS_S = 60.0
_STAGED = 1 << 63
"""A term that nobody is ever given."""
_TIDY_S = 5.0

Meta = dict[str, Any]
Handler = Callable[[Session, Meta, list[memoryview]], Answer]
StreamHandler = Callable[[Session, Meta, Incoming], Answer]


class Service:
    """Requests about entries, at one node.

    `handlers` and `streams` are by operation; others may add theirs.
    """

    def __init__(self, store: NodeStore, standing: Standing, peers: Peers) -> None:
        self.store = store
        self.standing = standing
        self.owner = Owner(store, standing, peers)
        self.home = Home(store, standing)
        self.backup = Backup(store, standing)
        self.registry = Registry(store, standing)
        self._spaces: dict[str, Namespace] = {}
        """By name, with settings that may be old."""
        self.handlers: dict[str, Handler] = {
            "get": self._get,
            "held": self._held,
            "body": self._body,
            "puts": self._puts,
            "delete": self._delete,
            "register": self._register,
            "unregister": self._unregister,
            "undirect": self._undirect,
            "drop": self._drop,
            "change": self._change,
            "keys": self._keys,
            "info": self._info,
            "explain": self._explain,
            "stats": self._stats,
            "void": self._void,
            "reconfigure": self._reconfigure,
        }
        self.streams: dict[str, StreamHandler] = {
            "put": self._put,
            "copy": self._copy,
            "keep": self._keep,
        }
        self.flights = FlightService(store, standing)
        self.handlers |= self.flights.handlers
        desk = SpillDesk(store, self.registry)
        self.handlers |= desk.handlers
        self.handlers |= SizesDesk(store, standing, self.home).handlers
        self.streams |= desk.streams
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._tidy, name="gridcache-service", daemon=True
        )
        self._thread.start()

    def handle(
        self, session: Session, op: str, meta: Meta, buffers: list[memoryview]
    ) -> Answer:
        """Answer one request."""
        handler = self.handlers.get(op)
        if handler is None:
            message = f"this node does not know the request {op!r}; upgrade gridcache"
            raise PeerError(message, op=op)
        if meta.get("to", self.standing.member) != self.standing.member:
            return Answer(MOVED)
        try:
            return handler(session, meta, buffers)
        except MovedError as moved:
            return moved_answer(moved)

    def stream(self, op: str) -> StreamHandler:
        """What takes the body of a large request."""
        handler = self.streams[op]

        def answer(session: Session, meta: Meta, incoming: Incoming) -> Answer:
            if meta.get("to", self.standing.member) != self.standing.member:
                return Answer(MOVED)
            try:
                return handler(session, meta, incoming)
            except MovedError as moved:
                return moved_answer(moved)

        return answer

    # -- reading -----------------------------------------------------------

    def _get(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space, most = self._read_space(meta["space"]), meta.get("most", 1 << 62)
        page = _Page(most, bare=meta.get("bare", False))
        for text in meta["keys"]:
            found = self.home.look(space, text, raw=True, count=not meta.get("bare"))
            self._add(page, space, text, found)
        return page.answer()

    def _held(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        """Immutable copies that lie here, whoever is their home."""
        space, page = self._read_space(meta["space"]), _Page(meta["most"])
        for text in meta["keys"]:
            found = self.home.held(space, text)
            self._add(page, space, text, found)
        return page.answer()

    def _read_space(self, meta: Meta) -> Namespace:
        """Find the namespace of a read, which needs its name and number alone."""
        name = meta["name"]
        space = self._spaces.get(name)
        if space is None:
            space = self._spaces[name] = space_of(self.store, meta)
        return space

    def _add(
        self, page: "_Page", space: Namespace, text: str, found: Hit | Miss | Any
    ) -> None:
        if not isinstance(found, Hit):
            page.add_other(found)
            return
        entry: Entry | Miss | None = None
        if found.immutable:
            entry = self.home.entry(space, text)
        about = None
        if isinstance(entry, Entry):
            about = entry_meta(entry_key(space.id, text)[0], entry)
        page.add_hit(found, about)

    def _body(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        """One large body, of the generation that was described."""
        space = space_of(self.store, meta["space"])
        found = self.home.body(space, meta["key"], meta["generation"])
        if found is None:
            return Answer({"gone": True})
        held = [found]
        return Answer({}, (found.body,), held.clear)

    # -- writing -----------------------------------------------------------

    def _put(self, _session: Session, meta: Meta, incoming: Incoming) -> Answer:
        space = space_of(self.store, meta["space"])
        replicas, frames = meta["replicas"], taken(incoming, meta)
        fence = self.flights.fence(meta["fence"])
        order = order_from(space, meta, frames)._replace(fence=fence)
        if isinstance(frames, Poured):
            return self._put_staged(order, meta)
        how = {"token": meta["token"], "term": meta["term"], "late": meta["late"]}
        generation = self.owner.put(order, replicas=replicas, **how)
        return Answer({"generation": generation})

    def _puts(self, _session: Session, meta: Meta, buffers: list[memoryview]) -> Answer:
        """Several small values; each is stored, moved away, or refused alone."""
        space, left = space_of(self.store, meta["space"]), iter(buffers)
        done: list[Any] = []
        with self.store.batch():
            for item in meta["items"]:
                header, *parts = [next(left) for _ in range(item["buffers"])]
                frames = Frames(
                    bytes(header), tuple(parts), item["viewable"], item["raw"]
                )
                order = order_from(space, item, frames)
                done.append(self._put_one(order, item, meta["replicas"]))
        return Answer({"done": done})

    def _put_one(self, order: Order, item: Meta, replicas: int) -> Any:
        try:
            generation = self.owner.put(
                order, token=item["token"], term=item["term"], replicas=replicas
            )
        except MovedError as moved:
            return SENT if moved.sent else None
        except GridCacheError as error:
            return describe(error)
        return generation or 0

    def _put_staged(self, order: Order, meta: Meta) -> Answer:
        """A large value: into the arena as it comes, then under its key from there.

        It may have to go to copies as well, and a stream can be read only once.
        """
        self.standing.owned_term(
            partition_of(order.space.name, order.key), meta["term"]
        )
        staged = f"\0staged/{new_token():x}"  # of this try alone
        self.store.put(
            order._replace(
                key=staged,
                ttl_s=_OPS_S,
                pinned=True,
                fence=None,
                stamp=Stamp(_STAGED),
            )
        )
        try:
            found = self.store.get(*entry_key(order.space.id, staged), raw=True)
            if not isinstance(found, Hit):
                message = "the value was lost while it was stored; put it again"
                raise PeerError(message, key=order.key)
            frames = hit_frames(
                found, viewable=meta["viewable"], raw_nbytes=meta["raw"]
            )
            generation = self.owner.put(
                order._replace(frames=frames),
                token=meta["token"],
                term=meta["term"],
                replicas=meta["replicas"],
                late=meta["late"],
            )
        finally:
            self.store.delete(order.space, [staged])
        return Answer({"generation": generation})

    def _copy(self, _session: Session, meta: Meta, incoming: Incoming) -> Answer:
        space = space_of(self.store, meta["space"])
        order = order_from(space, meta, taken(incoming, meta))
        terms = meta["term"], meta["copy_term"]
        return Answer({"newer": self.backup.keep_copy(order, terms, meta["token"])})

    def _keep(self, _session: Session, meta: Meta, incoming: Incoming) -> Answer:
        """Take an immutable copy that somebody else has registered for this node."""
        space = space_of(self.store, meta["space"])
        admit(self.store, order_from(space, meta, taken(incoming, meta)))
        return Answer({"member": self.standing.member})

    def _delete(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space = space_of(self.store, meta["space"])
        done: list[bool | str | None] = []
        for text, token, term, late in meta["keys"]:
            how = {"token": token, "term": term, "late": late}
            try:
                done.append(self.owner.delete(space, text, **how))
            except MovedError as moved:
                done.append(SENT if moved.sent else None)
        return Answer({"done": done})

    def _change(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space, text = space_of(self.store, meta["space"]), meta["key"]
        return Answer({"done": self.home.change(space, text, **meta["changes"])})

    # -- immutable entries -------------------------------------------------

    def _register(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space, claim = space_of(self.store, meta["space"]), Claim(**meta["claim"])
        fence = self.flights.fence(meta["fence"])
        edition = self.registry.register(space, meta["key"], claim, fence)
        return Answer({"edition": edition})

    def _unregister(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space = space_of(self.store, meta["space"])
        self.registry.unregister(space, meta["key"], meta["member"])
        return Answer()

    def _undirect(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space = self.store.namespace(Namespace(meta["space"]))
        self.registry.note_deleted(space, meta["key"], meta["edition"])
        return Answer()

    def _drop(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space = self.store.namespace(Namespace(meta["space"]))
        self.registry.drop(space, meta["key"], meta["edition"])
        return Answer()

    # -- looking -----------------------------------------------------------

    def _keys(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        """Keys that count here, a page of them."""
        space, tag = space_of(self.store, meta["space"]), meta["tag"]
        found: list[str] = []
        entries = self.home.entries(space, meta["prefix"], meta["after"])
        for text, entry in entries:
            if tag is None or tag in entry.tags:
                found.append(text)
            if len(found) == PAGE:
                break
        return Answer({"keys": found, "more": len(found) == PAGE})

    def _info(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space, text = space_of(self.store, meta["space"]), meta["key"]
        info = self.home.info(space, text)
        return Answer({"info": asdict(info) if info is not None else None})

    def _explain(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space, text = space_of(self.store, meta["space"]), meta["key"]
        told, shown = self.home.explain(space, text)
        return Answer({"explanation": asdict(told), "shown": shown})

    def _stats(self, _session: Session, _meta: Meta, _buffers: Any) -> Answer:
        return Answer(asdict(self.store.stats()))

    def _void(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        """A clear: what is being computed is older than it."""
        self.store.flights.void_all(space_of(self.store, meta["space"]))
        return Answer()

    def _reconfigure(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space = space_of(self.store, meta["space"])
        self.store.change_namespace(replace(space, **meta["changes"]))
        return Answer()

    # -- upkeep ------------------------------------------------------------

    def _tidy(self) -> None:
        while not self._ended.wait(_TIDY_S):
            try:
                self._forget(time.time())
                self._adopt()
            except Exception:
                # A stalled store or a full index is told to those who write.
                _logger.debug("a round of upkeep failed", exc_info=True)

    def _adopt(self) -> None:
        """Once for each grid, as soon as this node serves."""
        standing = self.standing
        if standing.member and standing.has_lease() and not standing.has_adopted:
            adopt(self.store, local_of(self.store))
            standing.note_adopted()

    def _forget(self, now: float) -> None:
        while self.store.transact(lambda txn: forget_notes(txn, now)):
            pass
        while self.store.transact(lambda txn: directory.forget_old(txn, now)):
            pass

    def close(self) -> None:
        """Do no more upkeep."""
        self._ended.set()
        self._thread.join()


class _Page:
    """An answer with the frames of several keys, which holds them leased."""

    def __init__(self, most: int, *, bare: bool = False) -> None:
        self._most = most
        self._bare = bare
        self._results: list[list[Any]] = []
        self._buffers: list[bytes | memoryview] = []

    def add_hit(self, hit: Hit, about: Meta | None) -> None:
        facts = [hit.generation, hit.cost_s, about]
        if self._bare:
            self._results.append(["b", *facts])
            return
        if about is not None and hit.body.nbytes > self._most:
            described = [hit.header.hex(), hit.body.nbytes]
            self._results.append(["d", *facts, *described])
            return
        self._results.append(["h", *facts])
        self._buffers += (hit.header, hit.body)

    def add_other(self, found: Miss | Held | Moved) -> None:
        if isinstance(found, Miss):
            self._results.append(["m", found.reason, found.at, found.need_nbytes])
        elif isinstance(found, Held):
            self._results.append(["l", found.holders])
        else:
            self._results.append(["v"])

    def answer(self) -> Answer:
        return Answer({"found": self._results}, self._buffers, self._buffers.clear)
