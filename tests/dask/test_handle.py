"""Addresses of caches, as tasks carry them."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from dask.base import tokenize
from distributed import Client

import gridcache.dask
from gridcache import GridCache
from gridcache.dask.address import handle_of
from gridcache.errors import ConfigError
from gridcache.published.handle import Handle, close_all
from tests.dask.kit.collections import array
from tests.dask.kit.notes import Log


def test_a_handle_names_a_cache_by_text_by_cache_or_by_default(
    cache: GridCache,
) -> None:
    assert handle_of(None) == Handle("dask")
    assert handle_of("mine") == Handle("mine")
    assert handle_of(cache) == Handle("dask", path=str(cache.path))
    assert handle_of(handle_of(cache)) is not None
    with pytest.raises(ConfigError, match="not a int"):
        handle_of(3)  # type: ignore[arg-type]


def test_it_travels_small_and_has_the_same_token_everywhere(cache: GridCache) -> None:
    handle = handle_of(cache)
    assert handle.cache.path == cache.path
    packed = pickle.dumps(handle)
    assert len(packed) < 300
    again = pickle.loads(packed)
    assert again == handle
    assert tokenize(again) == tokenize(handle) != tokenize(handle_of("other"))
    assert again.digest() == handle.digest()


def test_a_process_opens_it_once(cache: GridCache) -> None:
    first = handle_of(cache).cache
    assert handle_of(cache).cache is first
    assert handle_of(cache).renewed().cache is first
    close_all()
    second = handle_of(cache).cache
    assert second is not first
    second["key"] = 1
    assert cache["key"] == 1


@pytest.mark.parametrize("scheduler", ["sync", "workers"])
def test_a_store_that_was_removed_and_made_anew_is_found(
    scheduler: str, store_dir: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Workers and notebooks outlive it."""
    how: Any = scheduler
    if scheduler == "workers":
        how = request.getfixturevalue("workers")
    log, path = Log(tmp_path / "log"), store_dir / "store"
    for _ in range(2):
        with GridCache("dask", path=path, capacity="64MiB") as one:
            kept = gridcache.dask.persist(array(log), "it", cache=one, scheduler=how)
            assert float(kept.sum().compute(scheduler=how)) == 2016
            assert "name:it" in one
        shutil.rmtree(path)
    close_all()
    assert log.count == 8


def test_workers_find_what_was_published_after_their_store_was_removed(
    store_dir: Path, tmp_path: Path, processes: Client
) -> None:
    log, path = Log(tmp_path / "log"), store_dir / "store"
    for _ in range(2):
        with GridCache("dask", path=path, capacity="64MiB") as one:
            gridcache.dask.persist(array(log), "it", cache=one, scheduler="sync")
            kept = gridcache.dask.load("it", cache=one)
            assert float(kept.sum().compute()) == 2016
        shutil.rmtree(path)
    processes.run(close_all)
    close_all()
