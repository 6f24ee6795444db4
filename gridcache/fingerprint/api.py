"""The two ways to ask for a fingerprint."""

from collections.abc import Callable, Iterable
from typing import Any

from gridcache.digest.engine import leaf
from gridcache.digest.errors import Unkeyable
from gridcache.fingerprint.known import Fingerprint, fingerprint
from gridcache.fingerprint.places import top_package

__all__ = ["Fingerprint", "function_digest", "function_fingerprint", "name_of"]


def name_of(function: Callable[..., Any]) -> str:
    """Give `module.qualname`; a callable object has the name of its class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def function_fingerprint(
    function: Callable[..., Any], *, ignored: Iterable[str] = ()
) -> Fingerprint:
    """Make the fingerprint of a function, to be kept and checked.

    Parameters
    ----------
    ignored
        Names of globals and closure variables that do not count.

    Raises
    ------
    NotKeyableError
        Something it reaches has no lasting identity; the message says what and where.
    """
    home = top_package(str(getattr(function, "__module__", None)))
    try:
        return fingerprint(function, home=home, ignored=ignored)
    except Unkeyable as refusal:
        raise refusal.public(name_of(function)) from None


def function_digest(function: Callable[..., Any]) -> str:
    """Give the digest of a function: its name and its fingerprint, 32 hex digits.

    Raises
    ------
    NotKeyableError
        Something it reaches has no lasting identity.
    """
    token = function_fingerprint(function).token
    return leaf("named", name_of(function).encode(), token).hex()
