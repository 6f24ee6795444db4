"""The decorator, with all its options."""

import inspect
from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from gridcache.memoize.function import CachedFunction
from gridcache.memoize.options import Options

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["grid_cache"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def grid_cache(function: Callable[P, R], /) -> CachedFunction[P, R]: ...


@overload
def grid_cache(
    *,
    namespace: str | None = None,
    cache: "GridCache | None" = None,
    ttl: float | str | timedelta | None = None,
    ignore: str | Iterable[str] = (),
    key: Callable[..., Any] | None = None,
    version: str | int | None = None,
    cost: str | float | None = "measure",
    condition: Callable[[Any], bool] | None = None,
    tags: Iterable[str] | Callable[..., Iterable[str]] = (),
    copy: bool = False,
    cache_exceptions: type[Exception] | tuple[type[Exception], ...] = (),
) -> Callable[[Callable[P, R]], CachedFunction[P, R]]: ...


def grid_cache(function: Any = None, /, **options: Any) -> Any:
    """Keep the results of a function, for every process of this machine.

    A call with the same arguments returns the stored result. The key is made of the
    function's name, its code and what that reaches (`gridcache.fingerprint`), and the
    arguments (`gridcache.digest`), bound to the signature with defaults applied.
    Arrays and Arrow data come back read-only, at the first call too.

    Parameters
    ----------
    namespace
        Of the user's default store, opened at the first call; "default" if not given.
    cache
        A `GridCache` of your own instead.
    ttl
        How long results live ("1h" or seconds); None for the cache's default.
    ignore
        Names that do not count: arguments, "self", or globals the function reads.
    key
        Called with the arguments of a call; what it returns stands for them.
    version
        Stands for the code, which then does not count: raise it to run again.
    cost
        Seconds a result took to compute: "measure", or what you say.
    condition
        Called with a result; False: it is not stored.
    tags
        Groups that `cache.clear(tag=...)` deletes; or called with the arguments.
    copy
        True: private writable arrays, always.
    cache_exceptions
        Exceptions of these types are kept as results, and raised again.

    Returns
    -------
    CachedFunction
        Called like the function, an `async def` one too.

    Raises
    ------
    TypeError
        Not a function, or a generator function, whose results are used up by reading.

    Notes
    -----
    If a result cannot be stored it is returned all the same, with one `CacheWarning`
    per function. Methods count their object by its state. With `staticmethod`,
    `classmethod` and `property` write `@grid_cache` below or, for the first two, above.
    With `ray.remote` write it above, for then its own methods are there as well
    (`f.remote(x)`, `f.is_cached(x)`), or below.

    Examples
    --------
    >>> @grid_cache
    ... def double(x):
    ...     return 2 * x
    >>> double(21), double.is_cached(21)
    (42, True)
    """
    if function is None:
        return lambda decorated: _decorate(decorated, _checked(options))
    return _decorate(function, Options())


def _checked(options: dict[str, Any]) -> Options:
    errors = options.get("cache_exceptions", ())
    if isinstance(errors, type):
        options["cache_exceptions"] = (errors,)
    ignore = options.get("ignore", ())
    options["ignore"] = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    return Options(**options)


def _decorate(function: Any, options: Options) -> Any:
    if isinstance(function, staticmethod | classmethod):
        return type(function)(_decorate(function.__func__, options))
    if type(function).__module__ == "ray.remote_function":
        _refuse_generator(getattr(function, "_function", None))
        remote = import_module("gridcache.memoize.remote")
        return remote.CachedRemoteFunction.make(function, options)
    if isinstance(function, type) or not callable(function) or _is_actor(function):
        msg = f"@grid_cache is for functions and methods, not {function!r}"
        raise TypeError(msg)
    _refuse_generator(function)
    if inspect.iscoroutinefunction(function):
        coroutine = import_module("gridcache.memoize.coroutine")
        return coroutine.CachedAsyncFunction.make(function, options)
    return CachedFunction.make(function, options)


def _refuse_generator(function: Any) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        msg = (
            f"{function.__qualname__} is a generator: return a list to cache its items"
        )
        raise TypeError(msg)


def _is_actor(value: Any) -> bool:
    """Tell whether something is an actor of Ray, a handle of one, or its method."""
    return any(base.__module__ == "ray.actor" for base in type(value).__mro__)
