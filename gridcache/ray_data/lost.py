"""Lost: a dataset whose Ray blocks are gone is made again from its source.

By who still has the source: the dataset that `persist` returned. Always all of it:
Ray Data does not say which rows come of which input.
"""

import weakref
from collections.abc import Callable
from typing import Any

from ray.data import Dataset

from gridcache.advice import advise
from gridcache.errors import GridCacheError
from gridcache.ray_data.manifest import Manifest

__all__ = ["Origin"]


class Origin:
    """What makes a published dataset.

    One that reads files or the like is kept. One that holds Ray blocks is the
    caller's: it is used while the caller has it, and does not fill Ray's object store
    for the sake of a loss that may never come.

    Parameters
    ----------
    write
        Runs the dataset into the grid, and publishes it.
    check
        Raises `NameInUseError` if a manifest is of something else.
    """

    def __init__(
        self,
        dataset: Dataset,
        write: Callable[[Dataset], Manifest],
        check: Callable[[Manifest], None],
    ) -> None:
        self._write = write
        self.check = check
        self._kept = dataset if dataset.has_serializable_lineage() else None
        self._callers: Callable[[], Dataset | None] = weakref.ref(dataset)

    def again(self, error: GridCacheError) -> Manifest:
        """Make the dataset again; raise the error if the source is gone."""
        dataset = self._kept if self._kept is not None else self._callers()
        if dataset is None:
            raise error
        advise(f"{_first_sentence(error)}: the dataset is made again from its source")
        return self._write(dataset)

    def __getstate__(self) -> dict[str, Any]:
        # The caller's dataset stays with the caller.
        return {"_write": self._write, "check": self.check, "_kept": self._kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._callers = _nobody_s


def _nobody_s() -> None:
    """The caller's dataset, in another process."""


def _first_sentence(error: GridCacheError) -> str:
    """Without the cures, which are for who has no source."""
    return str(error).partition("; write the dataset")[0].partition(". Publish")[0]
