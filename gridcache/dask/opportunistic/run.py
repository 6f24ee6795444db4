"""Run: one computation with the cache."""

from collections.abc import Iterable
from typing import Any

import dask
from dask.core import flatten

from gridcache.dask.graph import Graph, Key
from gridcache.dask.opportunistic.annotated import annotated
from gridcache.dask.opportunistic.figures import CachedStats
from gridcache.dask.opportunistic.inner import Scheduler
from gridcache.dask.opportunistic.lost import lost_text
from gridcache.dask.opportunistic.pause import no_garbage
from gridcache.dask.opportunistic.rewrite import HIT, Rewritten, apart, rewrite
from gridcache.dask.opportunistic.survey import Survey, survey
from gridcache.dask.opportunistic.timed import Rules
from gridcache.published.texts import auto_text

__all__ = ["Run"]

_ROUNDS = 3
"""Attempts to read what is evicted meanwhile; then all is computed."""


class Run:
    """Keys of a graph to compute.

    Parameters
    ----------
    client
        Of the distributed cluster that computes; None for any other scheduler.
    """

    def __init__(
        self,
        dsk: Any,
        keys: Any,
        rules: Rules,
        figures: CachedStats,
        *,
        salt: str,
        client: Any,
    ) -> None:
        self._dsk = dsk
        self._keys = keys
        self._rules = rules
        self._figures = figures
        with no_garbage():
            whole = survey(dsk, keys, salt)
        self._held = _held(client, whole.graph)
        """Results that the cluster has now, for as long as this refers to them."""
        self._survey: Survey = whole.without(self._held)

    def compute(self, inner: Scheduler, kwargs: dict[str, Any]) -> Any:
        """Compute, again without what was evicted before it was read.

        A task's own error is raised as it is.
        """
        gone: set[str] = set()
        for attempt in range(_ROUNDS + 1):
            done = self._rewritten(gone, look=attempt < _ROUNDS)
            texts = {self._survey.text(key) for key in done.hits}
            try:
                results = self._results(inner, done, kwargs)
            except Exception as error:
                text = lost_text(error, texts)
                if text is None:
                    raise
                gone.add(text)
            else:
                self._note(done)
                return results
        raise AssertionError  # pragma: no cover - the last attempt reads nothing

    def _results(self, inner: Scheduler, done: Rewritten, kwargs: Any) -> Any:
        if done.only_reads and done.graph.keys() >= set(flatten([self._keys])):
            # No need to start processes, or to go by a cluster.
            return dask.threaded.get(done.graph, self._keys)
        return inner(self._sent(done), self._keys, **kwargs)

    def futures(self, client: Any, kwargs: dict[str, Any]) -> Any:
        """Have a cluster compute; hits are read before it begins with the rest.

        Once it has begun nobody waits for it who could begin again.
        """
        gone: set[str] = set()
        while True:
            done, fetches = apart(self._rewritten(gone, look=True))
            read, lost = _read(client, fetches, kwargs)
            if not lost:
                break
            gone |= {auto_text(name.removeprefix(HIT)) for name in lost}
        results = client.get(self._sent(done), self._keys, sync=False, **kwargs)
        del read  # the cluster knows by now that they are needed
        self._note(done)
        return results

    def _rewritten(self, gone: set[str], *, look: bool) -> Rewritten:
        with no_garbage():
            hits = self._survey.hits(self._rules.handle, gone) if look else set()
            return rewrite(self._survey, hits, self._rules)

    def _sent(self, done: Rewritten) -> Any:
        return annotated(done.graph, self._dsk)

    def _note(self, done: Rewritten) -> None:
        text = self._survey.text
        self._figures.note(map(text, done.hits), map(text, done.timed))


def _held(client: Any, keys: Iterable[Key]) -> dict[Key, Any]:
    """What a client's cluster has of these.

    It goes on with that; a second task of the same key would only confuse it.
    """
    if client is None or not client.futures:
        return {}
    from distributed import Future  # noqa: PLC0415 - others need none of it

    known = (key for key in keys if key in client.futures)
    futures: dict[Key, Any] = {key: Future(key, client) for key in known}
    # One that was let go of meanwhile is pending now, with nobody to compute it.
    return {key: one for key, one in futures.items() if one.status == "finished"}


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
