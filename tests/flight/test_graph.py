"""FlightGraph against a search that follows the definition."""

from hypothesis import given
from hypothesis import strategies as st

from gridcache.store.flight_graph import FlightGraph

_NUMBERS = st.integers(1, 6)
_EDGES = st.lists(st.tuples(_NUMBERS, _NUMBERS), max_size=12)


def _key(number: int) -> bytes:
    return b"\0\1" + bytes([number])


@given(st.lists(st.integers(0, 5), min_size=6, max_size=6), _EDGES, _NUMBERS, _NUMBERS)
def test_depends_is_reachability_over_children_and_waits(
    parents: list[int], waits: list[tuple[int, int]], flight: int, on: int
) -> None:
    parent_of = {
        fence: min(parent, fence - 1) for fence, parent in enumerate(parents, 1)
    }
    graph = FlightGraph()
    for fence, parent in parent_of.items():
        graph.add_flight(_key(fence), fence, parent)
    for inside, awaited in waits:
        graph.add_wait(inside, _key(awaited))

    reached: set[int] = set()
    queue = [flight]
    while queue:
        fence = queue.pop()
        if fence not in reached:
            reached.add(fence)
            queue += [child for child, parent in parent_of.items() if parent == fence]
            queue += [awaited for inside, awaited in waits if inside == fence]

    assert graph.depends(flight, on=on) == (on in reached)


def test_a_wait_for_a_key_that_nobody_computes_leads_nowhere() -> None:
    graph = FlightGraph()
    graph.add_flight(_key(1), 1, 0)
    graph.add_wait(1, _key(2))
    assert not graph.depends(1, on=3)
