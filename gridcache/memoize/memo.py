"""Memo: the keys of calls with scalar arguments that were made before.

Found by the exact types of the arguments, then by their values: ``1``, ``1.0`` and
``True`` are equal, yet never share a key. Only what is the same whenever it is equal
enters, so neither a zero of type float, which has a sign, nor NaN.

Not covered: how long a memo is right. It lives and dies with the fingerprint that its
keys contain.
"""

from math import isnan
from sys import getsizeof
from types import NoneType
from typing import Any

__all__ = ["KeyMemo"]

_TYPES = frozenset({int, float, str, bytes, bool, NoneType})
_MOST_BYTES = 512 << 10
_CALL_BYTES = 1024
"""Of the arguments of one call: the hash of a long text costs what its key does."""
_OVERHEAD = 256
"""Of one call: its tuples and its place in the table."""

_ByValues = dict[tuple[Any, ...], str]


class KeyMemo:
    """Keys by the positional arguments of a call; bounded in bytes."""

    __slots__ = ("_by_types", "_nbytes")

    def __init__(self) -> None:
        self._by_types: dict[tuple[type, ...], _ByValues | None] = {}
        self._nbytes = 0

    def get(self, args: tuple[Any, ...]) -> str | None:
        """Give the key of a call; None if it is not known."""
        # Values are not even hashed unless they have types for which that is safe.
        by_values = self._by_types.get(tuple(map(type, args)))
        return None if by_values is None else by_values.get(args)

    def keep(self, args: tuple[Any, ...], key: str) -> None:
        """Keep the key of a call, if its arguments allow."""
        types = tuple(map(type, args))
        if not _TYPES.issuperset(types) or not all(map(_is_what_it_equals, args)):
            return
        nbytes = sum(map(getsizeof, args))
        # Threads may count too little, never by more than they do at the same time.
        self._nbytes += min(nbytes, _CALL_BYTES) + getsizeof(key) + _OVERHEAD
        if self._nbytes > _MOST_BYTES:
            self._by_types, self._nbytes = {}, 0
        if nbytes > _CALL_BYTES:
            # Long arguments come again, and hashing them to find nothing takes time.
            self._by_types[types] = None
        elif (by_values := self._by_types.setdefault(types, {})) is not None:
            by_values[args] = key


def _is_what_it_equals(value: Any) -> bool:
    return type(value) is not float or not (isnan(value) or value == 0.0)
