"""Caches for tests: every store is verified when its test is over."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gridcache import GridCache
from tests.cache.elsewhere import Elsewhere

CAPACITY = "16MiB"
Make = Callable[..., GridCache]
Hire = Callable[..., Elsewhere]


@pytest.fixture(scope="module", autouse=True)
def libraries_are_no_garbage() -> None:
    """Each test collects twice: not again what pandas and its like have loaded."""
    gc.collect()
    gc.freeze()


def verify(path: Path) -> None:
    """Fail if the store there is damaged."""
    with GridCache(path=path) as witness:
        witness._values.store.tidy()  # what the killed left is reaped in a second
        report = witness.check()
    assert report.ok, report.problems


@pytest.fixture
def make(store_dir: Path) -> Iterator[Make]:
    """Open caches of one store in memory, of 16 MiB unless the first says otherwise."""
    path = store_dir / "store"
    made: list[GridCache] = []

    def start(name: str = "contract", **options: object) -> GridCache:
        if not path.exists():
            options.setdefault("capacity", CAPACITY)
        made.append(GridCache(name, path=path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    if path.exists():
        verify(path)
    for cache in made:
        cache.close()


@pytest.fixture
def memory(make: Make) -> GridCache:
    """A cache in memory."""
    return make()


@pytest.fixture(params=["memory", "disk"])
def cache(
    request: pytest.FixtureRequest, store_dir: Path, tmp_path: Path
) -> Iterator[GridCache]:
    """One cache in memory, one on disk: the same contract."""
    path = (store_dir if request.param == "memory" else tmp_path) / "store"
    with GridCache("contract", path=path, capacity=CAPACITY) as made:
        yield made
        verify(path)


@pytest.fixture
def hire() -> Iterator[Hire]:
    """Start processes with a cache of their own."""
    hired: list[Elsewhere] = []

    def start(path: Path, name: str = "contract") -> Elsewhere:
        hired.append(Elsewhere(path, name))
        return hired[-1]

    yield start
    for process in hired:
        process.__exit__()
