"""Errors that travel: an error of a handler is raised again at its caller."""

import json
from typing import Any

from gridcache import errors
from gridcache.cluster.streams.wire import Meta
from gridcache.errors import GridCacheError, PeerError, PeerLostError

__all__ = ["describe", "rebuild"]


def describe(error: Exception) -> Meta:
    """Return what a caller needs to raise the error again.

    A lost peer is one that the handler lost, not its caller: it travels as
    `PeerError`, as does everything that is no error of gridcache.
    """
    if isinstance(error, GridCacheError) and not isinstance(error, PeerLostError):
        name, context = _public_name(type(error)), error.context
    else:
        name, context = PeerError.__name__, {"error": type(error).__name__}
    message = str(error) or type(error).__name__
    return {"error": name, "message": message, "context": _as_json(context)}


def rebuild(meta: Meta) -> GridCacheError:
    """Make the error that `describe` described."""
    name, context = meta.get("error"), meta.get("context")
    cls = getattr(errors, name, None) if name in errors.__all__ else None
    if not (isinstance(cls, type) and issubclass(cls, GridCacheError)):
        cls = PeerError
    error = cls(str(meta.get("message")))
    error.context = context if isinstance(context, dict) else {}
    return error


def _public_name(cls: type[GridCacheError]) -> str:
    """Return the class's name, or that of the base a caller knows."""
    return next(base.__name__ for base in cls.__mro__ if base.__name__ in _PUBLIC)


def _as_json(context: dict[str, Any]) -> Any:
    return json.loads(json.dumps(context, default=str))


_PUBLIC = frozenset(errors.__all__)
