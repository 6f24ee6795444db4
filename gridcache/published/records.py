"""Records: what is kept under a name, as plain fields and columns.

Not as objects: ten thousand parts are read in milliseconds, and what another version
of gridcache wrote is known for that.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridcache.cache import GridCache
from gridcache.errors import NameInUseError, NameNotFoundError, StoreFormatError
from gridcache.published.handle import Handle
from gridcache.published.keeping import twice
from gridcache.published.texts import manifest_text, names_of
from gridcache.views import ABSENT

__all__ = ["Kind", "Record", "find", "in_use", "keep", "read"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Whose records these are."""

    adapter: str
    """Module whose `persist`, `load` and `release` the errors name."""
    what: str
    """What is published by it: "collection"."""
    format: int
    """Raised when what is kept changes its meaning."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept under a name."""

    plain: Mapping[str, Any]
    columns: Mapping[str, Sequence[Any]]
    """By name, one value for each part."""


def keep(
    handle: Handle, name: str, kind: Kind, record: Record, ttl_s: float | None
) -> None:
    """Keep it under its name, whatever is there."""
    columns = {name: list(values) for name, values in record.columns.items()}
    # Of equal texts, like names of nodes, one object, which is pickled once.
    shared = {
        name: [sys.intern(one) if type(one) is str else one for one in values]
        for name, values in columns.items()
    }
    # With a node the parts go that lie there alone; not the name of the others.
    handle.cache.put(
        manifest_text(name),
        {"format": kind.format, **record.plain, "parts": shared},
        ttl=ttl_s,
        pin=True,
        **twice(handle),
    )


def find(cache: GridCache, name: str, kind: Kind) -> Record | None:
    """What is published under a name, if anything is.

    Raises
    ------
    StoreFormatError
        Another version of gridcache published it.
    """
    found = cache.get(manifest_text(name), ABSENT)
    if found is ABSENT:
        return None
    kept = found.get("format") if isinstance(found, Mapping) else None
    if kept != kind.format:
        message = (
            f"{name!r} was published by another version of gridcache (format {kept}, "
            f"this one reads {kind.format}): load it there, or drop it: "
            f"{kind.adapter}.release({name!r})"
        )
        raise StoreFormatError(message, name=name, format=kept)
    plain = {
        field: value
        for field, value in found.items()
        if field not in {"format", "parts"}
    }
    return Record(plain, found["parts"])


def read(cache: GridCache, name: str, kind: Kind) -> Record:
    """What is published under a name.

    Raises
    ------
    NameNotFoundError
        Nothing is; names those that look alike.
    StoreFormatError
        Another version of gridcache published it.
    """
    found = find(cache, name, kind)
    if found is None:
        raise _not_found(cache, name, kind)
    return found


def _not_found(cache: GridCache, name: str, kind: Kind) -> NameNotFoundError:
    from difflib import get_close_matches  # noqa: PLC0415 - for the error alone

    near = get_close_matches(name, names_of(cache))
    hint = f"; there is {', '.join(map(repr, near))}" if near else ""
    message = (
        f"nothing is published as {name!r} in cache {cache.name!r}{hint}. Publish it "
        f"with {kind.adapter}.persist({kind.what}, {name!r})"
    )
    return NameNotFoundError(message, name=name, near=near)


def in_use(name: str, version: str | None, standing: str, kind: Kind) -> NameInUseError:
    """The error of who would publish something else under a name.

    Parameters
    ----------
    version
        Of what stands there.
    standing
        What that is: "with version='1', not '2'".
    """
    message = (
        f"the name {name!r} is published {standing}. Load what is there: "
        f"{kind.adapter}.load({name!r}); replace it: overwrite=True; drop it: "
        f"{kind.adapter}.release({name!r}); or choose another name"
    )
    return NameInUseError(message, name=name, version=version)
