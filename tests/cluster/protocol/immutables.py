"""Immutable entries: holders, the home's directory, deletes with editions.

One key, one value. A node reads its own copy without asking, so what is asked is
this: once everybody has heard of everything, the home knows every copy, and there
is none if the key was deleted after every put. A node that is cut off may read its
copy meanwhile; it must not bring it back.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace

from tests.cluster.protocol.world import Node, Step, Task, World

__all__ = [
    "Directory",
    "Record",
    "came_back",
    "cut_off",
    "delete",
    "fetch",
    "put",
    "reregister",
    "retell",
    "unknown_copies",
]

VALUE = "v"
_MANY = 1000
"""More deletes than there are between two losses."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a node knows of the key, as its home or as the home's copy."""

    edition: int = 0
    holders: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()
    """Holders that have not confirmed a delete."""


@dataclass(slots=True)
class Directory:
    """Copies and records by node; what is broken on purpose."""

    world: World
    copies: dict[str, int] = field(default_factory=dict)
    """Editions."""
    records: dict[str, Record] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)
    """Nodes that requests do not reach."""
    editions: bool = True
    store_first: bool = True
    untold: bool = True
    tombstone_at_copy: bool = True
    blind_deletes: bool = True

    def home(self, at: Node) -> Node | None:
        """The home of the key, as a node believes."""
        return self.world.node(at.view.owner)

    def record(self, node: Node) -> Record:
        return self.records.get(node.name, Record())


def _register(
    directory: Directory, at: Node, edition: int, *, new: bool
) -> Generator[Step, None, int | None]:
    """Make a copy known; the edition it has, -1: it must go, None: ask again."""
    home = directory.home(at)
    if home is None or home.name in directory.deaf:
        return None
    term = at.view.term

    def serve() -> Generator[Step, None, int | None]:
        yield home.free
        if home.term != term or not home.lease:
            return None
        known = directory.record(home)
        if directory.editions and not new and edition < known.edition:
            directory.records[home.name] = replace(
                known, untold=known.untold | {at.name}
            )
            return -1
        held = replace(
            known,
            edition=max(known.edition, edition),
            holders=known.holders | {at.name},
            untold=known.untold - {at.name},
        )
        directory.records[home.name] = held
        return held.edition

    return (yield from directory.world.call(f"register {at.name}", home, serve()))


def put(directory: Directory, at: Node) -> Task:
    """Store here, then register; again, if the present edition is another one."""
    op = directory.world.history.begin("put", VALUE)
    edition = 0
    for _ in range(12):
        if directory.store_first:
            directory.copies[at.name] = edition
        yield None
        now = yield from _register(directory, at, edition, new=True)
        if now is not None:
            yield None
            if not directory.store_first:
                directory.copies[at.name] = now
            if now == edition or not directory.store_first:
                directory.world.history.end(op)
                return
            edition = now
        yield None


def delete(directory: Directory, at: Node) -> Task:
    """Raise the edition at the home and its copies, then have holders drop theirs."""
    op = directory.world.history.begin("delete")
    for _ in range(12):
        home = directory.home(at)
        if home is not None:
            done = yield from directory.world.call(
                "serve delete", home, _serve_delete(directory, home, at.view.term)
            )
            if done:
                directory.world.history.end(op)
                return
        yield None


def _serve_delete(
    directory: Directory, home: Node, term: int
) -> Generator[Step, None, bool]:
    yield home.free
    if home.term != term or not home.lease:
        return False
    known, lost = directory.record(home), home.view.lost_epoch
    edition = known.edition + 1
    if directory.blind_deletes:
        # Holders of before the loss may not have registered yet, whatever they have.
        edition = max(edition, lost * _MANY)
    gone = Record(edition, untold=known.holders | known.untold)
    if known.holders or (lost and directory.blind_deletes):
        directory.records[home.name] = gone
        yield None
        for number, _ in home.view.copies:
            copy = directory.world.node(number)
            if copy is not None and directory.tombstone_at_copy:
                there = directory.record(copy)
                if there.edition < gone.edition:
                    directory.records[copy.name] = gone
        yield from _tell(directory, home)
    return True


def _tell(directory: Directory, home: Node) -> Generator[Step, None, None]:
    """Have those drop their copies that have not yet, where they can be reached."""
    edition = directory.record(home).edition
    for name in sorted(directory.record(home).untold):
        yield None
        if name in directory.deaf:
            continue
        if directory.copies.get(name, edition) < edition:
            del directory.copies[name]
        known = directory.record(home)
        directory.records[home.name] = replace(known, untold=known.untold - {name})


def retell(directory: Directory, home: Node) -> Task:
    """The home's housekeeping tells again whom it did not reach."""

    def due() -> bool:
        mine = home.term != 0 and home.view.owner == home.number
        reachable = directory.record(home).untold - directory.deaf
        return mine and bool(reachable) and directory.untold

    while True:
        yield due
        yield from _tell(directory, home)


def fetch(directory: Directory, at: Node) -> Task:
    """Read from a holder, keep a copy, register it."""
    home = directory.home(at)
    if home is None:
        return
    holders = sorted(directory.record(home).holders & directory.copies.keys())
    yield None
    if not holders or holders[0] not in directory.copies:
        return
    edition = directory.copies[holders[0]]
    yield None
    directory.copies.setdefault(at.name, edition)
    yield None
    for _ in range(12):
        known = yield from _register(directory, at, edition, new=False)
        if known == -1 and directory.copies.get(at.name) == edition:
            del directory.copies[at.name]
        if known is not None:
            return
        yield None


def reregister(directory: Directory, at: Node) -> Task:
    """Tell the home of a copy whenever an owner was lost, and after a cut."""
    seen = 0
    while True:
        yield lambda: at.view.lost_epoch > seen and at.name not in directory.deaf  # noqa: B023
        epoch, edition = at.view.lost_epoch, directory.copies.get(at.name)
        known: int | None = 0
        if edition is not None:
            known = yield from _register(directory, at, edition, new=False)
            if known == -1 and directory.copies.get(at.name) == edition:
                del directory.copies[at.name]
        if known is not None:
            seen = epoch
        yield None


def cut_off(directory: Directory, node: Node) -> Task:
    """Requests reach a node no more, for a while; it goes on serving what it has."""
    yield None
    directory.deaf.add(node.name)
    yield None
    directory.deaf.discard(node.name)


def unknown_copies(directory: Directory) -> set[str]:
    """Nodes with a copy that the home does not know of: no delete would reach them."""
    world = directory.world
    home = world.node(world.view.owner)
    if home is None:
        return set()
    living = {node.name for node in world.nodes if not node.dead}
    return (directory.copies.keys() & living) - directory.record(home).holders


def came_back(directory: Directory) -> bool:
    """Whether the key is there though it was deleted after every put of it."""
    ops = directory.world.history.ops
    if any(op.end is None for op in ops):
        return False
    deletes = [op.start for op in ops if op.kind == "delete"]
    puts = [op.end or 0 for op in ops if op.kind == "put"]
    dead = {node.name for node in directory.world.nodes if node.dead}
    there = directory.copies.keys() - dead
    return bool(there) and bool(deletes) and max(deletes) > max(puts, default=0)
