"""Advice: `CacheWarning`s that point at the user's line, not at one of ours."""

import sys
import warnings

from gridcache.errors import CacheWarning

__all__ = ["advise"]


def advise(message: str) -> None:
    """Warn the nearest caller outside of gridcache."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("gridcache."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, CacheWarning, stacklevel=level + 1)
