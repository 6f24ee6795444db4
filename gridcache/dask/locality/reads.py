"""Reads: the partitions that a task will read, found without running it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from gridcache.dask.partitions import fetch_partition
from gridcache.published.handle import Handle

__all__ = ["Read", "favourite", "reads_of"]

_NEAR = 3
"""Where `fetch_partition` has it among its arguments."""


class Read(NamedTuple):
    """A partition, by where it is."""

    handle: Handle
    node: str


def reads_of(task: Any) -> Iterator[Read]:
    """What a task reads, also in the tasks that are fused into it.

    Parameters
    ----------
    task
        Anything: what is no task reads nothing.
    """
    function = getattr(task, "func", None)
    if function is None:
        return
    args = task.args
    if function is fetch_partition:
        if len(args) > _NEAR and args[_NEAR]:
            yield Read(args[0], args[_NEAR])
        return
    for arg in args:
        # The tasks of a fused one are a plain dictionary; those of a list are not.
        for inner in arg.values() if type(arg) is dict else (arg,):
            yield from reads_of(inner)


def favourite(task: Any) -> Read | None:
    """One of the node that a task reads most partitions from; None if it reads none."""
    found = Counter(reads_of(task))
    return max(found, key=found.__getitem__) if found else None
