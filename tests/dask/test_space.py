"""Where partitions find no place: what is raised, what stays, how it goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask.delayed import delayed
from distributed import Client

import gridcache.dask
from gridcache import GridCache
from gridcache.errors import NameNotFoundError, OutOfSpaceError, ValueTooLargeError
from gridcache.published.handle import close_all
from tests.dask.kit.notes import Log, noted

persist, load, release = (
    gridcache.dask.persist,
    gridcache.dask.load,
    gridcache.dask.release,
)

CAPACITY = 32 << 20
BLOCKS = 8
BLOCK = 2 << 20


@pytest.fixture
def small(store_dir: Path) -> Iterator[GridCache]:
    """A cache that nine blocks and a few more fit in."""
    with GridCache("dask", path=store_dir / "small", capacity=CAPACITY) as opened:
        yield opened
        close_all()


def _blocks(log: Log, number: float) -> Any:
    count = BLOCK // 8
    whole = da.full((BLOCKS, count), number, chunks=(1, count))
    numbers = whole + da.arange(BLOCKS, chunks=1)[:, None]
    return numbers.map_blocks(noted, str(log.path), meta=np.empty((0, 0)))


@pytest.mark.parametrize("scheduler", ["sync", "threads", "workers"])
def test_what_does_not_fit_is_not_published_and_goes_on_when_there_is_room(
    scheduler: str, small: GridCache, log: Log, request: pytest.FixtureRequest
) -> None:
    how: Any = scheduler
    if scheduler == "workers":
        how = request.getfixturevalue("workers")
    with dask.config.set(scheduler=how):
        persist(_blocks(log, 1.0), "one", cache=small)
        log.clear()
        with pytest.raises(
            OutOfSpaceError, match=r"of 8 partitions of 'two'.*release names"
        ) as full:
            persist(_blocks(log, 2.0), "two", cache=small)
        assert 0 < full.value.context["present"] < BLOCKS
        with pytest.raises(NameNotFoundError):
            load("two", cache=small)
        assert float(load("one", cache=small)[3, 0].compute()) == 4.0

        there = sum(key.startswith("part:two:") for key in small)
        release("one", cache=small)
        log.clear()
        kept = persist(_blocks(log, 2.0), "two", cache=small)
        assert log.count == BLOCKS - there
        assert float(kept[3, 0].compute()) == 5.0
    assert small.check().ok


def test_what_is_not_named_makes_room(small: GridCache, log: Log) -> None:
    for number in range(12):
        small[number] = bytes(BLOCK)
    persist(_blocks(log, 1.0), "one", cache=small, scheduler="sync")
    assert gridcache.dask.info("one", cache=small).complete


def test_a_partition_that_never_fits_says_so(small: GridCache) -> None:
    whole = da.zeros((2 * CAPACITY,), chunks=-1, dtype="u1")
    with pytest.raises(ValueTooLargeError):
        persist(whole, "it", cache=small, scheduler="sync")
    assert gridcache.dask.names(cache=small) == []


def test_what_has_no_encoded_form_says_so(small: GridCache, workers: Client) -> None:
    with pytest.raises(TypeError, match="generator"):
        persist(delayed(_generator)(3), "it", cache=small, scheduler=workers)


def _generator(count: int) -> Any:
    return (number for number in range(count))
