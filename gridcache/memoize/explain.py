"""Why a function runs again: what the store knows, and whether its code was edited."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gridcache.memoize.core import Core

if TYPE_CHECKING:
    from gridcache.store.outcome import Explanation

__all__ = ["explain"]


def explain(core: Core, key: str) -> "Explanation":
    """Explain a key of a function; notices results of other code for the same call."""
    found = core.cache.explain(key)
    if found.present:
        return found
    arguments = key.rpartition("/")[2]
    others = tuple(
        other
        for other in core.cache.keys(f"{core.keys.name}/")
        if other.endswith(arguments)
    )
    if not others:
        return found
    edited = (
        f"{found.text} A result for the same arguments is there under another "
        f"fingerprint: {core.keys.name}, or something it reaches, was changed since."
    )
    return replace(found, text=edited, near_keys=(*others, *found.near_keys))
