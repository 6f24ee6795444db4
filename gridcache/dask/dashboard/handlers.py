"""Handlers: the page's two addresses, and how a running scheduler gets them."""

from typing import Any
from weakref import WeakKeyDictionary

from distributed.http.utils import RequestHandler, get_handlers

from gridcache.dask.dashboard.overview import Overview, Watch
from gridcache.dask.dashboard.page import page_html

__all__ = ["add_routes", "install", "routes"]

_watches: WeakKeyDictionary[Any, Watch] = WeakKeyDictionary()
_with_routes: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


class _Handler(RequestHandler):
    async def overview(self) -> Overview:
        """Of the scheduler that is asked."""
        watch = _watches.get(self.server)
        if watch is None:
            watch = _watches[self.server] = Watch(self.server)
        return await watch.overview()


class Page(_Handler):
    """`/gridcache`."""

    async def get(self) -> None:
        """For people."""
        self.write(page_html(await self.overview()))


class Json(_Handler):
    """`/gridcache.json`."""

    async def get(self) -> None:
        """For programs."""
        self.write((await self.overview()).plain())


routes: list[tuple[str, type, dict[str, Any]]] = [
    ("gridcache", Page, {}),
    ("gridcache.json", Json, {}),
]


def add_routes(scheduler: Any) -> bool:
    """Give a running scheduler the page.

    Returns
    -------
    bool
        False if it has it already, or no HTTP server.
    """
    application = getattr(scheduler, "http_application", None)
    if application is None or _has_routes(scheduler, application):
        return False
    handlers = get_handlers(scheduler, [__package__], prefix="/")
    application.add_handlers(".*$", handlers)
    return True


def install(dask_scheduler: Any) -> bool:
    """Do `add_routes`; for `client.run_on_scheduler(install)`."""
    return add_routes(dask_scheduler)


def _has_routes(scheduler: Any, application: Any) -> bool:
    known = _with_routes.get(scheduler, False)
    _with_routes[scheduler] = True
    return known or any(
        getattr(rule, "target", None) is Page
        for router in (application.default_router, application.wildcard_router)
        for rule in _rules(router)
    )


def _rules(router: Any) -> list[Any]:
    """All rules of a router and of those below it."""
    rules = list(getattr(router, "rules", ()))
    return rules + [
        inner for rule in rules for inner in _rules(getattr(rule, "target", None))
    ]
