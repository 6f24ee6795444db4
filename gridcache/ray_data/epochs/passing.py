"""Passing: within a task, its Ray blocks are stored and handed on, or found.

A cache never fails a task: what cannot be stored passes all the same, and the note of
the task says so. Nor does it change what a task gives: Ray blocks are handed on one by
one as they are made, and found ones are those of a task that had ended.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from gridcache.advice import advise
from gridcache.errors import GridCacheError
from gridcache.ray_data.epochs.fill import Fill
from gridcache.ray_data.epochs.notes import Note, find, inputs_text, keep, task_text
from gridcache.ray_data.manifest import Part
from gridcache.ray_data.parts import as_stored, fetch_block, put_block
from gridcache.ray_data.schemas import joined_schema, schema_of

__all__ = ["Pass"]


@dataclass(frozen=True, slots=True)
class Pass:
    """One task of an epoch."""

    fill: Fill
    epoch: str
    task: int

    def stream(
        self, inputs: list[Any] | None, make: Callable[[], Iterable[Any]]
    ) -> Iterator[Any]:
        """The Ray blocks of the task, stored by the time that it ends."""
        known = None if inputs is None else inputs_text(self.fill, inputs)
        found = None if known is None else self._found(known)
        if found is None:
            yield from self._made(make(), known)
            return
        note, blocks = found
        yield from blocks
        self._leave(replace(note, parts=self._own(note.parts)), known)

    # -- what an earlier epoch has left ------------------------------------------

    def _found(self, known: str) -> tuple[Note, list[Any]] | None:
        """What was made of the same inputs, all of it; None if anything is missing.

        The Ray blocks of a task are read before the first is handed on: one that is
        gone by then would leave no way back.
        """
        try:
            note = find(self.fill, [known]).get(known)
            if note is None or note.trouble or self._taken(note):
                return None
            return note, [self._fetched(part) for part in note.parts] or _empty(note)
        except (GridCacheError, OSError, LookupError):
            return None

    def _taken(self, note: Note) -> bool:
        """Another task of this epoch gave them.

        Two tasks with equal inputs need not give equal rows: a function may draw lots.
        """
        return note.epoch == self.epoch and note.task != self.task

    def _fetched(self, part: Part) -> Any:
        return fetch_block(self.fill.handle, part.text, self.fill.name, node=part.node)

    def _own(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(replace(part, task=self.task) for part in parts)

    # -- what is made now ------------------------------------------------------------

    def _made(self, blocks: Iterable[Any], known: str | None) -> Iterator[Any]:
        parts: list[Part] = []
        schemas: list[bytes] = []
        trouble = ""
        for block in blocks:
            if not trouble:
                trouble = self._stored(block, parts, schemas)
            yield block
        schema = joined_schema(schemas)
        # Not reached if somebody stops the task, or it fails: then it has no note.
        note = Note(self.epoch, self.task, tuple(parts), schema, trouble)
        self._leave(note, None if trouble else known)

    def _stored(self, block: Any, parts: list[Part], schemas: list[bytes]) -> str:
        """Store a Ray block; returns why it could not be."""
        try:
            kept = as_stored(block)
            schemas.append(schema_of(kept))
            if len(kept):
                to = self.fill.destination
                parts.append(put_block(kept, to, self.task, len(parts)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows are right
            return f"{type(error).__name__}: {error}"
        return ""

    def _leave(self, note: Note, known: str | None) -> None:
        """Tell the driver, and later epochs which inputs need not be looked at."""
        own = replace(note, epoch=self.epoch, task=self.task)
        texts = [task_text(self.fill, self.epoch, self.task)]
        try:
            keep(self.fill, texts if known is None else [*texts, known], own)
        except (GridCacheError, OSError) as error:
            advise(f"a task of {self.fill.name!r} could not say that it ended: {error}")


def _empty(note: Note) -> list[Any]:
    """A Ray block without rows, if its columns are known."""
    schema = pickle.loads(note.schema) if note.schema else None  # noqa: S301 - own
    return [schema.empty_table()] if isinstance(schema, pa.Schema) else []
