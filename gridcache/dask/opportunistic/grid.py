"""Grid: a scheduler under which Dask's own persist() goes to the grid.

Dask asks the scheduler in use whether it persists by itself. This one does: into the
memory of the nodes, under a name made of what is computed, so that the same persist in
another process, or tomorrow, computes nothing. All else runs as always.
"""

from datetime import timedelta
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import dask
import dask.base
from dask.delayed import delayed

from gridcache.cache import GridCache
from gridcache.dask.address import handle_of
from gridcache.dask.opportunistic.inner import Above, beneath, beneath_for, plain
from gridcache.dask.persisting import persist
from gridcache.errors import ConfigError
from gridcache.published.handle import Handle

__all__ = ["GridScheduler", "asked_to_persist"]

_NOT_ASKED = (
    "this version of Dask does not ask its scheduler to persist; take a newer one, or "
    "call gridcache.dask.persist(...)"
)


@lru_cache
def asked_to_persist() -> bool:
    """Tell whether Dask's persist asks the scheduler: older ones do not."""
    asked: list[Any] = []

    class Probe:
        def __call__(self, _: Any, keys: Any, **__: Any) -> list[None]:
            return [None for _ in keys]

        def persist(self, collections: Any, **_: Any) -> Any:
            asked.append(collections)
            return collections

    value: Any = delayed(1)
    dask.base.persist(value, scheduler=Probe())
    return bool(asked)


class GridScheduler(Above):
    """Persists in the grid; for ``with``, or as ``dask.config.set(scheduler=...)``.

    Parameters
    ----------
    cache
        Where: a `GridCache`, or the name of one; None for "dask".
    scheduler
        The scheduler beneath; None for what Dask would have used.
    ttl, replicas, version, progress
        As for `gridcache.dask.persist`.

    Raises
    ------
    ConfigError
        This version of Dask does not ask its scheduler to persist.
    """

    def __init__(
        self,
        cache: GridCache | Handle | str | None = None,
        *,
        scheduler: Any = None,
        ttl: float | str | timedelta | None = None,
        replicas: int = 1,
        version: str | None = None,
        progress: bool | None = None,
    ) -> None:
        if not asked_to_persist():
            raise ConfigError(_NOT_ASKED)
        self.handle = handle_of(cache)
        self._given = scheduler
        self._how: dict[str, Any] = {
            "ttl": ttl,
            "replicas": replicas,
            "version": version,
        }
        self._progress = progress
        self._entered: list[tuple[Any, Any]] = []

    @property
    def base(self) -> Any:
        """The scheduler beneath: as given, else that of Dask when it was entered."""
        if self._given is not None or not self._entered:
            return self._given
        return self._entered[0][0]

    def __enter__(self) -> Self:
        before = dask.config.get("scheduler", None)
        setting = dask.config.set(scheduler=self)
        self._entered.append((before, setting))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _, setting = self._entered[-1]
        setting.__exit__(kind, error, trace)
        self._entered.pop()

    def __call__(self, dsk: Any, keys: Any, **kwargs: Any) -> Any:
        """Compute keys of a graph, as without it."""
        return beneath(self.base, dsk)(dsk, keys, **kwargs)

    def persist(
        self,
        collections: Any,
        optimize_graph: bool = True,
        **_: Any,
    ) -> list[Any]:
        """What Dask's own `persist` calls: each collection into the grid.

        Optimised always, since what is stored is the optimised graph's.
        """
        base = plain(self.base)
        return [
            persist(
                one,
                cache=self.handle,
                scheduler=beneath_for(base, one),
                progress=self._progress,
                **self._how,
            )
            for one in collections
        ]
