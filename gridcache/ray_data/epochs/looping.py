"""Looping: one dataset for each epoch of a training."""

from collections.abc import Iterator
from datetime import timedelta

from ray.data import Dataset

from gridcache.cache import GridCache
from gridcache.errors import ConfigError
from gridcache.published.handle import Handle
from gridcache.ray_data.epochs.opening import tee

__all__ = ["iter_epochs"]


def iter_epochs(
    dataset: Dataset,
    name: str,
    epochs: int,
    *,
    cache: GridCache | Handle | str | None = None,
    version: str | None = None,
    ttl: float | str | timedelta | None = None,
) -> Iterator[Dataset]:
    """One dataset for each epoch: the first fills the cache, the others read it.

    ::

        for epoch in iter_epochs(dataset, "train", 10):
            for batch in epoch.iter_batches():
                ...

    Parameters
    ----------
    epochs
        How many.
    dataset, name, cache, version, ttl
        As for `tee`, which the datasets are made by.

    Raises
    ------
    NameInUseError
        The name stands for another version or plan.
    ConfigError
        The number of epochs is negative.
    """
    if epochs < 0:
        message = f"epochs is how many there are, not {epochs}"
        raise ConfigError(message, epochs=epochs)
    streaming = tee(dataset, name, cache=cache, version=version, ttl=ttl)
    return (streaming for _ in range(epochs))
