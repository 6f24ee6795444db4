"""Scenarios: who is at work at the same time. Their steps mix in every order."""

from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from tests.cluster.protocol.rules import Rules
from tests.cluster.protocol.serving import fill
from tests.cluster.protocol.tasks import (
    change,
    evict,
    expire,
    keep,
    kill,
    late_install,
    lose,
    reads,
    rejoin,
    session,
    write,
)
from tests.cluster.protocol.world import Node, Task, World

__all__ = ["SCENARIOS", "Scenario", "replay", "violations"]

Scenario = Callable[[World], None]


def cut_off_home(world: World) -> None:
    """The home's lease ends unnoticed, others take over, and it comes back."""
    a, b, _ = world.nodes
    world.alone(write(world, a, "v0"))
    world.spawn("read at a", reads(world, a, 2), a)
    world.spawn("write at a", write(world, a, "v1"), a)
    world.spawn("a expires", expire(a))
    world.spawn("lose a", lose(world, a))
    world.spawn("a rejoins", rejoin(world, a), a)
    world.spawn("write at b", write(world, b, "v2"), b)
    world.spawn("read at b", reads(world, b), b)
    _keepers(world, renews=False)


def paused_reader(world: World) -> None:
    """A reader at the home sleeps while the partition goes away."""
    a, b, _ = world.nodes
    world.alone(write(world, a, "v0"))
    world.spawn("read at a", reads(world, a, 2), a)
    world.spawn("a expires", expire(a))
    world.spawn("lose a", lose(world, a))
    world.spawn("a rejoins", rejoin(world, a), a)
    world.spawn("write at b", write(world, b, "v2"), b)
    _keepers(world, renews=False)


def handed_over(world: World) -> None:
    """A partition moves while clients of three nodes use it."""
    a, b, c = world.nodes
    world.late = ("serve v2",)
    world.alone(write(world, a, "v0"))
    world.spawn("move", change(world, "begin_move", 2))
    world.spawn("write at a", write(world, a, "v1"), a)
    world.spawn("write at c", write(world, c, "v2", impatient=1), c)
    world.spawn("read at a", reads(world, a), a)
    world.spawn("read at b", reads(world, b, 2), b)
    world.spawn("late view at a", late_install(world, a), a)
    _keepers(world)


def handed_on(world: World) -> None:
    """A partition moves away and back while a request is on its way."""
    a, b, c = world.nodes
    world.alone(write(world, a, "v0"))
    world.spawn("move", change(world, "begin_move", 2))
    world.spawn("drop", change(world, "drop_move"))
    world.spawn("move back", change(world, "begin_move", 1))
    world.spawn("delete at c", write(world, c, None, impatient=2), c)
    world.spawn("write at b", write(world, b, "v1"), b)
    world.spawn("read at c", reads(world, c, 2), c)
    _keepers(world)


def remote_write_lost(world: World) -> None:
    """Answers to remote writes go astray, and the home with them."""
    a, b, c = world.nodes
    world.spawn("write at c", write(world, c, "v1", impatient=1), c)
    world.spawn("write at b", write(world, b, "v2"), b)
    world.spawn("read at b", reads(world, b, 3), b)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def seen_and_lost(world: World) -> None:
    """A write without an answer was read, lost, and followed by another."""
    a, b, c = world.nodes
    world.late = ("serve v1",)
    world.spawn("write at c", write(world, c, "v1", impatient=1), c)
    at_b = session(reads(world, b), write(world, b, "v2"), reads(world, b, 2))
    world.spawn("session at b", at_b, b)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def late_view(world: World) -> None:
    """A view fetched before a partition moved away arrives after that."""
    a, b, _ = world.nodes
    world.late = ("late view",)
    world.alone(write(world, a, "v0"))
    world.spawn("move", change(world, "begin_move", 2))
    world.spawn("late view at a", late_install(world, a), a)
    at_b = session(write(world, b, "v1"), write(world, b, "v2"))
    world.spawn("session at b", at_b, b)
    world.spawn("read at a", reads(world, a, 3), a)
    _keepers(world)


def late_request(world: World) -> None:
    """A request arrives when its node owns the partition again, and nothing else."""
    _, b, c = world.nodes
    world.late = ("serve v1",)
    at_c = session(
        write(world, c, "v1", impatient=1),
        reads(world, c),
        write(world, c, "v2"),
        reads(world, c, 2),
    )
    world.spawn("session at c", at_c, c)
    world.membership.begin_move(2)
    world.spawn(
        "lose b", _lose_once(world, b, lambda: world.history.acknowledged("v2"))
    )
    _keepers(world)


