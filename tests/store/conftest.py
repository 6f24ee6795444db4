"""Stores for tests: each verified and closed at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.shop import Shop

CAPACITY = 16 << 20


@pytest.fixture
def open_shop(store_dir: Path) -> Iterator[Callable[..., Shop]]:
    """Open stores; the checks of the last one must pass when the test is over.

    The function takes a capacity, a directory name, a stall time and settings
    of the namespace.
    """
    opened: list[Shop] = []

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
        wanted = Namespace(name, **settings)  # type: ignore[arg-type]
        opened.append(Shop(store, store.namespace(wanted)))
        return opened[-1]

    yield start
    reports = [shop.store.check() for shop in opened]
    for shop in opened:
        close_store(shop.store)
        shop.forget()
    for report in reports:
        assert report.ok, report.problems


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """The default namespace of a fresh store of 16 MiB."""
    return open_shop()
