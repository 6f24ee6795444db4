"""Immutable entries in the model: deletes reach every copy, late or soon."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.protocol.immutables import (
    Directory,
    came_back,
    cut_off,
    delete,
    fetch,
    put,
    reregister,
    retell,
    unknown_copies,
)
from tests.cluster.protocol.tasks import keep, kill, lose
from tests.cluster.protocol.world import World

EVENTS = (
    "put at b",
    "put at c",
    "delete at a",
    "delete at c",
    "fetch at a",
    "fetch at b",
    "fetch at c",
    "cut off c",
    "cut off b",
    "lose a",
)
_MAKE = {"put": put, "delete": delete, "fetch": fetch, "cut off": cut_off}


def start(mistake: str = "") -> Directory:
    """A home with a ready backup, and a holder elsewhere."""
    world = World()
    world.membership.give_backup(2, ready=True)
    world.settle()
    directory = Directory(world)
    if mistake:
        setattr(directory, mistake, False)
    world.alone(put(directory, world.nodes[2]))
    return directory


def run(directory: Directory, events: list[str], seed: int) -> None:
    world = directory.world
    nodes = dict(zip("abc", world.nodes, strict=True))
    world.late = ("put", "fetch", "register", "serve")
    for number, event in enumerate(events):
        what, node = event.rsplit(" ", 1)
        name = f"{event} ({number})"
        if what == "lose":
            world.spawn(f"{name}: kill", kill(nodes[node]))
            world.spawn(name, lose(world, nodes[node]))
        else:
            make = _MAKE[what.removesuffix(" at")]
            world.spawn(name, make(directory, nodes[node]), nodes[node])
    for one in world.nodes:
        world.spawn(f"keep {one.name}", keep(world, one), one)
        world.spawn(f"reregister {one.name}", reregister(directory, one), one)
        world.spawn(f"retell {one.name}", retell(directory, one), one)
    world.run(Random(seed))


def is_wrong(directory: Directory) -> bool:
    wrong = bool(unknown_copies(directory)) or came_back(directory)
    return wrong and directory.world.at_rest


@given(
    events=st.lists(st.sampled_from(EVENTS), max_size=8),
    seed=st.integers(0, 1 << 32),
)
@settings(max_examples=300)
def test_every_copy_is_known_and_a_deleted_key_stays_deleted(
    events: list[str], seed: int
) -> None:
    directory = start()
    run(directory, events, seed)
    assert not is_wrong(directory), directory.world.schedule


@pytest.mark.parametrize(
    ("mistake", "events"),
    [
        ("editions", ["fetch at b", "delete at a"]),
        ("store_first", ["put at b", "delete at a"]),
        ("untold", ["cut off c", "delete at a"]),
        ("blind_deletes", ["delete at c", "lose a"]),
        ("tombstone_at_copy", ["cut off c", "delete at a", "lose a"]),
    ],
)
def test_the_model_finds_the_mistake(mistake: str, events: list[str]) -> None:
    def found(seed: int) -> bool:
        directory = start(mistake)
        run(directory, events, seed)
        return is_wrong(directory)

    assert any(found(seed) for seed in range(2000))
