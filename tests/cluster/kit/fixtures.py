"""Fixtures: a real Ray cluster for the tests of the grid, a head and one more node.

A plugin of the whole session (see the root `conftest.py`): one cluster for all, and
one more that is started with the commands, as users start it.

Nothing of the user's is touched: Ray's files and the stores lie in directories of
their own, and no token is written. Tests that lose nodes add them first.
"""

import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.cluster.kit.ray_cluster import (
    RayCluster,
    quietly,
    running_cluster,
    wait_for_nodes,
)

if TYPE_CHECKING:
    from gridcache.cluster.actors.grid import Grid
    from tests.cli.grid.simulated import Simulated

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[RayCluster]:
    """Use `ray_cluster`."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def ray_place(ray_session: RayCluster) -> Iterator[RayCluster]:
    """The cluster, with this process set up to find it, not connected to it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ray_session.settings.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield ray_session


@pytest.fixture(scope="module")
def ray_joined(ray_place: RayCluster) -> Iterator[RayCluster]:
    """Use `ray_cluster`."""
    with ray_place.joined():
        yield ray_place


@pytest.fixture
def ray_cluster(ray_joined: RayCluster) -> Iterator[RayCluster]:
    """The cluster, with this process connected to it; nodes that were added go."""
    yield ray_joined
    quietly(ray_joined.remove_added)


@pytest.fixture
def grid_name() -> str:
    """A name that no other test uses."""
    return f"test{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="module")
def grid(ray_joined: RayCluster) -> "Iterator[Grid]":
    """A grid of two nodes, `vm` and `vm-1` by the machine's name, for all modules.

    This process is on the first. Tests leave it as they found it. It is brought up
    once and ends with the cluster.
    """
    from gridcache.cluster.actors.connect import connect  # noqa: PLC0415 - imports Ray

    with connect(name=f"shared{os.getpid()}") as joined:
        assert joined.here is not None
        wait_for_nodes(joined, joined.here, f"{joined.here}-1")
        yield joined


# -- a grid of the commands ----------------------------------------------------


@pytest.fixture(scope="session")
def simulated() -> "Iterator[Simulated]":
    """A user without any Ray or store."""
    from tests.cli.grid.simulated import user  # noqa: PLC0415 - only where it is used

    with user() as one:
        yield one


@pytest.fixture(scope="session")
def running(simulated: "Simulated") -> "Iterator[Simulated]":
    """The same with a grid of two nodes, `head` and `gpu2`."""
    from tests.cli.grid.simulated import (  # noqa: PLC0415 - only where it is used
        two_nodes,
    )

    with two_nodes(simulated):
        yield simulated
