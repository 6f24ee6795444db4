"""Opening: the dataset that streams and fills the cache, or reads what stands.

Which of the two is decided at the start of each execution.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ray.data import Dataset

from gridcache.cache import GridCache
from gridcache.errors import NameInUseError
from gridcache.published.handle import Handle
from gridcache.published.keeping import all_present
from gridcache.published.texts import checked_name, checked_version
from gridcache.ray_data import internals
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.clientcheck import check_not_client
from gridcache.ray_data.epochs.fill import Fill
from gridcache.ray_data.epochs.passing import Pass
from gridcache.ray_data.epochs.whole import clear_up, conclude
from gridcache.ray_data.identity import plan_or_say, say_once
from gridcache.ray_data.manifest import find
from gridcache.ray_data.persisting import persist
from gridcache.ray_data.publishing import check_free
from gridcache.ray_data.reading import loaded
from gridcache.values import ttl_seconds

__all__ = ["tee"]

_EPOCH_LENGTH = 16


def tee(
    dataset: Dataset,
    name: str,
    *,
    cache: GridCache | Handle | str | None = None,
    version: str | None = None,
    ttl: float | str | timedelta | None = None,
) -> Dataset:
    """A dataset that fills the cache while it is read, and then is read from there.

    The first epoch streams to the trainer as without it, and each worker stores the
    Ray blocks that it makes. When every task of an epoch has ended well the name
    stands for the dataset, and the next epoch, in any job, reads it and runs no user
    function. An epoch that is cut short (`take`, `limit`, a loop that is left, a
    failure) publishes nothing; what its finished tasks have made is not made again.

    Parameters
    ----------
    dataset
        What Ray Data reads and transforms, lazy.
    name
        What any other job can `load` it by.
    cache
        Where it is kept: a `GridCache`, or the name of one; None for "ray_data".
    version
        Names the data's or the code's version. A name that is published with one
        stands for that one only.
    ttl
        How long it lives once it is whole ("1h" or seconds); None until released.

    Returns
    -------
    Dataset
        Lazy, with the same rows. With a Ray whose internals are not known to
        gridcache: what `persist` returns, after it ran the dataset; that is said once.

    Raises
    ------
    NameInUseError
        The name stands for another version or plan.
    ConfigError
        This process is connected by Ray Client.
    """
    check_not_client()
    checked_name(name)
    missing = internals.reason()
    if missing:
        say_once(
            f"tee() runs the whole dataset first, as persist() does, and does not "
            f"stream: {missing}"
        )
        return persist(dataset, name, cache=cache, version=version, ttl=ttl)
    fill = Fill(
        handle=handle_of(cache).renewed(),
        name=name,
        version=checked_version(version),
        plan=plan_or_say(dataset, name, version),
        ttl_s=ttl_seconds(ttl),
    )
    check_free(find(fill.handle.cache, name), fill.wanted)
    return internals.streamed(dataset, _FillTap(fill))


@dataclass(frozen=True, slots=True)
class _FillTap:
    """What Ray Data's plans call; see `gridcache.ray_data.internals.contract`."""

    fill: Fill

    @property
    def name(self) -> str:
        """As plans and bars call it."""
        return f"Tee({self.fill.name})"

    def standing(self) -> Dataset | None:
        """What stands under the name, if it is this dataset and whole."""
        handle = self.fill.handle.renewed()
        found = find(handle.cache, self.fill.name)
        if found is None:
            return None
        try:
            check_free(found, self.fill.wanted)
        except NameInUseError:
            return None  # the end of the epoch says so
        return loaded(found, handle) if all_present(handle, found.texts) else None

    def begin(self) -> "_FillEpoch":
        """An execution begins."""
        return _FillEpoch(self.fill, uuid.uuid4().hex[:_EPOCH_LENGTH])


@dataclass(frozen=True, slots=True)
class _FillEpoch:
    """One execution; see `gridcache.ray_data.internals.contract`."""

    fill: Fill
    epoch: str

    def stream(
        self,
        task: int,
        inputs: list[Any] | None,
        make: Callable[[], Iterable[Any]],
    ) -> Iterator[Any]:
        """In a task: store Ray blocks and hand them on."""
        return Pass(self.fill, self.epoch, task).stream(inputs, make)

    def whole(self, tasks: int) -> None:
        """On the driver: publish."""
        conclude(self.fill, self.epoch, tasks)

    def close(self, tasks: int) -> None:
        """On the driver: the execution is over."""
        clear_up(self.fill, self.epoch, tasks)
