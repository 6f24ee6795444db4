"""Texts: how what is published, and the parts of it, are called in the cache.

==========================  ========================================================
``name:NAME``               the manifest of what is published
``lock:NAME``               never stored; who changes what the name stands for holds it
``part:NAME:IDENTITY``      one of its parts; the identity is 32 hexadecimal digits
``auto:IDENTITY``           a part or a task's result that nobody named
==========================  ========================================================

A part belongs to its name alone, so that a name can be released, or published
again, without a look at the others.
"""

from collections.abc import Iterator

from gridcache.cache import GridCache
from gridcache.errors import ConfigError

__all__ = [
    "auto_text",
    "checked_name",
    "checked_version",
    "lock_text",
    "manifest_text",
    "names_of",
    "part_text",
    "parts_of",
]

_MANIFEST = "name:"
_DIGEST_LENGTH = 32
_LONGEST = 300


def checked_name(name: object) -> str:
    """A name that can be published.

    Raises
    ------
    ConfigError
        It cannot.
    """
    if isinstance(name, str) and 0 < len(name) <= _LONGEST and name.isprintable():
        return name
    message = (
        f"a name is a text of 1 to {_LONGEST} printable characters, not {name!r:.80}"
    )
    raise ConfigError(message)


def checked_version(version: object) -> str | None:
    """A version that can be told from others.

    Raises
    ------
    ConfigError
        It is no text.
    """
    if isinstance(version, str | None):
        return version
    message = f"version is a text, not {version!r:.80}"
    raise ConfigError(message)


def manifest_text(name: str) -> str:
    """The key of a name's manifest."""
    return _MANIFEST + name


def lock_text(name: str) -> str:
    """The key that is computed by who changes what a name stands for."""
    return f"lock:{name}"


def part_text(name: str, identity: str) -> str:
    """The key of a part of a name."""
    return f"part:{name}:{identity}"


def auto_text(identity: str) -> str:
    """The key of a result that nobody named."""
    return f"auto:{identity}"


def names_of(cache: GridCache) -> list[str]:
    """All published names, sorted."""
    return sorted(key[len(_MANIFEST) :] for key in cache.keys(_MANIFEST))


def parts_of(cache: GridCache, name: str, begins: str = "") -> Iterator[str]:
    """The keys of all parts of a name, those of unfinished runs, too.

    Parameters
    ----------
    begins
        Only of those whose identity begins so.
    """
    whole = len(part_text(name, "")) + _DIGEST_LENGTH
    # Another name may begin with this one and a colon: its keys are longer.
    return (key for key in cache.keys(part_text(name, begins)) if len(key) == whole)
