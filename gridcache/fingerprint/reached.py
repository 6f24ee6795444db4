"""What code reaches: strictly, where it decides the result, else leniently.

A global, a default or a closure cell without lasting identity is refused, for a
result may depend on it. Exempt are locks, which order and do not decide, and sentinels
(`object()`), which are known by the place where they are found. Attributes of classes and the insides of installed decorators count leniently: what has no
lasting identity there (registries of weak references, compiled validators) is made
from code that counts by itself, and stands for its type alone.
"""

from typing import Any

from gridcache.digest.engine import Digester, leaf
from gridcache.digest.errors import Unkeyable, type_name
from gridcache.fingerprint.survey import MISSING, Survey

__all__ = ["by_type", "is_exempt", "lenient", "strict"]

HARMLESS_FROM = (
    *("_thread", "threading", "_contextvars", "concurrent.futures."),
    *("asyncio.locks", "multiprocessing.synchronize"),
)
"""Beginnings of the modules of types that order or carry the work."""


def strict(d: Digester, survey: Survey, value: Any, where: str, label: str) -> bytes:
    """Token of something that decides; a refusal will say `where` it was.

    The label is what a warning calls it, should it change from call to call.
    """
    if value is MISSING:
        return leaf("missing")
    if is_exempt(value):
        return by_type(value)
    token = d.part(value, where)
    survey.data.add(value, label)
    return token


def is_exempt(value: object) -> bool:
    """Tell whether something may be reached though it has no lasting identity."""
    kind = type(value)
    return kind is object or kind.__module__.startswith(HARMLESS_FROM)


def lenient(d: Digester, survey: Survey, value: Any, label: str) -> bytes:
    """Token of something that may be without identity."""
    if value is MISSING:
        return leaf("missing")
    try:
        token = d.token(value)
    except Unkeyable:
        return by_type(value)
    survey.data.add(value, label, made_once=True)
    return token


def by_type(value: object) -> bytes:
    """Token of a value of which only the type counts."""
    return leaf("by type", type_name(type(value)).encode())
