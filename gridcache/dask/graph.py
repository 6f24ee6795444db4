"""Graph: a collection of any kind as tasks, and tasks as a collection of that kind.

The one place that uses names of Dask's which are not public: the task classes of
`dask._task_spec`, and how a collection becomes an expression and that a graph.

Words: a *partition* is one task of the optimised graph that the collection is made of
(a chunk of an array, a pandas frame, a list of a bag, a whole delayed value).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dask._expr import Expr
from dask._task_spec import DataNode, GraphNode, Task, TaskRef, convert_legacy_graph
from dask.base import collections_to_expr, is_dask_collection
from dask.core import flatten
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph
from dask.optimization import cull
from dask.utils import ensure_dict

from gridcache.errors import ConfigError

__all__ = [
    "Graph",
    "Key",
    "Plan",
    "check_collection",
    "culled",
    "data",
    "is_data",
    "is_special",
    "materialize",
    "prefixed",
    "rebuilt",
    "shell",
    "task",
]

Key = Any
"""Of a task: a text, or a tuple of one and numbers."""
Graph = dict[Key, GraphNode]


@dataclass(frozen=True, slots=True)
class Plan:
    """A collection and what computes it."""

    collection: Any
    """Optimised where that decides its keys (dataframes)."""
    keys: tuple[Key, ...]
    """Of the partitions, in the order of the collection."""
    graph: Graph
    source: Any = None
    """What the graph was made of; knows what layers say of their tasks."""


def materialize(collection: Any) -> Plan:
    """The optimised tasks of a collection.

    Raises
    ------
    ConfigError
        It is no Dask collection.
    """
    check_collection(collection)
    frozen = collection.optimize(fuse=True) if _is_frame(collection) else collection
    expr = collections_to_expr((frozen,), optimize_graph=True).optimize()
    keys = tuple(flatten(expr.__dask_keys__()))
    return Plan(frozen, keys, low_level(expr), expr)


def check_collection(collection: Any) -> None:
    """Check that it is a Dask collection.

    Raises
    ------
    ConfigError
        It is not.
    """
    if not is_dask_collection(collection):
        message = (
            f"a {type(collection).__name__} is no Dask collection (array, dataframe, "
            f"bag, delayed, xarray with chunks); for a plain value use "
            f"GridCache().put(...)"
        )
        raise ConfigError(message, type=type(collection).__name__)


def low_level(graph: Any) -> Graph:
    """A graph in any of Dask's forms as tasks by key."""
    found = getattr(graph, "_optimized_dsk", None)
    if found is None:
        found = graph if isinstance(graph, dict) else graph.__dask_graph__()
    # A graph of layers looks a key up in one after the other.
    tasks: Graph = convert_legacy_graph(ensure_dict(found))
    return dict(tasks)


def culled(graph: Graph, keys: Iterable[Key]) -> Graph:
    """What these keys need."""
    needed: Graph = cull(graph, list(keys))[0]
    return dict(needed)


def task(
    key: Key,
    function: Callable[..., Any],
    *args: Any,
    of: Key = None,
    also: Iterable[Key] = (),
) -> Task:
    """A task that calls a function on arguments and on results of other tasks.

    Parameters
    ----------
    of
        Whose result is the first argument; None for none.
    also
        Whose results are the last ones.
    """
    first = () if of is None else (TaskRef(of),)
    return Task(key, function, *first, *args, *map(TaskRef, also))


def prefixed(graph: Graph, prefix: str, function: Callable[..., Any], of: Key) -> Graph:
    """Tasks under other keys, whose calls go through a function.

    That is called with the result of the task `of`, the task's own function and its
    arguments. Data, and containers of results, are not called.

    Parameters
    ----------
    prefix
        Of the keys.
    """
    new: dict[Key, Any] = {key: (prefix, key) for key in graph}
    return {
        new[key]: _through(node.substitute(new, key=new[key]), function, of)
        for key, node in graph.items()
    }


def _through(node: GraphNode, function: Callable[..., Any], of: Key) -> GraphNode:
    if type(node) is not Task:
        return node
    first = (TaskRef(of), node.func, *node.args)
    return Task(node.key, function, *first, **node.kwargs)


def is_special(node: GraphNode) -> bool:
    """True if a scheduler knows a task by its type or by its key."""
    return isinstance(node, Task) and type(node).__module__ != Task.__module__


def data(key: Key, value: Any) -> DataNode:
    """A value that is there already."""
    return DataNode(key, value)


def is_data(node: GraphNode) -> bool:
    """True if nothing is to be computed."""
    return isinstance(node, DataNode)


def shell(plan: Plan, name: str) -> tuple[Any, tuple[Key, ...]]:
    """The collection without anything to compute, and its partitions' new keys.

    Small, whatever the original's graph holds: what is published of it.

    Parameters
    ----------
    name
        The new keys begin with it.
    """
    rename = _renaming(plan.keys, name)
    keys = tuple(_renamed(key, rename) for key in plan.keys)
    like = plan.collection
    if _is_frame(like):
        return _frame(like, {}, keys), keys
    rebuild, state = like.__dask_postpersist__()
    # Layers without tasks: a plain graph would have to hold every key.
    nothing = HighLevelGraph(
        {new: {} for new in rename.values()}, {new: set() for new in rename.values()}
    )
    return rebuild(nothing, *state, rename=rename), keys


def rebuilt(like: Any, tasks: Graph, keys: Sequence[Key]) -> Any:
    """A collection like a shell, of these tasks, some of which give its partitions.

    Parameters
    ----------
    like, keys
        As `shell` gave them.
    """
    if _is_frame(like):
        return _frame(like, tasks, keys)
    rebuild, state = like.__dask_postpersist__()
    return rebuild(tasks, *state)


def _frame(like: Any, tasks: Graph, keys: Sequence[Key]) -> Any:
    # Not by its own rebuild: that takes every key it is given for a partition.
    from dask.dataframe import from_graph  # noqa: PLC0415 - loads pandas

    return from_graph(tasks, like._meta, like.divisions, list(keys), "grid")


def _is_frame(collection: Any) -> bool:
    # A Delayed answers to every attribute.
    return not isinstance(collection, Delayed) and isinstance(
        getattr(collection, "expr", None), Expr
    )


def _renaming(keys: Iterable[Key], name: str) -> dict[Any, str]:
    """New names for those that keys begin with: all of one array share theirs."""
    old = dict.fromkeys(key[0] if isinstance(key, tuple) else key for key in keys)
    if len(old) == 1:
        return dict.fromkeys(old, name)
    return {one: f"{name}-{number}" for number, one in enumerate(old)}


def _renamed(key: Key, rename: Mapping[Any, str]) -> Key:
    if isinstance(key, tuple):
        return (rename.get(key[0], key[0]), *key[1:])
    return rename.get(key, key)
