"""Tasks that read what was kept: they have the identity of what was computed.

The text under which a partition or a result is kept ends with its identity, and a task
that reads it, or keeps it on the way, gives just that. So what is made of a collection
that was loaded, or cached, is the same as what is made of the original.
"""

import re
from typing import Any

from gridcache.dask.identity.nodes import DataNode, Task

__all__ = ["kept_token", "reads_kept"]

_READING = frozenset(
    {
        "gridcache.dask.opportunistic.timed.fetch_hit",
        "gridcache.dask.partitions.fetch_partition",
        "gridcache.dask.partitions.keep_partition",
        "gridcache.dask.partitions.pass_partition",
    }
)
_TEXT = re.compile(r"(?:.*:)?([0-9a-f]{32})", re.DOTALL)
"""As in `gridcache.dask.texts`."""


def reads_kept(function: Any) -> bool:
    """Tell whether a function is one of those that read what was kept."""
    name = getattr(function, "__qualname__", "")
    return f"{getattr(function, '__module__', '')}.{name}" in _READING


def kept_token(node: Task) -> bytes | None:
    """The token of what such a task gives; None if its text says nothing."""
    for part in (*node.args, *node.kwargs.values()):
        text = part.value if isinstance(part, DataNode) else part
        found = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if found is not None:
            return bytes.fromhex(found[1])
    return None
