"""Notes: what a task leaves in the cache when it has ended.

::

    part:NAME:EPOCH + task      for the driver: which parts the task gave
    part:NAME:WRITE + inputs    for a later epoch: the parts of these inputs

The identity of each is 32 hexadecimal digits, as that of a part: who drops the parts of
a name drops them, too. Kept as plain values, for caches that allow no pickles.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any

from gridcache.digest import Unkeyable, digest
from gridcache.published.texts import part_text
from gridcache.ray_data.epochs.fill import UNFINISHED_S, Fill
from gridcache.ray_data.manifest import Part

__all__ = ["Note", "find", "inputs_text", "keep", "task_text"]

_FORMAT = 1
_REST = 16


@dataclass(frozen=True, slots=True)
class Note:
    """A task has ended well."""

    epoch: str
    task: int
    parts: tuple[Part, ...]
    schema: bytes
    """As `gridcache.ray_data.schemas` gives it."""
    trouble: str = ""
    """Why not all of its Ray blocks are stored; empty if they are."""


def task_text(fill: Fill, epoch: str, task: int) -> str:
    """The key of a task's note in its epoch."""
    return part_text(fill.name, f"{epoch}{task:0{_REST}x}")


def inputs_text(fill: Fill, inputs: list[Any]) -> str | None:
    """The key of the note on what was made of some inputs.

    By content: another order of tasks, or a file that was added, changes nothing for
    the others. None for what has no lasting identity.
    """
    try:
        return part_text(fill.name, fill.write + digest(inputs)[:_REST])
    except Unkeyable:
        return None


def keep(fill: Fill, texts: Iterable[str], note: Note) -> None:
    """Keep a note under each of the keys."""
    columns = zip(*map(astuple, note.parts), strict=True)
    names = (one.name for one in fields(Part))
    kept = {
        "format": _FORMAT,
        "epoch": note.epoch,
        "task": note.task,
        "schema": note.schema,
        "trouble": note.trouble,
        "parts": {name: list(one) for name, one in zip(names, columns, strict=False)},
    }
    each = [(text, kept) for text in texts]
    fill.handle.cache.put_many(each, ttl=UNFINISHED_S)


def find(fill: Fill, texts: Iterable[str]) -> dict[str, Note]:
    """The notes that there are, by their keys."""
    found = fill.handle.cache.get_many(texts)
    return {
        text: _note(kept) for text, kept in found.items() if kept["format"] == _FORMAT
    }


def _note(kept: dict[str, Any]) -> Note:
    parts = tuple(Part(*row) for row in zip(*kept["parts"].values(), strict=True))
    return Note(kept["epoch"], kept["task"], parts, kept["schema"], kept["trouble"])
