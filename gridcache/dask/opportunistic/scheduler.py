"""Scheduler: what Dask calls in place of its scheduler.

Dask's configuration takes any function of a graph and keys. This one gets the graph as
optimised, cuts the hits out, has the rest timed, and hands it to the scheduler that
would have been called without it. So it covers them all; what it cannot cover is what
does not ask the configuration: ``x.compute(scheduler=...)``, and a distributed client's
own methods (``client.compute``, ``client.persist``, ``client.submit``).
"""

from typing import Any

import dask
import dask.base

from gridcache.dask.graph import Graph
from gridcache.dask.opportunistic.annotated import annotated
from gridcache.dask.opportunistic.figures import CachedStats
from gridcache.dask.opportunistic.grid import GridScheduler
from gridcache.dask.opportunistic.inner import (
    Above,
    Scheduler,
    beneath,
    client_of,
    plain,
)
from gridcache.dask.opportunistic.lost import lost_text
from gridcache.dask.opportunistic.rewrite import HIT, Rewritten, apart, rewrite
from gridcache.dask.opportunistic.survey import Survey, survey
from gridcache.dask.opportunistic.timed import Rules
from gridcache.dask.texts import auto_text

__all__ = ["CachedScheduler"]

_ROUNDS = 3
"""Attempts to read what is evicted meanwhile; then all is computed."""


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
        return _Run(self, dsk, keys).compute(inner, kwargs)

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
            return _Run(self, dsk, keys).futures(client, options)

        options = {"traverse": False, "optimize_graph": optimize_graph, **kwargs}
        return dask.base.persist(*collections, scheduler=schedule, **options)


class _Run:
    """One computation."""

    def __init__(self, owner: CachedScheduler, dsk: Any, keys: Any) -> None:
        self.dsk = dsk
        self.keys = keys
        self.rules = owner.rules
        self.figures = owner.figures
        self.survey: Survey = survey(dsk, keys, owner.salt)

    def compute(self, inner: Scheduler, kwargs: dict[str, Any]) -> Any:
        """Compute, again without what was evicted before it was read."""
        gone: set[str] = set()
        for attempt in range(_ROUNDS + 1):
            done = self.rewritten(gone, look=attempt < _ROUNDS)
            texts = {self.survey.text(key) for key in done.hits}
            try:
                results = self._results(inner, done, kwargs)
            except Exception as error:
                text = lost_text(error, texts)
                if text is None:
                    raise
                gone.add(text)
            else:
                self.note(done)
                return results
        raise AssertionError  # pragma: no cover - the last attempt reads nothing

    def _results(self, inner: Scheduler, done: Rewritten, kwargs: Any) -> Any:
        if done.only_reads:  # no need to start processes, or to go by a cluster
            return dask.threaded.get(done.graph, self.keys)
        return inner(self._sent(done), self.keys, **kwargs)

    def futures(self, client: Any, kwargs: dict[str, Any]) -> Any:
        """Have a cluster compute; hits are read before it begins with the rest.

        Once it has begun nobody waits for it who could begin again.
        """
        gone: set[str] = set()
        while True:
            done = self.rewritten(gone, look=True)
            done, fetches = apart(done)
            held, lost = _read(client, fetches, kwargs)
            if not lost:
                break
            gone |= {auto_text(name.removeprefix(HIT)) for name in lost}
        results = client.get(self._sent(done), self.keys, sync=False, **kwargs)
        del held
        self.note(done)
        return results

    def rewritten(self, gone: set[str], *, look: bool) -> Rewritten:
        """The graph with the hits there are now."""
        hits = self.survey.hits(self.rules.handle, gone) if look else set()
        return rewrite(self.survey, hits, self.rules)

    def _sent(self, done: Rewritten) -> Any:
        return annotated(done.graph, self.dsk)

    def note(self, done: Rewritten) -> None:
        """Count what was done."""
        text = self.survey.text
        self.figures.note(map(text, done.hits), map(text, done.timed))


def _read(
    client: Any, fetches: Graph, kwargs: dict[str, Any]
) -> tuple[list[Any], list[str]]:
    """Have a cluster read hits: futures, and the keys of those that are lost."""
    from distributed import wait  # noqa: PLC0415 - others need none of it

    if not fetches:
        return [], []
    held = client.get(fetches, list(fetches), sync=False, **kwargs)
    wait(held)
    read = zip(fetches, held, strict=True)
    return held, [key for key, future in read if future.status != "finished"]
