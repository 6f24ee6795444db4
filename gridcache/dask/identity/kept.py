"""Tasks that read what was kept: they are known by the text it is kept under.

A result that nobody named is kept under its identity, so a task that reads it, or keeps
it on the way, has that identity: what is made of a cached collection is the same as
what is made of the original. What was published is kept under its name as well, and
the name counts: for impure tasks two names of one computation are two values.
"""

import re
from typing import Any

from gridcache.dask.identity.nodes import DataNode, Task
from gridcache.digest.engine import leaf

__all__ = ["kept_token", "reads_kept"]

_READING = frozenset(
    {
        "gridcache.dask.opportunistic.timed.fetch_hit",
        "gridcache.dask.partitions.fetch_partition",
        "gridcache.dask.partitions.keep_partition",
        "gridcache.dask.partitions.pass_partition",
    }
)
_UNNAMED = re.compile(r"(?:auto:)?([0-9a-f]{32})")
_NAMED = re.compile(r"part:.*:[0-9a-f]{32}", re.DOTALL)
"""Both as in `gridcache.published.texts`."""


def reads_kept(function: Any) -> bool:
    """Tell whether a function is one of those that read what was kept."""
    name = getattr(function, "__qualname__", "")
    return f"{getattr(function, '__module__', '')}.{name}" in _READING


def kept_token(node: Task) -> bytes | None:
    """The token of what such a task gives; None if its text says nothing."""
    for part in (*node.args, *node.kwargs.values()):
        text = part.value if isinstance(part, DataNode) else part
        token = _token(text) if isinstance(text, str) else None
        if token is not None:
            return token
    return None


def _token(text: str) -> bytes | None:
    unnamed = _UNNAMED.fullmatch(text)
    if unnamed is not None:
        return bytes.fromhex(unnamed[1])
    return leaf("kept", text.encode()) if _NAMED.fullmatch(text) else None
