"""Fixtures: a store to spill into, and a buffer that does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed.spill import SpillBuffer

from gridcache import GridCache
from gridcache.dask.spill.buffer import insert, tiers_of
from gridcache.dask.spill.options import SpillOptions
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store

TARGET = 100_000


@pytest.fixture
def home(store_dir: Path) -> str:
    """Where a store of 64 MiB lies."""
    GridCache("dask", path=store_dir / "store", capacity="64MiB").close()
    return str(store_dir / "store")


@pytest.fixture
def store(home: str) -> Iterator[NodeStore]:
    """That store; nothing spilled is in it at the end."""
    store = open_store(Path(home))
    yield store
    report, left = store.check(), store.blocks.sizes()
    close_store(store)
    assert report.ok, report.problems
    assert not left.blocks


@pytest.fixture
def make_buffer(
    tmp_path: Path, home: str, store: NodeStore
) -> Iterator[Callable[..., SpillBuffer]]:
    """Makes spill buffers of a small target."""
    made: list[SpillBuffer] = []

    def make(*, spills: bool = True, **options: object) -> SpillBuffer:
        buffer = SpillBuffer(str(tmp_path / f"disk{len(made)}"), TARGET)
        made.append(buffer)
        if spills:
            insert(buffer, SpillOptions.read(path=home, **options), "test")
        return buffer

    yield make
    for buffer in made:
        tiers = tiers_of(buffer)
        if tiers is not None:
            tiers.end()


@pytest.fixture
def buffer(make_buffer: Callable[..., SpillBuffer]) -> SpillBuffer:
    """One that spills into the store."""
    return make_buffer()
