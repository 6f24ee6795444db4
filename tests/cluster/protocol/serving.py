"""What a node does for a key it owns or has a copy of, step by step."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from tests.cluster.protocol.world import Entry, Node, Step, World, copied

__all__ = ["Answer", "Write", "fill", "serve_read", "serve_write", "surrender"]

_Copies = tuple[tuple[int, int], ...]


class Answer(Enum):
    DONE = auto()
    REFUSED = auto()
    """Not by this node, or not now; nothing was written anywhere."""
    UNKNOWN = auto()
    """A copy may have it."""
    EVICTED = auto()
    """A miss that says nothing: the policy took the entry."""


@dataclass(frozen=True, slots=True)
class Write:
    """A put, or the delete of None."""

    value: str | None
    copies: int
    token: int


@contextmanager
def writing(node: Node) -> Iterator[None]:
    """A write transaction; whoever dies in it lets it go."""
    node.locked = True
    try:
        yield
    finally:
        node.locked = False


def serve_read(
    world: World, node: Node, term: int
) -> Generator[Step, None, Entry | Answer | None]:
    """Read under a term: the entry, or that it has none, or a refusal."""
    rules = world.rules
    if rules.request_term and node.term != term:
        return Answer.REFUSED
    term = node.term
    entry: Entry | Answer | None = node.found(term)
    if entry is None and node.evicted:
        entry = Answer.EVICTED
    yield None
    if not rules.check_after_copy:
        return entry
    if rules.deadline_before_term:
        leased = node.lease
        yield None
        current = node.term == term
    else:
        current = node.term == term
        yield None
        leased = node.lease
    return entry if leased and current and term else Answer.REFUSED


def serve_write(
    world: World, node: Node, term: int, write: Write
) -> Generator[Step, None, Answer]:
    """Write, unless another request of the same token is at work: wait for that."""
    if world.rules.one_at_a_time:
        yield lambda: write.token not in node.at_work
    node.at_work.add(write.token)
    try:
        return (yield from _write(world, node, term, write))
    finally:
        node.at_work.discard(write.token)


def _write(
    world: World, node: Node, term: int, write: Write
) -> Generator[Step, None, Answer]:
    """Write under a term, at the copies first if it is to be replicated."""
    refusal, floor = Answer.REFUSED, 0
    for _ in range(6):
        yield node.free
        with writing(node):
            answer, existing = _look(world, node, term, write)
            own = node.term
            if answer is None and not _replicated(world, node, existing, write):
                yield None
                single = Entry(write.value, own, 0, write.token, replicated=False)
                node.keep(single if write.value else None)
                node.note([write.token], own)
                return Answer.DONE
        yield None
        if answer is not None:
            return refusal if answer is Answer.REFUSED else answer
        refusal = Answer.UNKNOWN
        order = max(world.time(node), existing.order + 1 if existing else 0, floor)
        entry = Entry(write.value, own, order, write.token, replicated=True)
        copies, epoch = node.view.copies, node.view.epoch
        outranked_by = yield from _write_copies(world, node, entry, copies)
        if outranked_by is None:
            yield lambda: node.view.epoch > epoch or node.term != own  # noqa: B023
        elif outranked_by:
            floor = outranked_by + 1
        elif (yield from _commit(world, node, entry, copies)):
            return Answer.DONE
    return refusal


def _look(
    world: World, node: Node, term: int, write: Write
) -> tuple[Answer | None, Entry | None]:
    """Whether this node may write, inside its transaction, and over what."""
    rules = world.rules
    leased = node.lease or not rules.lease_in_transaction
    wanted = term if rules.request_term else node.term
    if node.term != wanted or not node.term or not leased:
        return Answer.REFUSED, None
    if rules.tokens and _is_done(world, node, write.token):
        return Answer.DONE, None
    return None, node.found(node.term)


def _is_done(world: World, node: Node, token: int) -> bool:
    """Whether the write of this token was carried out under this ownership."""
    if world.rules.notes_have_terms:
        return token in node.noted(node.term)
    return any(token == one for one, _ in node.notes)


def _replicated(world: World, node: Node, existing: Entry | None, write: Write) -> bool:
    """Whether a write must reach the copies."""
    if existing is not None:
        return existing.replicated or write.copies > 1
    absent = node.marked and world.rules.absent_reaches_backup
    return write.copies > 1 or absent


def _write_copies(
    world: World, node: Node, entry: Entry, copies: _Copies
) -> Generator[Step, None, int | None]:
    """Store at every copy.

    Returns the order of a newer entry there, 0 if it is stored everywhere, None if
    a copy is not reached or is none.
    """
    epoch, highest = node.view.epoch, 0
    for member, copy_term in copies:
        copy = world.node(member)
        if copy is None:
            return None
        work = _store_copy(world, copy, entry, copy_term)
        name = f"copy {entry.value} to {copy.name}"
        order = yield from world.call(name, copy, work, lambda: node.view.epoch > epoch)
        if order is None or order < 0:
            return None
        highest = max(highest, order)
    return highest


def _store_copy(
    world: World, copy: Node, entry: Entry, copy_term: int
) -> Generator[Step, None, int]:
    """At a copy: 0 if stored, the order of a newer entry, -1 if this is no copy."""
    yield copy.free
    with writing(copy):
        if not _is_copy(world, copy, entry.term, copy_term):
            return -1
        under = (
            copy_term if world.rules.copy_terms else copy.view.copy_term(copy.number)
        )
        there = copy.found(under)
        if there is not None and _newer(world, there, entry):
            return there.order if world.rules.raise_order else 0
        yield None
        _store(world, copy, copied(entry, under))
        if world.rules.tokens_travel:
            copy.note([entry.token], under)
    return 0


def _is_copy(world: World, copy: Node, term: int, copy_term: int) -> bool:
    view = copy.view
    if not world.rules.copy_terms:
        return view.copy_term(copy.number) != 0
    return view.term == term and view.copy_term(copy.number) == copy_term


def _newer(world: World, there: Entry, entry: Entry) -> bool:
    if not world.rules.break_ties:
        return there.order > entry.order
    return (there.order, there.token) >= (entry.order, entry.token)


def _store(world: World, node: Node, entry: Entry) -> None:
    gone = entry.value is None and not world.rules.tombstones
    node.keep(None if gone else entry)
    node.marked = True


def _commit(
    world: World, node: Node, entry: Entry, copies: _Copies
) -> Generator[Step, None, bool]:
    """The owner's own transaction of a replicated write."""
    rules = world.rules
    yield node.free
    with writing(node):
        leased = node.lease or not rules.lease_in_transaction
        same = node.view.copies == copies or not rules.copies_in_transaction
        if node.term != entry.term or not leased or not same:
            return False
        yield None
        there = node.found(entry.term)
        behind = there is not None and (
            _newer(world, there, entry)
            # Without tokens the owner's draft was: an equal order is enough.
            or (there.order == entry.order and not rules.break_ties)
        )
        node.note([entry.token], entry.term)
        if not behind:
            _store(world, node, entry)
    return True


