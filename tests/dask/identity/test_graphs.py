"""What of a graph counts, and what does not: keys, fusion, aliases, containers."""

import operator
from typing import Any

import dask
import dask.array as da
import pytest
from dask._task_spec import (
    Alias,
    DataNode,
    Dict,
    GraphNode,
    List,
    Set,
    Task,
    TaskRef,
    Tuple,
    convert_legacy_graph,
)
from dask.delayed import delayed
from hypothesis import given
from hypothesis import strategies as st

from gridcache.dask.identity import identities
from tests.dask.identity.kit import found, ids

DEEP = 100_000


def add(x: Any, y: Any = 0, **more: Any) -> Any:
    return x, y, more


def call(key: Any, *args: Any, **kwargs: Any) -> Task:
    return Task(key, add, *args, **kwargs)


def graph(*nodes: GraphNode) -> dict[Any, GraphNode]:
    return {node.key: node for node in nodes}


def digest(*nodes: GraphNode, salt: str = "") -> str:
    """The identity of the last."""
    return identities(graph(*nodes), salt=salt).digests[nodes[-1].key]


def test_keys_do_not_count() -> None:
    first = digest(call("a", 1), call("b", TaskRef("a")))
    assert first == digest(call(("x", 0), 1), call(("y", 7), TaskRef(("x", 0))))


def test_the_salt_counts_in_calls_and_not_in_data() -> None:
    for nodes in ([call("a", 1)], [DataNode("i", 1), call("a", TaskRef("i"))]):
        assert digest(*nodes) != digest(*nodes, salt="2")
    assert digest(DataNode("a", 1)) == digest(DataNode("a", 1), salt="2")


def test_what_is_not_wanted_is_not_looked_at() -> None:
    nodes = graph(call("a", 1), call("b", TaskRef("a")), call("c", 1))
    assert set(identities(nodes, ["b"]).digests) == {"a", "b"}


def test_an_alias_is_its_target() -> None:
    made = identities(graph(call("a", 1), Alias("b", "a"), Alias("c", "b"))).digests
    assert made["a"] == made["b"] == made["c"]


CALLS = {
    "nothing": call("k"),
    "one": call("k", 1),
    "two": call("k", 1, 2),
    "turned": call("k", 2, 1),
    "by name": call("k", 1, y=2),
    "by other names": call("k", 1, z=2),
    "names in order": call("k", 1, a=1, b=2),
    "names out of order": call("k", 1, b=2, a=1),
    "a list": call("k", [1, 2]),
    "a tuple": call("k", (1, 2)),
    "another function": Task("k", operator.add, 1, 2),
    "a list of inputs": call("k", List(TaskRef("i"), 2)),
    "a tuple of inputs": call("k", Tuple(TaskRef("i"), 2)),
    "a list in a list": call("k", List(List(TaskRef("i")), 2)),
    "a dict of inputs": call("k", Dict({"a": TaskRef("i"), "b": 2})),
    "a dict out of order": call("k", Dict({"b": 2, "a": TaskRef("i")})),
    "the input": call("k", TaskRef("i")),
    "the other input": call("k", TaskRef("j")),
    "inputs": call("k", TaskRef("i"), TaskRef("j")),
    "inputs turned": call("k", TaskRef("j"), TaskRef("i")),
    "a call in a call": call("k", call(None, TaskRef("i"))),
}


def test_what_a_task_can_tell_apart_differs() -> None:
    inputs = (call("i", "first"), call("j", "second"))
    made = {name: digest(*inputs, node) for name, node in CALLS.items()}
    assert len(set(made.values())) == len(CALLS)
    assert made == {name: digest(*inputs, node) for name, node in CALLS.items()}


def test_a_set_of_inputs_has_no_order() -> None:
    inputs = (call("i", 1), call("j", 2))
    one, other = Set(TaskRef("i"), TaskRef("j")), Set(TaskRef("j"), TaskRef("i"))
    assert digest(*inputs, call("k", one)) == digest(*inputs, call("k", other))


def test_a_value_is_the_same_wherever_dask_puts_it() -> None:
    plain = digest(call("k", 2))
    assert plain == digest(call("k", DataNode(None, 2)))
    assert plain == digest(DataNode("i", 2), call("k", TaskRef("i")))


def chain(length: int) -> list[Any]:
    first = [call(("a", 0), "start")]
    return first + [call(("a", i), TaskRef(("a", i - 1)), i) for i in range(1, length)]


def test_a_fused_task_is_the_tasks_in_it() -> None:
    *inner, last = chain(5)
    unfused = digest(*inner, last)
    assert digest(Task.fuse(*inner, last, key="f")) == unfused
    assert digest(*inner[:2], Task.fuse(*inner[2:], last)) == unfused
    assert digest(Task.fuse(Task.fuse(*inner[:3]), *inner[3:], last)) == unfused


