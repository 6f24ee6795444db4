"""What collections hold at the edges: nothing, unknown sizes, unusual types."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.delayed import delayed

import gridcache.dask
from gridcache import GridCache
from tests.dask.kit.collections import array, assert_same, described
from tests.dask.kit.notes import Log, noted


def _frame() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3, 4],
            "c": pd.Categorical(list("abab"), categories=list("cba"), ordered=True),
            "t": pd.to_datetime(["2020-01-01"] * 4).tz_localize("Europe/Berlin"),
            "s": ["x", None, "", "yy"],
            "l": pd.Series([[1], [], None, [2, 3]], dtype=object),
            "i": pd.array([1, None, 3, 4], dtype="Int64"),
        },
        index=pd.Index([1.5, 2.5, 3.5, 4.5], name="at"),
    )
    frame.attrs = {"from": ["here"]}
    return frame


def _unknown_categories() -> Any:
    frame = dd.from_pandas(_frame().drop(columns="l"), npartitions=2)
    return frame.assign(c=frame["c"].astype(object).astype("category"))


def _filtered() -> Any:
    numbers = da.arange(10, chunks=3)
    return numbers[numbers > 5]


def _mostly_empty() -> Any:
    frame = dd.from_pandas(_frame(), npartitions=4)
    return frame[frame["n"] > 3]


def _records() -> np.ndarray[Any, Any]:
    return np.zeros(4, dtype=[("a", "i4"), ("b", "S3", (2,))])


def _keywords(first: int, *, more: dict[str, Any]) -> Any:
    return first, more["list"], more["inner"]["x"]


def _nested() -> Any:
    one, two = delayed(int)(1), delayed(str)(2)
    return delayed(_keywords)(one, more={"list": [two, (one,)], "inner": {"x": two}})


ODD: dict[str, Callable[[], Any]] = {
    "unknown chunks": _filtered,
    "no elements": lambda: da.zeros((0, 3), chunks=(0, 3)),
    "an empty chunk": lambda: da.from_array(np.arange(5), chunks=((2, 0, 3),)),
    "no dimensions": lambda: da.from_array(np.float32(3)),
    "objects": lambda: da.from_array(np.array([1, "a", None, (2,)], dtype=object), 2),
    "texts": lambda: da.from_array(np.array(["a", "bcd", ""]), 2),
    "times": lambda: da.from_array(np.array(["2020-01-01", "NaT"], "M8[D]"), 1),
    "records": lambda: da.from_array(_records(), chunks=2),
    "Fortran order": lambda: da.from_array(np.asfortranarray(np.eye(4) * 2), 2),
    "broadcast": lambda: da.broadcast_to(da.arange(3, chunks=2), (4, 3)),
    "all types": lambda: dd.from_pandas(_frame(), npartitions=2),
    "unsorted": lambda: dd.from_pandas(_frame(), npartitions=2, sort=False),
    "empty partitions": _mostly_empty,
    "no columns": lambda: dd.from_pandas(_frame()[[]], npartitions=2),
    "column names": lambda: dd.from_pandas(
        pd.DataFrame(np.eye(3), columns=pd.MultiIndex.from_product([["a"], [1, 2, 3]])),
        npartitions=2,
    ),
    "unknown categories": _unknown_categories,
    "a sorted shuffle": lambda: dd.from_pandas(
        pd.DataFrame({"a": [3, 1, 2, 0], "b": range(4)}), npartitions=2
    ).set_index("a", npartitions=2, divisions=[0, 2, 3]),
    "a bag of None": lambda: db.from_sequence([None, None, 1], npartitions=2),
    "a bag of iterators": lambda: db.from_sequence(
        [3, 4], npartitions=2
    ).map_partitions(iter),
    "no value": lambda: delayed(print)(end=""),
    "nested keywords": _nested,
    "a tuple for a key": lambda: delayed(int)(3, dask_key_name=("three", 1)),
    "a value": lambda: delayed([1, {"a": 2}]),
}


@pytest.mark.parametrize("what", ODD)
def test_it_comes_back_as_it_was(what: str, cache: GridCache) -> None:
    collection = ODD[what]()
    kept = gridcache.dask.persist(collection, "it", cache=cache, scheduler="sync")
    loaded = gridcache.dask.load("it", cache=cache)
    for one in (kept, loaded):
        assert described(one) == described(collection)
        assert_same(one.compute(scheduler="sync"), collection.compute(scheduler="sync"))


@pytest.mark.parametrize("what", ODD)
def test_it_is_kept_as_it_was_once_computed(what: str, cache: GridCache) -> None:
    collection = ODD[what]()
    for _ in range(2):
        kept = gridcache.dask.cache(ODD[what](), cache=cache)
        assert described(kept) == described(collection)
        assert_same(
            kept.compute(scheduler="sync"), collection.compute(scheduler="sync")
        )


def test_a_collection_of_one_chunk_many_times_holds_it_once(
    cache: GridCache, tmp_path: Path
) -> None:
    log = Log(tmp_path / "log")
    ones = da.ones((8, 8), chunks=4).map_blocks(
        noted, str(log.path), dtype=float, meta=np.empty((0, 0))
    )
    kept = gridcache.dask.persist(ones, "ones", cache=cache)
    assert log.count == 1
    assert float(kept.sum().compute()) == 64
    assert gridcache.dask.info("ones", cache=cache).nbytes == 16 * 8


def test_what_draws_lots_is_not_taken_for_one_draw(cache: GridCache) -> None:
    draws = [delayed(np.random.default_rng)() for _ in range(4)]
    drawn = [delayed(np.random.Generator.random)(one, 3) for one in draws]
    both = da.concatenate([da.from_delayed(one, (3,), float) for one in drawn])
    kept = gridcache.dask.persist(both, "lots", cache=cache).compute()
    assert len(set(kept.tolist())) == 12
    again = gridcache.dask.persist(both, "lots", cache=cache).compute()
    np.testing.assert_array_equal(again, kept)


def test_what_is_published_of_a_large_graph_is_small(
    cache: GridCache, tmp_path: Path
) -> None:
    large = da.from_array(np.zeros((4, 1 << 18)), chunks=(1, 1 << 18)).sum(axis=1)
    gridcache.dask.persist(large, "sums", cache=cache)
    found = cache.info("name:sums")
    assert found is not None
    assert found.stored_nbytes < 4096
    assert array(Log(tmp_path / "log")).nbytes
