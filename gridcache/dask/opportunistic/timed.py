"""Timed: what runs inside tasks in place of their functions.

Goes to every task, so it is small to pickle, and costs about a microsecond where the
result is not worth keeping.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

from dask.utils import funcname

from gridcache.advice import advise
from gridcache.dask.opportunistic.admission import Admission
from gridcache.dask.opportunistic.spent import of_process
from gridcache.errors import CacheWarning, ImmutableKeyError, KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping
from gridcache.published.texts import auto_text
from gridcache.views import ABSENT

__all__ = ["Rules", "Timed", "fetch_hit"]

_TRACE = 0.1
"""Of the floor: what took less is not remembered."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Where results are kept, for how long, and which."""

    handle: Handle
    admission: Admission
    ttl_s: float | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        plain = astuple(self.handle), astuple(self.admission), self.ttl_s
        return _rules, plain

    def keep(self, identity: str, value: Any, seconds: float) -> bool:
        """Store a result; False, and no error, if it cannot be."""
        options = Keeping(self.ttl_s).options(seconds)
        try:
            # Who else computed it may have other bytes: the first stands.
            with suppress(ImmutableKeyError):
                self.handle.cache.put(auto_text(identity), value, **options)
        except Exception as error:  # noqa: BLE001 - whatever it is, the value is right
            with suppress(CacheWarning):  # warnings may be errors
                advise(f"a result was not cached: {error}")
            return False
        return True


@lru_cache(64)
def _rules(
    handle: tuple[Any, ...], admission: tuple[float, float], ttl_s: float | None
) -> Rules:
    """Rules that many tasks of a process share."""
    return Rules(Handle(*handle), Admission(*admission), ttl_s)


class Timed:
    """A task's function, with a clock.

    Parameters
    ----------
    identity, inputs
        Of the task, and of what it uses.
    asked
        True if its result is what the caller asked for.
    """

    __slots__ = ("asked", "func", "identity", "inputs", "rules")

    def __init__(
        self,
        func: Callable[..., Any],
        identity: str,
        inputs: tuple[str, ...],
        rules: Rules,
        asked: bool,
    ) -> None:
        self.func = func
        self.identity = identity
        self.inputs = inputs
        self.rules = rules
        self.asked = asked

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, and keep the result if it is worth it."""
        began = perf_counter()
        value = self.func(*args, **kwargs)
        seconds = perf_counter() - began
        # Nothing more is done for what cannot be worth it.
        if of_process or seconds >= self.rules.admission.min_seconds * _TRACE:
            self._weigh(value, seconds)
        return value

    def _weigh(self, value: Any, seconds: float) -> None:
        whole, unkept = of_process.beneath(self.inputs)
        whole, unkept = whole + seconds, unkept + seconds
        admission = self.rules.admission
        if whole < admission.min_seconds * _TRACE:
            return
        counts = whole if self.asked else unkept
        # What is read only once would be read by storing it.
        if not isinstance(value, Iterator) and admission.admits(value, counts):
            kept = self.rules.keep(self.identity, value, whole)
            unkept = 0.0 if kept else unkept
        of_process.note(self.identity, whole, unkept)

    def __reduce__(self) -> tuple[Any, ...]:
        plain = (self.func, self.identity, self.inputs, self.rules, self.asked)
        return Timed, plain

    @property
    def __name__(self) -> str:
        """Of the function, for reports."""
        return str(funcname(self.func))


def fetch_hit(handle: Handle, identity: str) -> Any:
    """Read what a task would have computed.

    A copy of its own, as if it had been computed: what comes after may write into it,
    and must not fail because it was read this time.

    Raises
    ------
    KeyNotFoundError
        It has gone since it was looked up; the computation runs again without it.
    """
    text = auto_text(identity)
    try:
        value = handle.cache.get(text, ABSENT, copy=True)
    except Exception as error:
        # It is there, but not for this process: a class that it has not, say.
        raise _gone(text) from error
    if value is ABSENT:
        raise _gone(text)
    info = handle.cache.info(text)
    if info is not None:
        of_process.note(identity, info.cost_s, 0.0)
    return value


def _gone(text: str) -> KeyNotFoundError:
    message = f"{text!r} cannot be read any more since the computation was planned"
    return KeyNotFoundError(message, key=text)
