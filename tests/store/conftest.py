"""Stores for tests: each verified and closed at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.shop import Shop

if TYPE_CHECKING:
    from gridcache.store.node_store import NodeStore

CAPACITY = 16 << 20


@pytest.fixture(autouse=True)
def dropped(request: pytest.FixtureRequest, no_leaks: None) -> Iterator[None]:
    """Let go of a test's stores and tables before its leaks are looked for."""
    yield
    (request.node.funcargs or {}).clear()


@pytest.fixture
def open_shop(store_dir: Path) -> Iterator[Callable[..., Shop]]:
    """Open stores; the checks of the last one must pass when the test is over.

    The function takes a capacity, a directory name, a stall time and settings
    of the namespace.
    """
    stores: list[NodeStore] = []
    shops: list[Shop] = []

    def start(
        capacity_nbytes: int = CAPACITY,
        *,
        at: str = "store",
        name: str = "default",
        stall_timeout_s: float = 2.0,
        **settings: object,
    ) -> Shop:
        store = open_store(
            store_dir / at,
            capacity_nbytes=capacity_nbytes,
            stall_timeout_s=stall_timeout_s,
        )
        stores.append(store)
        wanted = Namespace(name, **settings)  # type: ignore[arg-type]
        shops.append(Shop(store, store.namespace(wanted)))
        return shops[-1]

    yield start
    reports = [store.check() for store in stores]
    while stores:
        close_store(stores.pop())
    shops.clear()
    for report in reports:
        assert report.ok, report.problems


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """The default namespace of a fresh store of 16 MiB."""
    return open_shop()
