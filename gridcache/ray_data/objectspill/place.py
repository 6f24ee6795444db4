"""Place: where spilled objects go to, as variables of a node's environment.

IO workers get nothing else of ours: no job's environment, and no word of the driver's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

__all__ = ["Place"]

_PREFIX = "GRIDCACHE_OBJECT_SPILLING_"


@dataclass(frozen=True, slots=True)
class Place:
    """The store of a node, and how much of it."""

    path: str = ""
    """Of the store; empty for the node's own, as of `GridCache`."""
    grid: str = "auto"
    """As of `GridCache`; empty for none."""
    capacity_nbytes: int = 0
    """Of the store if it is to be made; 0 for what is usual."""
    max_nbytes: int = 0
    """Of the store's blocks, from which objects go to files; 0 for all there can be."""

    def environment(self) -> dict[str, str]:
        """As variables, those that differ from what is usual."""
        return {
            variable: str(value)
            for variable, one in _variables()
            if (value := getattr(self, one)) != getattr(_USUAL, one)
        }

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Place":
        """From variables; raises `ValueError` if they are none of ours."""
        given = {
            one: type(getattr(_USUAL, one))(environment[variable])
            for variable, one in _variables()
            if variable in environment
        }
        return cls(**given)


_USUAL = Place()


def _variables() -> list[tuple[str, str]]:
    return [(_PREFIX + one.name.upper(), one.name) for one in fields(Place)]
