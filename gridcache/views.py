"""Views: a cache's items and values, of which some go while they are listed.

Other processes delete and the store evicts at any time; what is gone by the time
its turn comes is left out, where the mix-ins of `collections.abc` would raise.
"""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any

__all__ = ["ABSENT", "LiveItems", "LiveValues"]

ABSENT: Any = object()
"""A default that no cache holds."""


class LiveItems(ItemsView[Any, Any]):
    """Keys and values that are there when their turn comes."""

    _mapping: Mapping[Any, Any]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for key in self._mapping:
            value = self._mapping.get(key, ABSENT)
            if value is not ABSENT:
                yield key, value


class LiveValues(ValuesView[Any]):
    """Values that are there when their turn comes."""

    _mapping: Mapping[Any, Any]

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in LiveItems(self._mapping))

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)
