"""Staging: a stage's output inside a pipeline, kept under a name and a version.

What comes after a stage may change with every run; what comes before it is run once.
"""

from datetime import timedelta

from ray.data import Dataset

from gridcache.cache import GridCache
from gridcache.errors import ConfigError
from gridcache.published.handle import Handle
from gridcache.published.texts import checked_version
from gridcache.ray_data.epochs.opening import tee

__all__ = ["stage"]


def stage(
    dataset: Dataset,
    name: str,
    *,
    version: str,
    cache: GridCache | Handle | str | None = None,
    ttl: float | str | timedelta | None = None,
) -> Dataset:
    """Reuse a stage's output under a name: `stage(vectors, "vectors", version="v1")`.

    The first pipeline that runs through it to its end publishes it as
    ``"name@version"``, while it streams on to what follows; the next one, in any job,
    reads it there. What follows must want all of it for that: a `take` or `limit`
    publishes nothing.

    Parameters
    ----------
    dataset
        The pipeline up to the stage.
    name
        Of the stage.
    version
        Of what it is made by: another version is another stage, beside this one.
    cache, ttl
        As for `tee`.

    Raises
    ------
    NameInUseError
        What comes before the stage has changed, and the version has not.
    ConfigError
        There is no version.
    """
    if not checked_version(version):
        message = "stage() needs a version: what makes the stage is told apart by it"
        raise ConfigError(message)
    full = f"{name}@{version}"
    return tee(dataset, full, cache=cache, version=version, ttl=ttl)
