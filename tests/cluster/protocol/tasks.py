"""Tasks of a run: what clients ask, what nodes do by themselves, what goes wrong."""

from collections.abc import Generator

from tests.cluster.protocol.history import Op
from tests.cluster.protocol.membership import View
from tests.cluster.protocol.serving import (
    Answer,
    Write,
    fill,
    serve_read,
    serve_write,
    surrender,
    writing,
)
from tests.cluster.protocol.world import Node, Step, Task, World

__all__ = [
    "change",
    "evict",
    "expire",
    "keep",
    "kill",
    "late_install",
    "lose",
    "reads",
    "rejoin",
    "session",
    "write",
]

_TRIES = 5


def reads(world: World, at: Node, count: int = 1) -> Task:
    """A client on node `at` reads."""
    for _ in range(count):
        op = world.history.begin("read")
        yield from _read(world, at, op)


def _read(world: World, at: Node, op: Op) -> Generator[Step, None, None]:
    for _ in range(_TRIES):
        owner, view = world.node(at.view.owner), at.view
        term = at.term if owner is at else view.term
        yield None
        if owner is None:
            yield lambda: at.view.epoch > view.epoch  # noqa: B023
            continue
        work = serve_read(world, owner, term)
        if owner is at:
            found = yield from work
        else:
            found = yield from world.call(f"serve read by {at.name}", owner, work)
        if found is Answer.EVICTED:
            world.history.forget(op)
            return
        if owner.dead or isinstance(found, Answer):
            yield _may_go_on(at, view, owner)
        else:
            world.history.end(op, found.value if found else None)
            return


def _may_go_on(at: Node, view: View, owner: Node) -> Step:
    """Another view, or the owner serves (again)."""
    return lambda: at.view.epoch > view.epoch or (owner.lease and owner.term != 0)


def write(
    world: World, at: Node, value: str | None, copies: int = 1, *, impatient: int = 0
) -> Task:
    """A client on node `at` puts, or deletes; an error ends it without an end.

    Parameters
    ----------
    impatient
        How often it does not wait for the answer of a remote owner.
    """
    op = world.history.begin("put" if value else "delete", value, copies)
    made = Write(value, copies, next(world.tokens))
    sent_epoch, unknown = 0, False
    for _ in range(_TRIES):
        view, owner = at.view, world.node(at.view.owner)
        yield None
        lost_epoch = view.lost_epoch if copies == 1 else view.empty_epoch
        if unknown and lost_epoch > sent_epoch and world.rules.lost_is_unknown:
            return
        if owner is None:
            yield lambda: at.view.epoch > view.epoch  # noqa: B023
            continue
        sent_epoch = sent_epoch if unknown else view.epoch
        answer = yield from _write_once(
            world, (at, owner), view.term, made, hurried=impatient > 0
        )
        impatient -= owner is not at
        if answer is Answer.DONE:
            world.history.end(op)
            return
        unknown |= answer is not Answer.REFUSED
        yield _may_go_on(at, view, owner)


def _write_once(
    world: World, way: tuple[Node, Node], term: int, made: Write, *, hurried: bool
) -> Generator[Step, None, Answer | None]:
    """Here or at the owner; None if its answer did not come (in time)."""
    at, owner = way
    if owner is at:
        return (yield from serve_write(world, at, at.term, made))
    work = serve_write(world, owner, term, made)
    return (yield from world.call(f"serve {made.value}", owner, work, lambda: hurried))


def keep(world: World, node: Node, *, renews: bool = True) -> Task:
    """The node's actor: installs views, renews the lease, moves and fills."""

    def lacks_lease() -> bool:
        return renews and not node.lease

    def due() -> bool:
        late = world.view.epoch > node.view.epoch
        work = late or lacks_lease() or _has_work(world, node)
        return work and node.number in world.view.members

    while True:
        yield due
        if world.view.epoch > node.view.epoch:
            yield from late_install(world, node)
        if lacks_lease() and node.number in world.view.members:
            node.lease = True
        if _has_work(world, node):
            move = node.view.move
            moves = move is not None and move.target == node.number
            yield from (surrender if moves else fill)(world, node)


def _has_work(world: World, node: Node) -> bool:
    view = node.view
    if view.epoch != world.view.epoch:
        return False
    moves = view.move is not None and view.move.target == node.number
    return moves or (view.owner == node.number and view.unfilled is not None)


def late_install(world: World, node: Node) -> Task:
    """A view is fetched, and installed at any time after that."""
    view, number = world.view, node.number
    yield None
    yield node.free
    with writing(node):
        newer = view.epoch > node.view.epoch or not world.rules.newer_views_only
        if newer and node.number == number:
            node.install(view)


def rejoin(world: World, node: Node) -> Task:
    """A node that was removed hears of it and joins under a new number."""
    yield lambda: node.number not in world.view.members
    number = world.membership.join()
    yield None
    if not world.rules.terms_before_lease:
        node.lease = True
        yield None
    else:
        node.lease = False
    yield node.free
    with writing(node):
        node.number, node.frozen = number, 0
        node.install(world.view)
    yield None
    node.lease = True


def session(*tasks: Task) -> Task:
    """One client does one thing after another."""
    for task in tasks:
        yield from task


def expire(node: Node) -> Task:
    """The clock passes the node's deadline."""
    yield None
    node.lease = False


def lose(world: World, node: Node) -> Task:
    """The membership gives a node up."""
    number = node.number
    if world.rules.wait_for_lease:
        yield lambda: not node.lease or node.dead
    else:
        yield None
    world.membership.remove(number)


def kill(node: Node) -> Task:
    """The node dies with everything on it."""
    yield None
    node.dead, node.lease, node.locked = True, False, False


def evict(node: Node) -> Task:
    """The policy takes the entry."""
    yield node.free
    if node.entry is not None and node.entry.value is not None:
        node.entry, node.evicted = None, True


def change(world: World, method: str, *arguments: object) -> Task:
    """The membership decides something."""
    yield None
    getattr(world.membership, method)(*arguments)
