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

__all__ = ["lenient", "strict"]

HARMLESS = (
    *(_thread.LockType, _thread.RLock, Barrier, Condition, Event, Semaphore),
    *(Executor, ContextVar),
)
"""Order or carry the work; `_thread.RLock` is a type, `threading.RLock` is not."""


def strict(d: Digester, survey: Survey, value: Any, where: str) -> bytes:
    """Token of something that decides; a refusal will say `where` it was."""
    if value is MISSING:
        return leaf("missing")
    if isinstance(value, HARMLESS):
        return _by_type(value)
    token = d.part(value, where)
    survey.data(value)
    return token


def lenient(d: Digester, survey: Survey, value: Any) -> bytes:
    """Token of something that may be without identity."""
    if value is MISSING:
        return leaf("missing")
    try:
        token = d.token(value)
    except Unkeyable:
        return _by_type(value)
    survey.data(value)
    return token


def _by_type(value: object) -> bytes:
    return leaf("by type", type_name(type(value)).encode())