def test_the_tasks_of_a_layer_that_hold_one_graph_differ_by_their_inputs() -> None:
    inner = graph(call("x", TaskRef("in"), TaskRef("option")), call("y", TaskRef("x")))
    fused: Any = Task.fuse(call("a", TaskRef("i")), call("b", TaskRef("a")))
    inputs = [call(("i", i), i) for i in range(4)]
    layer = [
        Task(
            ("o", i),
            fused.func,
            inner,
            "y",
            ("option", "in"),
            option,
            TaskRef(("i", i)),
        )
        for i, option in enumerate([DataNode(None, 1), DataNode(None, 1), 1, 2])
    ]
    made = identities(graph(*inputs, *layer)).digests
    for i, option in enumerate([1, 1, 1, 2]):
        one = call("x", TaskRef("i"), option)
        single = digest(call("i", i), one, call("y", TaskRef("x")))
        assert made["o", i] == single


@pytest.mark.parametrize("fused", [True, False])
def test_an_expression_is_the_same_however_dask_fuses_it(fused: bool) -> None:
    x = da.ones((4, 4), chunks=2)
    expression = ((x + 1) * 2 - x.T).sum(axis=0)
    with dask.config.set({"optimization.fuse.active": fused}):
        assert ids(expression) == ids(expression)
        dsk = convert_legacy_graph(dict(expression.__dask_graph__()))
    made = identities(dsk).digests
    assert ids(expression) == [made[key] for key in expression.__dask_keys__()]


def test_blocks_that_are_the_same_are_one() -> None:
    first, second = ids(da.ones(4, chunks=2))
    assert first == second
    assert ids(da.ones(4, chunks=2) + 1)[0] != first
    assert len(set(ids(da.arange(4, chunks=2)))) == 2


def test_what_dask_renames_so_that_it_is_not_reused_is_the_same() -> None:
    def use(block: Any) -> Any:
        return block

    x = da.arange(4, chunks=2) + 1
    assert ids(delayed(use, pure=True)(x)) == ids(delayed(use, pure=True)(x))
    _, made = found(delayed(use, pure=True)(x))
    assert set(ids(x)) <= set(made.digests.values())


def test_a_deep_graph_is_no_trouble() -> None:
    made = identities(graph(*chain(DEEP))).digests
    assert len(set(made.values())) == DEEP


def test_a_circle_is_an_error() -> None:
    nodes = graph(call("a", TaskRef("b")), call("b", TaskRef("a")))
    with pytest.raises(ValueError, match="depends on itself"):
        identities(nodes)


def test_tasks_as_tuples_are_tasks() -> None:
    dsk = convert_legacy_graph({"a": (add, 1), "b": (add, "a", [(add, "a", 2), "a"])})
    made = identities(dsk).digests
    other = convert_legacy_graph({"x": (add, 1), "y": (add, "x", [(add, "x", 2), "x"])})
    assert made["b"] == identities(other).digests["y"]


def test_the_order_of_a_dict_of_inputs_counts() -> None:
    one = delayed(1)
    pure = delayed(dict, pure=True)
    assert ids(pure({"a": one, "b": 2})) != ids(pure({"b": 2, "a": one}))


@st.composite
def shapes(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Graphs as lists: each task has a number, and earlier tasks as inputs."""
    made: list[tuple[Any, ...]] = []
    for index in range(draw(st.integers(1, 5))):
        number = draw(st.sampled_from([0, 1, True, 1.0, "1"]))
        before = st.integers(0, index - 1) if index else st.nothing()
        inputs = draw(st.lists(before, max_size=2)) if index else []
        made.append((number, type(number).__name__, *inputs))
    return made


def meaning(shape: list[tuple[Any, ...]], index: int) -> Any:
    number, kind, *inputs = shape[index]
    return (number, kind, *(meaning(shape, one) for one in inputs))


def built(shape: list[tuple[Any, ...]], name: str) -> dict[Any, GraphNode]:
    return graph(
        *(
            call((name, i), number, *(TaskRef((name, one)) for one in inputs))
            for i, (number, _, *inputs) in enumerate(shape)
        )
    )


@given(shapes(), shapes(), st.booleans())
def test_identities_are_equal_exactly_if_the_tasks_mean_the_same(
    first: list[tuple[Any, ...]], second: list[tuple[Any, ...]], fuse: bool
) -> None:
    one = identities(built(first, "a")).digests
    wanted = built(second, "b")
    last = len(second) - 1
    other = identities(wanted).digests
    for i in range(len(first)):
        for j in range(len(second)):
            same = meaning(first, i) == meaning(second, j)
            assert (one["a", i] == other["b", j]) == same
    if fuse:
        needed = list(identities(wanted, [("b", last)]).digests)
        whole = Task.fuse(*(wanted[key] for key in needed), key="whole")
        assert identities({"whole": whole}).digests["whole"] == other["b", last]


def test_a_collection_says_which_keys_it_has() -> None:
    keys, made = found(da.ones(4, chunks=2) + 1)
    assert all(made.cacheable(key) for key in keys)
    assert not made.unsafe
