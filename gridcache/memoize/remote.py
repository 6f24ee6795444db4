"""Where `@grid_cache` meets `@ray.remote`, in either order; Ray is not loaded for it.

Above `@grid_cache`, Ray makes a task of the cached function: a worker looks its result
up, or computes it and stores it. Ray takes functions of Python and of Cython; the
latter it knows by the name of a type, and so it is told that this is one. Methods of
actors likewise.

Below it there is Ray's task already. Its function is taken out, cached, and given to
Ray again with the same options; what stands in its place is called as Ray's tasks are.
"""

import sys
from collections.abc import Callable
from functools import update_wrapper, wraps
from types import CodeType
from typing import Any, NoReturn, ParamSpec, TypeVar

from gridcache.memoize.core import Core
from gridcache.memoize.function import CachedFunction
from gridcache.memoize.options import Options

__all__ = ["CachedRemoteFunction", "ForRay", "parameters_alone"]

P = ParamSpec("P")
R = TypeVar("R")


class CachedRemoteFunction(CachedFunction[P, R]):
    """A task of Ray whose results are kept: `f.remote(x)`, as without the cache.

    `is_cached`, `cache_key`, `explain`, `cache_info` and `cache_clear` answer for the
    calls of all processes, but for the counters.
    """

    _made_of: tuple[Callable[..., Any], dict[str, Any]]
    """The function, and Ray's options."""
    _task: Any
    """Ray's own, of the cached function."""

    @classmethod
    def make(
        cls, function: Callable[P, R], options: Options
    ) -> "CachedRemoteFunction[P, R]":
        """Wrap a task of Ray."""
        parts: Any = function
        # In another process there are the parts alone: tasks may be part of them.
        made_of = parts if isinstance(parts, tuple) else _parts_of(parts)
        plain, how = made_of
        made = cls(Core(plain, options))
        update_wrapper(made, plain, updated=())
        made._made_of = made_of
        made._task = _given_to_ray(CachedFunction.make(plain, options), how)
        return made

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in a worker; gives the reference to the result, as Ray does."""
        return self._task.remote(*args, **kwargs)

    def options(self, **options: Any) -> Any:
        """The same with other options of Ray's: `f.options(num_cpus=2).remote(x)`."""
        return self._task.options(**options)

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """A node of a graph of Ray's."""
        return self._task.bind(*args, **kwargs)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Raise, as Ray does: it runs in workers."""
        self._refuse()

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Raise: it runs in workers."""
        self._refuse()

    def map(self, *iterables: Any) -> Any:
        """Raise: it runs in workers."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        name = self._core.keys.name
        message = (
            f"{name} is a task of Ray: write {name}.remote(...), or {name}.call(...) "
            f"to run the function here, without the cache"
        )
        raise TypeError(message)


def _parts_of(task: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function that a task of Ray calls, and the options it was made with."""
    try:
        return task._function, dict(task._default_options)
    except AttributeError:
        message = (
            "this version of Ray does not say what a remote function is made of: "
            "write @ray.remote above @grid_cache"
        )
        raise TypeError(message) from None


def _given_to_ray(cached: CachedFunction[..., Any], how: dict[str, Any]) -> Any:
    @wraps(cached._core.function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return cached(*args, **kwargs)

    remote: Any = sys.modules["ray"].remote
    return remote(**how)(run) if how else remote(run)


# -- below Ray's decorator ---------------------------------------------------------


class ForRay:
    """What a cached function says is under it, when Ray asks."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the cached function."""
        return self._function(*args, **kwargs)


ForRay.__name__ = "cython_function_or_method"

_OF_PARAMETERS = 0x0C
"""Flags of code: `*args` and `**kwargs`."""
_OF_COROUTINES = 0x80


def parameters_alone(code: CodeType) -> CodeType:
    """Code with the same parameters that does nothing, and so needs no closure.

    Ray makes a function of a Cython function's code, to ask for its signature.
    """
    flags = code.co_flags & (_OF_PARAMETERS | _OF_COROUTINES)
    count = code.co_argcount + code.co_kwonlyargcount
    count += (flags & _OF_PARAMETERS).bit_count()
    empty = (lambda: None).__code__
    return empty.replace(
        co_argcount=code.co_argcount,
        co_posonlyargcount=code.co_posonlyargcount,
        co_kwonlyargcount=code.co_kwonlyargcount,
        co_varnames=code.co_varnames[:count],
        co_nlocals=count,
        co_flags=empty.co_flags | flags,
        co_name=code.co_name,
    )
