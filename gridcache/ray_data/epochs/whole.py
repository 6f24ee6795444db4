"""Whole: on the driver, an epoch has run to its end, so its dataset is published.

Only if every task left a note and every part is there. An epoch never fails for it.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from gridcache.advice import advise
from gridcache.errors import GridCacheError, KeyNotFoundError, NameInUseError
from gridcache.ray_data.epochs.fill import Fill
from gridcache.ray_data.epochs.notes import Note, find, task_text
from gridcache.ray_data.manifest import Manifest, ordered
from gridcache.ray_data.manifest import find as find_manifest
from gridcache.ray_data.publishing import publish
from gridcache.ray_data.schemas import joined_schema

__all__ = ["clear_up", "conclude"]


def conclude(fill: Fill, epoch: str, tasks: int) -> None:
    """Publish what the tasks of an epoch have stored, or say why not."""
    try:
        trouble = _published(fill, epoch, tasks)
    except NameInUseError as error:
        trouble = str(error)
    except (GridCacheError, OSError) as error:
        trouble = f"{type(error).__name__}: {error}"
    if trouble:
        advise(
            f"the epoch of {fill.name!r} was not kept as a whole, and the next one "
            f"runs the dataset again: {trouble}"
        )


def clear_up(fill: Fill, epoch: str, tasks: int) -> None:
    """Drop what tells only that tasks of this epoch have ended."""
    with suppress(GridCacheError, OSError):
        fill.handle.cache.delete_many(_texts(fill, epoch, tasks))


def _published(fill: Fill, epoch: str, tasks: int) -> str:
    notes = find(fill, _texts(fill, epoch, tasks))
    trouble = next((note.trouble for note in notes.values() if note.trouble), "")
    if trouble:
        return f"a Ray block could not be stored ({trouble})"
    if len(notes) != tasks:
        return (
            f"{tasks - len(notes)} of {tasks} tasks left no note that can be read "
            f"here; do its workers run where no grid is? (grid up)"
        )
    manifest = _manifest(fill, notes.values())
    try:
        _pin(fill, manifest)
        publish(fill.handle, manifest, overwrite=False)
    except KeyNotFoundError:
        _unpin(fill, manifest)
        return (
            "Ray blocks were evicted while it ran, since the cache has no room for "
            "all: give it more capacity or a disk tier"
        )
    except NameInUseError:
        _unpin(fill, manifest)
        raise
    return ""


def _manifest(fill: Fill, notes: Iterable[Note]) -> Manifest:
    each = sorted(notes, key=lambda note: note.task)
    return replace(
        fill.wanted,
        schema=joined_schema(note.schema for note in each),
        parts=ordered(part for note in each for part in note.parts),
    )


def _texts(fill: Fill, epoch: str, tasks: int) -> list[str]:
    return [task_text(fill, epoch, task) for task in range(tasks)]


def _pin(fill: Fill, manifest: Manifest) -> None:
    """A dataset that is published leaves the cache as a whole, or not at all."""
    for text in manifest.texts:
        fill.handle.cache.pin(text)


def _unpin(fill: Fill, manifest: Manifest) -> None:
    """Let its parts be evicted, but those that another epoch has published."""
    stands = find_manifest(fill.handle.cache, fill.name)
    published = set() if stands is None else set(stands.texts)
    for text in set(manifest.texts) - published:
        with suppress(KeyNotFoundError):
            fill.handle.cache.unpin(text)
