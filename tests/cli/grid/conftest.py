"""A user of the grid's commands, without a grid and with one."""

from collections.abc import Iterator

import pytest

from tests.cli.grid.simulated import Simulated, two_nodes, user


@pytest.fixture(scope="session")
def simulated() -> Iterator[Simulated]:
    """A user without any Ray or store."""
    with user() as one:
        yield one


@pytest.fixture(scope="session")
def running(simulated: Simulated) -> Iterator[Simulated]:
    """The same with a grid of two nodes."""
    with two_nodes(simulated):
        yield simulated
