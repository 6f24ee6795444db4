"""Checks: does a fingerprint still hold? Asked at every call, so a few microseconds.

Everything that can is compared by identity, in C, a list at a time. Only what may
change without becoming another object (arrays, sets, frames) is digested again.
"""

from collections.abc import Iterable, Iterator
from operator import call, is_
from threading import get_ident
from typing import Any

from gridcache.digest.engine import digest
from gridcache.errors import NotKeyableError
from gridcache.fingerprint.notes import DictNote, ListNote, OpaqueNote
from gridcache.fingerprint.survey import MISSING, Survey, contents

__all__ = ["Checks"]

_PARTS = ("__code__", "__defaults__", "__kwdefaults__")


class Checks:
    """The notes of a survey, in the form in which they are compared.

    They hold from the start; `arm` must be called before they may fail on opaque
    data, and after the fingerprint can be found by those who need it for that.
    """

    __slots__ = ("_busy", "_cells", "_dicts", "_lists", "_looks", "_opaque", "_were")

    def __init__(self, survey: Survey) -> None:
        looks = [*_parts_of(survey), *_names_read(survey)]
        # Side by side: calls, first and second arguments, what they gave.
        self._looks = tuple(zip(*(look[:3] for look in looks), strict=True))
        self._were = tuple(look[3] for look in looks)
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
        if self._were and not all(map(is_, map(call, *self._looks), self._were)):
            return False
        for cell, content in self._cells:
            if contents(cell) is not content:
                return False
        return (
            (not self._lists or all(map(_same_list, self._lists)))
            and (not self._dicts or all(map(_same_dict, self._dicts)))
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


def _parts_of(survey: Survey) -> Iterator[tuple[Any, ...]]:
    for function in survey.functions:
        for part in _PARTS:
            yield getattr, function, part, getattr(function, part)


def _names_read(survey: Survey) -> Iterator[tuple[Any, ...]]:
    for space, names in survey.spaces.values():
        for name, was in names.items():
            yield space.get, name, MISSING, was


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