def late_copy(world: World) -> None:
    """A write stays at the backup of a partition that moves meanwhile."""
    a, b, _ = world.nodes
    world.late = ("copy v1",)
    _with_backup(world, 3)
    at_a = session(
        write(world, a, "v1", 2), write(world, a, "v2", 2), reads(world, a, 2)
    )
    world.spawn("session at a", at_a, a)
    world.spawn("move", change(world, "begin_move", 2))
    world.spawn("lose b", _lose_once_owner(world, b))
    _keepers(world)


def noted_in_vain(world: World) -> None:
    """A copy has a write, is none any more, and gets the partition without it."""
    a, _, _ = world.nodes
    world.late = ("session",)
    _with_backup(world)
    world.spawn(
        "session at a", session(write(world, a, "v1", 2), reads(world, a, 2)), a
    )
    world.spawn("other backup", change(world, "give_backup", 3))
    world.spawn("move", change(world, "begin_move", 2))
    _keepers(world)


def asked_twice(world: World) -> None:
    """A client does not wait and asks again while the home is still at it."""
    a, b, c = world.nodes
    world.late = ("serve v2",)
    _with_backup(world)
    world.spawn("write at c", write(world, c, "v2", 2, impatient=1), c)
    world.spawn("session at a", session(write(world, a, "v1", 2), reads(world, a)), a)
    world.spawn("read at b", reads(world, b, 3), b)
    _keepers(world)


def answer_lost(world: World) -> None:
    """Answers to remote writes go astray; the home stays."""
    _, b, c = world.nodes
    world.spawn("write at c", write(world, c, "v1", impatient=1), c)
    world.spawn("write at b", write(world, b, "v2"), b)
    world.spawn("read at b", reads(world, b, 3), b)
    _keepers(world)


