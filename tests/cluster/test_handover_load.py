"""Members come, go and are lost while clients write: nothing acknowledged is missed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.kit.ruled import Client, RuledGrid, ruled

KEYS = 150


@pytest.fixture
def grid(store_dir: Path) -> Iterator[RuledGrid]:
    with ruled(store_dir) as grid:
        yield grid


@pytest.fixture
def clients(grid: RuledGrid) -> list[Client]:
    return [Client(grid, "single", KEYS, 1), Client(grid, "double", KEYS, 2)]


def start(clients: list[Client]) -> None:
    for client in clients:
        client.start()


def stop(clients: list[Client]) -> None:
    for client in clients:
        client.stop()
        assert client.done
        for key in client.last:
            client.check(key)


def test_nodes_join_and_drain_while_clients_write(
    grid: RuledGrid, clients: list[Client]
) -> None:
    first = grid.join("a")
    grid.settle()
    start(clients)
    grid.join("b")
    grid.settle()
    grid.join("c")
    grid.settle()
    grid.drain(first)
    stop(clients)


@pytest.mark.parametrize("lost", ["a", "b", "c"])
def test_what_has_two_copies_is_there_after_any_loss(
    grid: RuledGrid, clients: list[Client], lost: str
) -> None:
    nodes = {name: grid.join(name) for name in "abc"}
    grid.settle()
    start(clients)
    grid.settle()
    stop(clients)
    gone = nodes[lost]
    was_there = {key: grid.owner(key)[0] is gone for key in clients[0].last}
    grid.lose(gone)
    assert_kept(clients[1], grid)
    for key, value in clients[0].last.items():
        assert clients[0].read(key) == (None if was_there[key] else value)
    grid.settle()
    assert_kept(clients[1], grid)


def test_two_losses_with_time_between_lose_nothing_that_has_two_copies(
    grid: RuledGrid, clients: list[Client]
) -> None:
    nodes = [grid.join(name) for name in "abc"]
    grid.settle()
    start(clients)
    grid.settle()
    stop(clients)
    grid.lose(nodes[0])
    grid.settle()
    grid.lose(nodes[1])
    assert_kept(clients[1], grid)


def assert_kept(client: Client, _grid: RuledGrid) -> None:
    for key in client.last:
        client.check(key)


def test_nodes_that_are_cut_off_and_come_back_lose_nothing_that_has_two_copies(
    grid: RuledGrid,
) -> None:
    nodes = [grid.join(name) for name in "abc"]
    grid.settle()
    clients = [Client(grid, f"double-{number}", KEYS, 2) for number in range(2)]
    start(clients)
    for node in nodes[:2]:
        grid.cut_off(node)
        grid.settle()
        grid.rejoin(node)
        grid.settle()
    stop(clients)
