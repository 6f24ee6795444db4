"""Fingerprints, and those of named functions and classes, which are kept.

A fingerprint is the token of a function, class or module with all the local code and
the plain data that it reaches, and the checks that tell whether it still holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gridcache.digest.engine import Digester
from gridcache.digest.errors import Unkeyable
from gridcache.fingerprint.checks import Checks
from gridcache.fingerprint.places import found_by_name
from gridcache.fingerprint.survey import Placed, Survey

__all__ = ["Fingerprint", "fingerprint", "known_token"]

MOST_KNOWN = 1024
"""Fingerprints kept; each keeps what it rests on alive."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What code is, with all that it reaches."""

    token: bytes
    """16 bytes, see `gridcache.digest.engine`."""
    checks: Checks
    unread: frozenset[str]
    """Names to be ignored that were not met."""

    def holds(self) -> bool:
        """Tell whether nothing that it rests on has changed."""
        return self.checks.hold()


def fingerprint(
    value: Any, *, home: str | None = None, ignored: Iterable[str] = ()
) -> Fingerprint:
    """Make the fingerprint of a function, class or module.

    Parameters
    ----------
    home
        The top-level package whose code counts by content wherever it lies.
    ignored
        Names of globals and closure variables that do not count.

    Raises
    ------
    Unkeyable
        Data that the code reaches has no lasting identity.
    """
    made = _survey(value, home, frozenset(ignored))
    made.checks.arm()
    return made


def _survey(value: Any, home: str | None, ignored: frozenset[str]) -> Fingerprint:
    survey = Survey(home, ignored)
    d = Digester(survey)
    tokens = [d.token(value)]
    # The list grows while it is walked.
    for placed in survey.placed:
        survey.current = placed
        tokens.append(_content(d, survey, placed))
    token = d.node("fingerprint", tokens)
    return Fingerprint(token, Checks(survey), ignored - survey.seen)


def _content(d: Digester, survey: Survey, placed: Placed) -> bytes:
    try:
        return d.node("content", placed.content(d, survey, placed.value))
    except Unkeyable as refusal:
        met: Placed | None = placed
        while met is not None and met.via is not None:
            name = getattr(met.value, "__qualname__", met.value.__name__)
            refusal.path.append(f", which reaches {name}")
            met = met.via
        raise


_known: dict[int, tuple[object, Fingerprint]] = {}


def known_token(value: Any) -> bytes:
    """Give the token of a function, class or module that is part of some data."""
    kept = _known.get(id(value))
    if kept is not None and kept[1].holds():
        return kept[1].token
    made = _survey(value, None, frozenset())
    if _is_named(value):
        _keep(value, made)
    made.checks.arm()
    return made.token


def _is_named(value: Any) -> bool:
    """Only what has a name is kept; a closure may hold much, and seldom comes back."""
    qualname = getattr(value, "__qualname__", None)
    return qualname is None or found_by_name(value, value.__module__, qualname)


def _keep(value: Any, made: Fingerprint) -> None:
    if len(_known) >= MOST_KNOWN:
        _known.pop(next(iter(_known)), None)
    _known[id(value)] = (value, made)
