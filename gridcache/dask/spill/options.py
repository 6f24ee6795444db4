"""Options of spilling: what a user may choose, read once."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gridcache.errors import ConfigError
from gridcache.units import parse_bytes

__all__ = ["SpillOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpillOptions:
    """Where a worker's memory goes, and how much of it.

    The same words as arguments of `SpillPlugin` and as Dask settings below
    `gridcache.spill`.
    """

    path: str | None = None
    """Directory of a store; None for the user's default one, or the node's."""
    grid: str | None = "auto"
    """As for `GridCache`; None keeps to this machine's store."""
    max_bytes: int | None = None
    """Of this worker in its node's store; None for half of the store."""
    others: bool = True
    """Whether idle memory of other nodes is used when the own store is full."""
    compression: str | None = None
    """In memory: one of Dask's ("auto", "lz4"); its own setting is for its disk. None
    is faster, and most often the better choice where memory is idle."""
    disk: bool = True
    """Whether Dask's own disk takes what no memory takes."""

    @classmethod
    def read(cls, **given: Any) -> "SpillOptions":
        """Options as people write them.

        Raises
        ------
        ConfigError
            There is no such option, or it cannot be read.
        """
        known = {field.name for field in fields(cls)}
        named = {name.replace("-", "_"): value for name, value in given.items()}
        if odd := sorted(named.keys() - known):
            message = (
                f"no such option of spilling: {', '.join(odd)}; there are "
                f"{', '.join(sorted(known))}"
            )
            raise ConfigError(message, options=odd)
        if isinstance(path := named.get("path"), Path):
            named["path"] = str(path)
        if named.get("max_bytes") is not None:
            named["max_bytes"] = parse_bytes(named["max_bytes"])
        return cls(**named)
