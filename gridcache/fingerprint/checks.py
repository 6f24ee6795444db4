"""Checks: does a fingerprint still hold? Asked at every call, so a few microseconds.

Everything that can is compared by identity, in C, a list at a time. Only what may
change without becoming another object (arrays, sets, frames) is digested again.
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from operator import attrgetter, is_
from threading import get_ident
from typing import Any

from gridcache.digest.engine import digest
from gridcache.errors import NotKeyableError
from gridcache.fingerprint.notes import DictNote, ListNote, OpaqueNote
from gridcache.fingerprint.survey import MISSING, Survey, contents

__all__ = ["Checks"]

_PARTS = tuple(map(attrgetter, ("__code__", "__defaults__", "__kwdefaults__")))


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
            (part, functions, tuple(map(part, functions))) for part in _PARTS
        ]
        self._spaces = [
            (space.get, tuple(names), tuple(names.values()))
            for space, names in survey.spaces.values()
        ]
        self._cells = survey.cells
        self._lists = survey.data.lists
        self._dicts = survey.data.dicts
        self._opaque = survey.data.opaque
        self._busy: set[int] = set()

    def arm(self) -> None:
        """Digest the opaque data; may make other fingerprints."""
        self._opaque = [note._replace(was=_digest(note.now)) for note in self._opaque]

    def hold(self) -> bool:
        """Tell whether everything is what it was."""
        for part, functions, was in self._functions:
            if not _same(map(part, functions), was):
                return False
        for look_up, names, was in self._spaces:
            if not _same(map(look_up, names, repeat(MISSING)), was):
                return False
        for cell, content in self._cells:
            if contents(cell) is not content:
                return False
        return all(map(_same_list, self._lists)) and (
            all(map(_same_dict, self._dicts))
            and (not self._opaque or self._opaque_holds())
        )

    def changed_data(self) -> Iterator[str]:
        """Name the data whose content is another one; not exhaustive."""
        yield from (note.label for note in self._lists if not _same_list(note))
        yield from (note.label for note in self._dicts if not _same_dict(note))
        yield from (note.label for note in self._opaque if not _same_digest(note))

    def _opaque_holds(self) -> bool:
        # An object may lead back to the class or function that is being checked;
        # then the check under way decides, and this one need not.
        me = get_ident()
        if me in self._busy:
            return True
        self._busy.add(me)
        try:
            return all(map(_same_digest, self._opaque))
        finally:
            self._busy.discard(me)


def _same(now: Iterable[Any], was: Iterable[Any]) -> bool:
    return all(map(is_, now, was))


def _same_list(note: ListNote) -> bool:
    now, was, _ = note
    return len(now) == len(was) and _same(now, was)


def _same_dict(note: DictNote) -> bool:
    now, keys, values, _ = note
    return len(now) == len(keys) and _same(now.values(), values) and _same(now, keys)


def _same_digest(note: OpaqueNote) -> bool:
    return not note.was or _digest(note.now) == note.was


def _digest(value: object) -> str:
    try:
        return digest(value)
    except NotKeyableError:
        return ""
