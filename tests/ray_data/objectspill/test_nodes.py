"""Ray's own spilling on two nodes, each with a store: objects go there and come back."""

from collections.abc import Iterator

import pytest

from gridcache.store.block_numbers import draw_number
from tests.ray_data.objectspill.kit.nodes import Nodes, opened, running, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.soak]

_OBJECTS = 24
"""Nearly twice what Ray's store of a node takes."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    """One for all; its IO workers have spilled before, so that none is new."""
    with running() as nodes:
        nodes.ask("put", 0, _OBJECTS)
        nodes.ask("make", "other", _OBJECTS, _OBJECTS)
        wait_until(lambda: nodes.blocks("head") > 0 and nodes.blocks("other") > 0)
        _forget(nodes)
        yield nodes


def _forget(nodes: Nodes) -> None:
    nodes.ask("forget")
    wait_until(lambda: not nodes.links() and not nodes.files())


@pytest.fixture
def nodes(cluster: Nodes) -> Iterator[Nodes]:
    """The cluster without any object, before and after."""
    yield cluster
    _forget(cluster)


def test_spilled_objects_come_back_whole_on_both_nodes_and_leave_nothing(
    nodes: Nodes,
) -> None:
    nodes.ask("put", 0, _OBJECTS)
    wait_until(lambda: nodes.blocks("head") == len(nodes.links()) > _OBJECTS // 3)
    assert nodes.ask("right", "head") == _OBJECTS
    assert nodes.ask("right", "other") == _OBJECTS
    assert nodes.files() == []
    nodes.ask("forget")
    wait_until(lambda: nodes.blocks("head") == 0)
    assert nodes.links() == []


def test_what_a_full_store_does_not_take_goes_to_files(nodes: Nodes) -> None:
    with opened(nodes.stores / "head") as store:
        number = draw_number()
        store.blocks.allocate(number, store.blocks.sizes().room_nbytes - (20 << 20))
        try:
            nodes.ask("put", 0, _OBJECTS)
            wait_until(lambda: len(nodes.files()) > 0)
            assert nodes.links()
            assert nodes.ask("right", "other") == _OBJECTS
            assert nodes.ask("right", "head") == _OBJECTS
        finally:
            store.blocks.free(number)
