"""How a cached function travels to another process.

One that its module's name leads to is pickled as that name, as any function. One of a
script, a notebook or another function carries its code, made by cloudpickle, whichever
pickler asks: `multiprocessing`, Dask and Ray each have their own. Where it lands in the
script that it came from, the function there is taken.
"""

import pickle
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gridcache.fingerprint.places import found_by_name
from gridcache.memoize.options import Options

if TYPE_CHECKING:
    from gridcache.memoize.function import CachedFunction

__all__ = ["reduced"]

_dumping = threading.local()


def reduced(function: "CachedFunction[..., Any]") -> Any:
    """Give what `__reduce__` returns for a function that is not bound."""
    module, name = function.__module__, function.__qualname__
    if module != "__main__" and found_by_name(function, module, name):
        return name
    core = function._core
    parts = (type(function), function._made_of, core.options)
    # A function that calls itself meets itself again among its globals.
    if getattr(_dumping, "now", False):
        return _make, parts
    _dumping.now = True
    try:
        carried: bytes = import_module("cloudpickle").dumps(parts)
    finally:
        _dumping.now = False
    return _land, (name, carried)


def _make(
    kind: "type[CachedFunction[..., Any]]",
    function: Callable[..., Any],
    options: Options,
) -> Any:
    return kind.make(function, options)


def _land(name: str, carried: bytes) -> Any:
    # As safe as the pickle around it.
    made = _make(*pickle.loads(carried))  # noqa: S301
    here: Any = vars(sys.modules["__main__"]).get(name)
    code = getattr(getattr(here, "__wrapped__", None), "__code__", None)
    return here if code == made.__wrapped__.__code__ else made
