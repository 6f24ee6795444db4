"""Scheduler: what Dask calls in place of its scheduler.

Dask's configuration takes any function of a graph and keys. This one gets the graph as
optimised, cuts the hits out, has the rest timed, and hands it to the scheduler that
would have been called without it. So it covers them all; what it cannot cover is what
does not ask the configuration: ``x.compute(scheduler=...)``, and a distributed client's
own methods (``client.compute``, ``client.persist``, ``client.submit``).
"""

from typing import Any

import dask.base

from gridcache.dask.opportunistic.figures import CachedStats
from gridcache.dask.opportunistic.grid import GridScheduler
from gridcache.dask.opportunistic.inner import Above, beneath, client_of, plain
from gridcache.dask.opportunistic.run import Run
from gridcache.dask.opportunistic.timed import Rules

__all__ = ["CachedScheduler"]


class CachedScheduler(Above):
    """Computes with a cache: the innermost, if one stands above another.

    Parameters
    ----------
    base
        The scheduler beneath, in any of Dask's forms; None for the one in use.
    """

    def __init__(
        self, rules: Rules, *, salt: str = "", base: Any = None, figures: CachedStats
    ) -> None:
        self.rules = rules
        self.salt = salt
        self.base = base
        self.figures = figures
        self.closed = False
        """True: hands all on as it is. Blocks of several threads may end in another
        order than they began in, and leave this behind in Dask's configuration."""

    def __call__(self, dsk: Any, keys: Any, **kwargs: Any) -> Any:
        """Compute keys of a graph; results nested as the keys are."""
        inner = beneath(plain(self.base), dsk)
        if self.closed:
            return inner(dsk, keys, **kwargs)
        return self._run(dsk, keys, client_of(inner)).compute(inner, kwargs)

    def persist(
        self, collections: Any, optimize_graph: bool = True, **kwargs: Any
    ) -> Any:
        """What Dask's own `persist` calls; on a cluster it returns before the end."""
        if isinstance(self.base, GridScheduler):
            return self.base.persist(collections, optimize_graph, **kwargs)

        def schedule(dsk: Any, keys: Any, **options: Any) -> Any:
            inner = beneath(plain(self.base), dsk)
            client = client_of(inner)
            if client is None:
                return self(dsk, keys, **options)
            if self.closed:
                return inner(dsk, keys, sync=False, **options)
            return self._run(dsk, keys, client).futures(client, options)

        options = {"traverse": False, "optimize_graph": optimize_graph, **kwargs}
        return dask.base.persist(*collections, scheduler=schedule, **options)

    def _run(self, dsk: Any, keys: Any, client: Any) -> Run:
        return Run(dsk, keys, self.rules, self.figures, salt=self.salt, client=client)
