"""Checks: does a fingerprint still hold? Asked at every call, so a few microseconds.

Everything that can is compared by identity, in C, a list at a time. Only what may
change without becoming another object (arrays, sets, frames) is digested again.
"""

from collections.abc import Iterable
from itertools import repeat
from operator import attrgetter, is_
from threading import get_ident
from typing import Any

from gridcache.digest.engine import digest
from gridcache.errors import NotKeyableError
from gridcache.fingerprint.survey import MISSING, Survey, contents

__all__ = ["Checks"]

_code = attrgetter("__code__")
_defaults = attrgetter("__defaults__")
_kwdefaults = attrgetter("__kwdefaults__")
_UNKNOWN = ""


class Checks:
    """The notes of a survey, in the form in which they are compared.

    They hold from the start; `arm` must be called before they may fail on opaque
    data, and after the fingerprint can be found by those who need it for that.
    """

    __slots__ = (
        "_busy",
        "_cells",
        "_dicts",
        "_functions",
        "_lists",
        "_opaque",
        "_spaces",
    )

    def __init__(self, survey: Survey) -> None:
        functions = tuple(survey.functions)
        self._functions = [
            (get, functions, tuple(map(get, functions)))
            for get in (_code, _defaults, _kwdefaults)
        ]
        self._spaces = [
            (space.get, tuple(names), tuple(names.values()))
            for space, names in survey.spaces.values()
        ]
        self._cells = survey.cells
        self._lists = survey.lists
        self._dicts = survey.dicts
        self._opaque = [(value, _UNKNOWN) for value in survey.opaque]
        self._busy: set[int] = set()

    def arm(self) -> None:
        """Digest the opaque data; may make other fingerprints."""
        self._opaque = [(value, _digest(value)) for value, _ in self._opaque]

    def hold(self) -> bool:
        """Tell whether everything is what it was."""
        for get, functions, was in self._functions:
            if not _same(map(get, functions), was):
                return False
        for look_up, names, was in self._spaces:
            if not _same(map(look_up, names, repeat(MISSING)), was):
                return False
        return self._closures_and_data_hold()

    def _closures_and_data_hold(self) -> bool:
        return (
            all(contents(cell) is was for cell, was in self._cells)
            and all(
                len(now) == len(was) and _same(now, was) for now, was in self._lists
            )
            and all(_same_dict(*note) for note in self._dicts)
            and (not self._opaque or self._opaque_holds())
        )

    def _opaque_holds(self) -> bool:
        # An object may lead back to the class or function that is being checked;
        # then the check under way decides, and this one need not.
        me = get_ident()
        if me in self._busy:
            return True
        self._busy.add(me)
        try:
            return all(_digest(now) == was for now, was in self._opaque if was)
        finally:
            self._busy.discard(me)


def _same(now: Iterable[Any], was: Iterable[Any]) -> bool:
    return all(map(is_, now, was))


def _same_dict(now: Any, keys: tuple[Any, ...], values: tuple[Any, ...]) -> bool:
    return len(now) == len(keys) and _same(now, keys) and _same(now.values(), values)


def _digest(value: object) -> str:
    try:
        return digest(value)
    except NotKeyableError:
        return _UNKNOWN