def fill(world: World, node: Node) -> Generator[Step, None, None]:
    """Bring a copy up to date, as the owner, and report it."""
    view = node.view
    if view.unfilled is None:
        return
    number, copy_term = view.unfilled
    copy = world.node(number)
    entry = node.found(view.term)
    if copy is None:
        return
    work = _receive(world, copy, entry, node, copy_term, view.term)
    filled = yield from world.call(f"fill {copy.name}", copy, work)
    if filled:
        world.membership.filled(node.number, copy_term)


def _receive(
    world: World,
    copy: Node,
    entry: Entry | None,
    node: Node,
    copy_term: int,
    term: int,
) -> Generator[Step, None, bool]:
    """At a copy: take what the owner has, and who wrote it."""
    tokens, evicted = node.noted(term), node.evicted
    yield copy.free
    with writing(copy):
        if not _is_copy(world, copy, term, copy_term):
            return False
        there = copy.found(copy_term)
        if world.rules.tokens_travel:
            copy.note(tokens, copy_term)
        older = there is not None and entry is not None and _newer(world, there, entry)
        if entry is not None and entry.replicated and not older:
            copy.keep(copied(entry, copy_term))
        copy.evicted |= evicted
    return True


def surrender(world: World, target: Node) -> Generator[Step, None, None]:
    """Take over a partition, as the target of a move, and report it."""
    move = target.view.move
    source = world.node(target.view.owner)
    if move is None or source is None:
        return
    handed = yield from world.call(
        f"hand over to {target.name}", source, _hand_over(world, source, move)
    )
    if handed is None:
        return
    entry, marked, evicted, tokens = handed
    yield target.free
    with writing(target):
        if target.view.move != move:
            return
        there = target.found(move.term)
        older = there is not None and entry is not None and _newer(world, there, entry)
        if entry is not None and not older:
            target.keep(copied(entry, move.term))
        if world.rules.tokens_travel:
            target.note(tokens, move.term)
        target.marked |= marked
        target.evicted |= evicted
    yield None
    world.membership.moved(target.number, move.term)


_Handed = tuple[Entry | None, bool, bool, set[int]]


def _hand_over(
    world: World, source: Node, move: object
) -> Generator[Step, None, _Handed | None]:
    """At the source: freeze, and give everything."""
    yield source.free
    with writing(source):
        view = source.view
        if view.move != move or view.move is None or view.owner != source.number:
            return None
        if world.rules.freeze:
            source.frozen, source.term = view.move.term, 0
        entry = source.found(view.term)
        return entry, source.marked, source.evicted, source.noted(view.term)
