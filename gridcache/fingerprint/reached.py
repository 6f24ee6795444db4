"""What code reaches: strictly, where it decides the result, else leniently.

A global, a default or a closure cell without lasting identity is refused, for a
result may depend on it. Exempt are locks, which order and do not decide. Attributes
of classes and the insides of installed decorators count leniently: what has no
lasting identity there (registries of weak references, compiled validators) is made
from code that counts by itself, and stands for its type alone.
"""

import _thread
from concurrent.futures import Executor
from contextvars import ContextVar
from threading import Barrier, Condition, Event, Semaphore
from typing import Any

from gridcache.digest.engine import Digester, leaf
from gridcache.digest.errors import Unkeyable, type_name
from gridcache.fingerprint.survey import MISSING, Survey

__all__ = ["by_type", "lenient", "strict"]

HARMLESS = (
    *(_thread.LockType, _thread.RLock, Barrier, Condition, Event, Semaphore),
    *(Executor, ContextVar),
)
"""Order or carry the work; `_thread.RLock` is a type, `threading.RLock` is not."""


def strict(d: Digester, survey: Survey, value: Any, where: str, label: str) -> bytes:
    """Token of something that decides; a refusal will say `where` it was.

    The label is what a warning calls it, should it change from call to call.
    """
    if value is MISSING:
        return leaf("missing")
    if isinstance(value, HARMLESS):
        return by_type(value)
    token = d.part(value, where)
    survey.data.add(value, label)
    return token


def lenient(d: Digester, survey: Survey, value: Any, label: str) -> bytes:
    """Token of something that may be without identity."""
    if value is MISSING:
        return leaf("missing")
    try:
        token = d.token(value)
    except Unkeyable:
        return by_type(value)
    survey.data.add(value, label)
    return token


def by_type(value: object) -> bytes:
    """Token of a value of which only the type counts."""
    return leaf("by type", type_name(type(value)).encode())
