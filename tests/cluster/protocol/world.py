"""The grid as small steps: nodes, the membership, and who runs next.

One partition with one key. A task is a generator; where it yields, any other may
run, for as long as it likes: that is a pause, a slow network, a late thread. It
yields a condition if it has to wait. A node's lease is a flag that an event
clears: that the node's clock has passed its deadline. The membership may clear
out a node only after that, which is all that clocks and margins are for.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeAlias, TypeVar

from tests.cluster.protocol.history import History
from tests.cluster.protocol.membership import Membership, View
from tests.cluster.protocol.rules import Rules

__all__ = ["Entry", "Node", "Step", "Task", "World"]

_ASLEEP = 1e-9
"""Priority of a task that goes on when no other can."""
_MIDDLE = 8
"""Steps after which it has fallen asleep."""
_LONG = 100
"""Steps of others while it sleeps."""
_LONGEST = 400
"""Steps of a run: some tasks never end."""

T = TypeVar("T")
Step: TypeAlias = Callable[[], bool] | None
Task: TypeAlias = Generator[Step, None, None]


@dataclass(frozen=True, slots=True)
class Entry:
    """The record of the key in one store."""

    value: str | None
    """None: a tombstone."""
    term: int
    order: int
    token: int
    replicated: bool


@dataclass(slots=True, eq=False)
class Node:
    """A node's store and standing; they outlive its actor."""

    name: str
    number: int
    view: View
    clock: int
    """Of this host; hosts differ."""
    lease: bool = True
    term: int = 0
    frozen: int = 0
    """Term of the move that the partition is frozen for."""
    entry: Entry | None = None
    notes: frozenset[tuple[int, int]] = frozenset()
    """Writes that were carried out here, as (token, term)."""
    marked: bool = False
    """Something replicated was here."""
    evicted: bool = False
    locked: bool = False
    """A write transaction is open."""
    dead: bool = False
    at_work: set[int] = field(default_factory=set)
    """Tokens of the writes that this node is at."""

    def free(self) -> bool:
        """Whether a write transaction may begin."""
        return not self.locked

    def found(self, term: int) -> Entry | None:
        """The entry, if it was written under this term."""
        return self.entry if self.entry and self.entry.term == term else None

    def keep(self, entry: Entry | None) -> None:
        """Write the entry."""
        self.entry = entry
        self.evicted = False
        if entry is not None and entry.replicated:
            self.marked = True

    def note(self, tokens: Iterable[int], term: int) -> None:
        """Remember who wrote under a term."""
        self.notes |= {(token, term) for token in tokens}

    def noted(self, term: int) -> set[int]:
        """Who wrote under a term."""
        return {token for token, at in self.notes if at == term}

    def install(self, view: View) -> None:
        """Take over a view. Inside a write transaction."""
        self.view = view
        move = view.move
        if self.frozen and not (
            view.owner == self.number and move and move.term == self.frozen
        ):
            self.frozen = 0
        mine = view.owner == self.number and not self.frozen
        self.term = view.term if mine else 0


@dataclass(slots=True)
class _Running:
    name: str
    task: Task
    node: Node | None
    waits: Step = None
    priority: float = 0.0
    steps: int = 0
    """Until it falls asleep."""
    wakes: int = 0
    """At which step of the run."""


@dataclass(slots=True)
class World:
    """Everything there is, and the order in which it ran."""

    rules: Rules = field(default_factory=Rules)
    history: History = field(default_factory=History)
    schedule: list[str] = field(default_factory=list)
    """Names of the tasks in the order of their steps: a run that can be repeated."""
    at_rest: bool = False
    """Nothing is left to do, as opposed to: the run was long enough."""
    late: tuple[str, ...] = ()
    """How names of tasks begin that fall asleep in the middle."""
    nodes: list[Node] = field(init=False)
    membership: Membership = field(init=False)
    tokens: Iterator[int] = field(init=False)
    _running: list[_Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.membership = Membership(self.rules, self.history, members=(1, 2, 3))
        self.tokens = iter(range(1, 1000))
        self.nodes = [
            # The first host has been up for longest.
            Node(name, number, self.view, clock=1000 - 300 * number)
            for number, name in enumerate("abc", 1)
        ]
        self.settle()

    @property
    def view(self) -> View:
        """The newest view."""
        return self.membership.view

    def settle(self) -> None:
        """All nodes have the newest view; only for the beginning."""
        for node in self.nodes:
            node.install(self.view)

    def node(self, number: int) -> Node | None:
        """The living node of this member number."""
        return next((n for n in self.nodes if n.number == number and not n.dead), None)

    def time(self, node: Node) -> int:
        """The clock of a host, never the same twice."""
        node.clock += 10
        return node.clock

    def alone(self, task: Task) -> None:
        """Run a task to its end while nothing else runs; for the beginning."""
        self.spawn("first", task)
        self.run(Random(0))
        self.schedule.clear()
        self.settle()

    def call(
        self,
        name: str,
        node: Node,
        work: Generator[Step, None, T],
        gives_up: Callable[[], bool] = lambda: False,
    ) -> Generator[Step, None, T | None]:
        """Have a node do something; None if it dies or the caller gives up first.

        The node goes on with it all the same, at any time.
        """
        answers: list[T] = []

        def serve() -> Task:
            answers.append((yield from work))

        self.spawn(name, serve(), node)
        yield lambda: bool(answers) or node.dead or gives_up()
        return answers[0] if answers else None

    def spawn(self, name: str, task: Task, node: Node | None = None) -> None:
        """Let a task run from now on; one on a node ends with it."""
        self._running.append(_Running(name, task, node))

    def run(self, random: Random, schedule: list[str] | None = None) -> None:
        """Run all tasks: first those the schedule names, then any, to the end.

        Each has a priority, and the highest runs; now and then it gets another.
        Long pauses are found that way which no fair choice would make.
        """
        for name in schedule or ():
            self._step(next(one for one in self._ready() if one.name == name))
        often = random.choice((0.05, 0.3, 1.0))
        for _ in range(_LONGEST):
            ready = self._ready()
            self.at_rest = not ready
            if self.at_rest:
                return
            chosen = max(ready, key=lambda one: self._priority(one, random))
            self._step(chosen)
            chosen.steps -= 1
            if chosen.steps == 0:
                chosen.priority = _ASLEEP
                chosen.wakes = len(self.schedule) + random.randint(1, _LONG)
            elif chosen.priority > _ASLEEP and random.random() < often:
                chosen.priority = random.random()

    def _priority(self, running: _Running, random: Random) -> float:
        if not running.priority:
            running.priority = random.random()
            if running.name.startswith(self.late or "-"):
                running.steps = random.randint(1, _MIDDLE)
        if running.wakes and running.wakes <= len(self.schedule):
            running.priority, running.wakes = 1.0, 0
        return running.priority

    def _ready(self) -> list[_Running]:
        for one in [one for one in self._running if one.node and one.node.dead]:
            one.task.close()
            self._running.remove(one)
        return [one for one in self._running if one.waits is None or one.waits()]

    def _step(self, running: _Running) -> None:
        self.schedule.append(running.name)
        try:
            running.waits = next(running.task)
        except StopIteration:
            self._running.remove(running)


def copied(entry: Entry, term: int) -> Entry:
    """The same under another term."""
    return replace(entry, term=term)
