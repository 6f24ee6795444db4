"""Mixtures: any tasks together, for a search that knows of no scenario."""

from collections.abc import Callable, Sequence

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
    write,
)
from tests.cluster.protocol.world import Node, World

__all__ = ["EVENTS", "LEAVES_TWO", "STARTS", "mix"]

_Event = Callable[[World, str], None]


def _on(node: int, make: Callable[[World, Node], object]) -> _Event:
    def spawn(world: World, name: str) -> None:
        world.spawn(name, make(world, world.nodes[node]), world.nodes[node])  # type: ignore[arg-type]

    return spawn


def _put(node: int, copies: int, impatient: int) -> _Event:
    def spawn(world: World, name: str) -> None:
        at = world.nodes[node]
        value = f"v{1 + sum(op.kind == 'put' for op in world.history.ops)}-{name}"
        world.spawn(name, write(world, at, value, copies, impatient=impatient), at)

    return spawn


def _decide(method: str, *arguments: object) -> _Event:
    def spawn(world: World, name: str) -> None:
        world.spawn(name, change(world, method, *arguments))

    return spawn


def _cut(world: World, name: str) -> None:
    """A node's lease ends, it is removed, and comes back."""
    node = world.nodes[0]
    world.spawn(f"{name} expires", expire(node))
    world.spawn(f"{name} is lost", lose(world, node))
    world.spawn(f"{name} rejoins", rejoin(world, node), node)


def _die(number: int) -> _Event:
    def spawn(world: World, name: str) -> None:
        node = world.nodes[number]
        world.spawn(f"{name} dies", kill(node))
        world.spawn(f"{name} is lost", lose(world, node))

    return spawn


EVENTS: dict[str, _Event] = {
    **{f"read at {'abc'[n]}": _on(n, reads) for n in range(3)},
    **{
        f"put x{copies} at {'abc'[n]}{' in haste' * hurry}": _put(n, copies, hurry)
        for n in range(3)
        for copies in (1, 2)
        for hurry in (0, 1)
    },
    "delete at a": _on(0, lambda w, n: write(w, n, None)),
    "delete at c": _on(2, lambda w, n: write(w, n, None, impatient=1)),
    "evict at a": _on(0, lambda w, n: evict(n)),
    "evict at b": _on(1, lambda w, n: evict(n)),
    "late view at a": _on(0, late_install),
    "late view at b": _on(1, late_install),
    "move to b": _decide("begin_move", 2),
    "move to c": _decide("begin_move", 3),
    "move to a": _decide("begin_move", 1),
    "drop the move": _decide("drop_move"),
    "backup at b": _decide("give_backup", 2),
    "backup at c": _decide("give_backup", 3),
    "spare at b": _decide("give_spare", 2),
    "spare at c": _decide("give_spare", 3),
    "a is cut off": _cut,
    "a dies": _die(0),
    "b dies": _die(1),
}

LEAVES_TWO = {"a is cut off", "a dies", "b dies"}
"""Events after which one member less is there."""

STARTS: dict[str, Callable[[World], None]] = {
    "empty": lambda world: None,
    "one copy": lambda world: _start(world, 1, backup=0),
    "one copy, a backup": lambda world: _start(world, 1, backup=2),
    "replicated": lambda world: _start(world, 2, backup=2),
}


def _start(world: World, copies: int, *, backup: int) -> None:
    if backup:
        world.membership.give_backup(backup, ready=True)
        world.settle()
    world.alone(write(world, world.nodes[0], "v0", copies))


def mix(world: World, start: str, events: Sequence[str]) -> None:
    """Begin in a state and let all these happen at the same time."""
    STARTS[start](world)
    world.late = ("serve", "copy", "fill", "hand over", "late")
    for index, event in enumerate(events):
        EVENTS[event](world, f"{event} ({index})")
    for node in world.nodes:
        world.spawn(f"keep {node.name}", keep(world, node), node)