def backed_up(world: World) -> None:
    """Replicated writes, and the home dies."""
    a, b, c = world.nodes
    _with_backup(world)
    world.spawn("write at a", write(world, a, "v1", 2), a)
    world.spawn("write at c", write(world, c, "v2", 2, impatient=1), c)
    world.spawn("read at b", reads(world, b, 2), b)
    world.spawn("read at c", reads(world, c, 2), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def backed_up_mixed(world: World) -> None:
    """Replicated and single writes and deletes of one key, and the home dies."""
    a, b, c = world.nodes
    _with_backup(world)
    world.spawn("write at a", write(world, a, "v1"), a)
    world.spawn("delete at c", write(world, c, None, impatient=1), c)
    world.spawn("write at b", write(world, b, "v2", impatient=1), b)
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def backed_up_tie(world: World) -> None:
    """Two writers on hosts whose clocks are behind the entry they replace."""
    a, _, c = world.nodes
    _with_backup(world)
    a.clock = 0
    world.spawn("write at a", write(world, a, "v1", 2), a)
    world.spawn("write at a too", write(world, a, "v2", 2), a)
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def cut_off_with_backup(world: World) -> None:
    """The home is cut off, its backup takes over, and it comes back."""
    a, b, c = world.nodes
    _with_backup(world)
    world.spawn("write at a", write(world, a, "v1", 2), a)
    world.spawn("read at a", reads(world, a), a)
    world.spawn("a expires", expire(a))
    world.spawn("lose a", lose(world, a))
    world.spawn("a rejoins", rejoin(world, a), a)
    world.spawn("write at b", write(world, b, "v2", 2), b)
    world.spawn("read at c", reads(world, c, 3), c)
    _keepers(world)


def backup_replaced(world: World) -> None:
    """The backup is replaced under writes, and the home dies."""
    a, _, c = world.nodes
    _with_backup(world)
    world.spawn("other backup", change(world, "give_backup", 3))
    world.spawn("write at a", write(world, a, "v1", 2), a)
    world.spawn("delete at c", write(world, c, None, 2), c)
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def backup_returns(world: World) -> None:
    """A former backup is backup again, before it has anything new."""
    a, _, c = world.nodes
    _with_backup(world)
    world.alone(change(world, "give_backup", 3))
    world.alone(fill(world, a))
    world.spawn("write at a", write(world, a, "v1", 2), a)
    world.spawn("backup again", change(world, "give_backup", 2))
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def spare_filled(world: World) -> None:
    """A spare replaces the backup under writes, and the home dies."""
    a, b, c = world.nodes
    _with_backup(world)
    world.spawn("spare", change(world, "give_spare", 3))
    world.spawn("write at a", write(world, a, "v1", 2), a)
    world.spawn("write at b", write(world, b, "v2", 2, impatient=1), b)
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def moved_with_backup(world: World) -> None:
    """A backed-up partition moves under writes, and its new home dies."""
    a, b, c = world.nodes
    _with_backup(world, 3)
    world.spawn("move", change(world, "begin_move", 2))
    world.spawn("write at a", write(world, a, "v1", 2), a)
    world.spawn("write at c", write(world, c, "v2", 2), c)
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("lose b", _lose_once_owner(world, b))
    _keepers(world)


def moved_onto_backup(world: World) -> None:
    """A partition moves to its own backup, or nearly, and its home dies."""
    a, _, c = world.nodes
    _with_backup(world)
    world.spawn("move", change(world, "begin_move", 2))
    world.spawn("drop", change(world, "drop_move"))
    world.spawn("write at a", write(world, a, "v1"), a)
    world.spawn("write at c", write(world, c, "v2", 2), c)
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def moved_onto_spare(world: World) -> None:
    """A partition nearly moves to its spare; then two homes die one after another."""
    a, b, c = world.nodes
    world.membership.give_backup(2, ready=True)
    world.membership.give_spare(3)
    world.settle()
    world.alone(write(world, a, "v0"))
    world.membership.begin_move(3)
    world.settle()
    world.spawn("lose a", _lose_once(world, a, lambda: c.entry is not None))
    world.spawn("read at c", reads(world, c, 2), c)
    world.spawn("lose b", _lose_once(world, b, lambda: _owns_ready(world, b)))
    _keepers(world)


def move_dropped(world: World) -> None:
    """A move to the backup is given up, and the home goes on, and dies."""
    a, _, c = world.nodes
    world.late = ("kill a",)
    world.membership.give_backup(2, ready=True)
    world.settle()
    world.alone(write(world, a, "v0"))
    world.spawn("move", session(*(change(world, m, *x) for m, x in _MOVE_AND_DROP)))
    world.spawn("write at a", write(world, a, "v1"), a)
    world.spawn("read at c", reads(world, c, 3), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


def evicted_at_home(world: World) -> None:
    """The home evicts what its backup still has."""
    a, _, c = world.nodes
    _with_backup(world)
    world.spawn("evict", evict(a), a)
    world.spawn("write at a", write(world, a, "v1"), a)
    world.spawn("delete at c", write(world, c, None), c)
    world.spawn("read at c", reads(world, c, 2), c)
    world.spawn("kill a", kill(a))
    world.spawn("lose a", lose(world, a))
    _keepers(world)


_MOVE_AND_DROP = (("begin_move", (2,)), ("drop_move", ()))

SCENARIOS: dict[str, Scenario] = {
    one.__name__: one
    for one in (
        cut_off_home,
        paused_reader,
        handed_over,
        handed_on,
        remote_write_lost,
        seen_and_lost,
        late_view,
        late_request,
        noted_in_vain,
        asked_twice,
        late_copy,
        answer_lost,
        backed_up,
        backed_up_mixed,
        backed_up_tie,
        cut_off_with_backup,
        backup_replaced,
        backup_returns,
        spare_filled,
        moved_with_backup,
        moved_onto_backup,
        moved_onto_spare,
        move_dropped,
        evicted_at_home,
    )
}


def violations(
    scenario: Scenario, rules: Rules, first_seed: int = 0
) -> Iterator[World | None]:
    """Run a scenario in one order after another; None where all was right."""
    for seed in count(first_seed):
        world = World(rules)
        scenario(world)
        world.run(Random(seed))
        yield None if world.history.legal else world


def replay(scenario: Scenario, schedule: str, rules: Rules) -> World:
    """Run a scenario in the order of `schedule`; what it leaves out follows."""
    world = World(rules)
    scenario(world)
    world.run(Random(0), [line.strip() for line in schedule.strip().splitlines()])
    return world


def _keepers(world: World, *, renews: bool = True) -> None:
    for node in world.nodes:
        world.spawn(f"keep {node.name}", keep(world, node, renews=renews), node)


def _with_backup(world: World, backup: int = 2) -> None:
    """The key has a replicated value, and a ready backup has it too."""
    world.membership.give_backup(backup, ready=True)
    world.settle()
    world.alone(write(world, world.nodes[0], "v0", 2))


def _lose_once_owner(world: World, node: Node) -> Task:
    return _lose_once(world, node, lambda: world.view.owner == node.number)


def _lose_once(world: World, node: Node, when: Callable[[], bool]) -> Task:
    """Kill a node from a certain moment on, and have it removed."""
    yield when
    node.dead, node.lease, node.locked = True, False, False
    yield None
    world.membership.remove(node.number)


def _owns_ready(world: World, node: Node) -> bool:
    return world.view.owner == node.number and world.view.ready
