"""Streams: datasets whose functions are counted, and reading them as a trainer does."""

from collections.abc import Callable
from typing import Any

from gridcache.published.handle import Handle
from gridcache.ray_data.manifest import find
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.notes import Notes

__all__ = ["Batch", "counted", "ids", "is_published", "noting"]

Batch = dict[str, Any]


def noting(
    notes: Notes, then: Callable[[Batch], None] | None = None
) -> Callable[[Batch], Batch]:
    """A user's function that notes the first id of each batch it gets."""

    def note(batch: Batch) -> Batch:
        notes.note(str(batch["id"][0]))
        if then is not None:
            then(batch)
        return batch

    return note


def counted(
    notes: Notes,
    rows: int = 80,
    blocks: int = 4,
    then: Callable[[Batch], None] | None = None,
    **options: Any,
) -> Any:
    """Numbers through a function that is counted; one call for each task."""
    return numbers(rows, blocks).map_batches(noting(notes, then), **options)


def ids(dataset: Any) -> list[int]:
    """The column `id` of all rows, sorted."""
    return sorted(int(row["id"]) for row in dataset.iter_rows())


def is_published(handle: Handle, name: str = "it") -> bool:
    """Tell whether anything stands under a name."""
    return find(handle.cache, name) is not None
