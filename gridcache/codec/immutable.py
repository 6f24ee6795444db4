"""Which values may be handed out twice, because nobody can change them."""

from typing import Any

import numpy as np

__all__ = ["is_immutable"]

MAX_DEPTH = 8

_SCALARS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented)}
)


def is_immutable(value: Any) -> bool:
    """Whether two callers may share `value`; exact types only, so never by a lie."""
    return type(value) in _SCALARS or _is_immutable(value, 0)


def _is_immutable(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is tuple or kind is frozenset:
        return depth < MAX_DEPTH and all(
            _is_immutable(item, depth + 1) for item in value
        )
    return (
        kind.__module__ == "numpy"
        and issubclass(kind, np.generic)
        and kind is not np.void
    )
