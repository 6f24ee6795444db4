"""What a name stands for, from when it is published until it is released."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import numpy as np
import pytest
import xarray as xr
from dask.delayed import delayed

import gridcache.dask
from gridcache import GridCache
from gridcache.errors import (
    CacheWarning,
    ConfigError,
    NameInUseError,
    NameNotFoundError,
    StoreFormatError,
)
from tests.dask.kit.collections import array, assert_same
from tests.dask.kit.notes import Log, noted

persist, load, release = (
    gridcache.dask.persist,
    gridcache.dask.load,
    gridcache.dask.release,
)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Bags would start processes."""
    with dask.config.set(scheduler="threads"):
        yield


def _texts(cache: GridCache) -> list[str]:
    return sorted(map(str, cache))


def _other(log: Log) -> Any:
    return array(log) + 1


def _fails(block: Any) -> Any:
    message = "the user's"
    raise ZeroDivisionError(message, block.shape)


# -- the same name for something else ---------------------------------------------


def test_another_graph_is_refused_before_anything_is_computed(
    cache: GridCache, log: Log
) -> None:
    wanted = persist(array(log), "it", cache=cache).compute()
    before, computed = _texts(cache), log.count
    with pytest.raises(NameInUseError, match=r"overwrite=True.*release\('it'\)") as no:
        persist(_other(log), "it", cache=cache)
    assert "Array (8, 8) float64" in str(no.value)
    assert (_texts(cache), log.count) == (before, computed)
    assert_same(load("it", cache=cache).compute(), wanted)


def test_another_version_is_refused_and_so_is_none(cache: GridCache, log: Log) -> None:
    persist(array(log), "it", cache=cache, version="2")
    with pytest.raises(NameInUseError, match="version='2', not '3'"):
        persist(array(log), "it", cache=cache, version="3")
    with pytest.raises(NameInUseError, match="version='2', not None"):
        persist(array(log), "it", cache=cache)
    log.clear()
    persist(array(log), "it", cache=cache, version="2")
    assert log.count == 0


def test_other_chunks_names_and_coordinates_of_equal_data_are_refused(
    cache: GridCache,
) -> None:
    ones = da.ones((4, 4), chunks=2)
    persist(ones, "array", cache=cache)
    with pytest.raises(NameInUseError):
        persist(da.ones((2, 8), chunks=2), "array", cache=cache)

    labelled = xr.DataArray(ones, dims=("x", "y"), coords={"x": [1, 2, 3, 4]})
    persist(labelled, "labelled", cache=cache)
    for other in (
        labelled.assign_coords(x=[5, 6, 7, 8]),
        labelled.rename("n"),
        labelled.rename(y="z"),
        labelled.assign_attrs(unit="m"),
        labelled.to_dataset(name="n"),
    ):
        with pytest.raises(NameInUseError):
            persist(other, "labelled", cache=cache)


@pytest.mark.parametrize("cure", ["overwrite", "release", "other name"])
def test_each_cure_that_the_error_names_works(
    cure: str, cache: GridCache, log: Log
) -> None:
    persist(array(log), "it", cache=cache)
    if cure == "release":
        release("it", cache=cache)
    name = "other" if cure == "other name" else "it"
    persist(_other(log), name, cache=cache, overwrite=cure == "overwrite")
    wanted = _other(log).compute()
    assert_same(load(name, cache=cache).compute(), wanted)


# -- overwriting -------------------------------------------------------------------


def test_overwriting_drops_what_was_there(cache: GridCache, log: Log) -> None:
    persist(array(log), "it", cache=cache)
    before = set(_texts(cache))
    persist(_other(log), "it", cache=cache, overwrite=True)
    after = set(_texts(cache))
    assert len(after) == len(before)
    assert before & after == {"name:it"}


def test_overwriting_that_fails_leaves_the_old_one_whole(
    cache: GridCache, log: Log
) -> None:
    wanted = persist(array(log), "it", cache=cache).compute()
    broken = _other(log).map_blocks(_fails, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(ZeroDivisionError, match="the user's"):
        persist(broken, "it", cache=cache, overwrite=True)
    assert_same(load("it", cache=cache).compute(), wanted)
    assert gridcache.dask.info("it", cache=cache).complete


def test_overwriting_with_the_same_computes_nothing(cache: GridCache, log: Log) -> None:
    persist(array(log), "it", cache=cache)
    log.clear()
    persist(array(log), "it", cache=cache, overwrite=True)
    assert log.count == 0


# -- runs that break off -------------------------------------------------------------


def test_of_eight_partitions_the_three_that_are_gone_are_computed(
    cache: GridCache, log: Log
) -> None:
    items = db.from_sequence(range(8), npartitions=8)
    items = items.map_partitions(noted, str(log.path))
    persist(items, "it", cache=cache)
    gone = [text for text in _texts(cache) if text.startswith("part:it:")][2:5]
    assert cache.delete_many(gone) == 3
    assert gridcache.dask.info("it", cache=cache).present == 5
    log.clear()
    again = persist(items, "it", cache=cache)
    assert log.count == 3
    assert again.compute() == list(range(8))


def _half_done(cache: GridCache, log: Log, fixed: Path) -> Any:
    """Persist eight partitions, of which the fourth fails until a file is there."""
    items = db.from_sequence(range(8), npartitions=8)
    items = items.map_partitions(_at_most, 3, str(log.path), str(fixed))
    with pytest.raises(ZeroDivisionError, match="the user's"):
        persist(items, "it", cache=cache, scheduler="sync")
    return items


def _at_most(part: Any, count: int, log: str, fixed: str) -> Any:
    if Path(log).stat().st_size == count and not Path(fixed).exists():
        _fails(np.empty(1))
    return noted(list(part), log)


def test_a_run_that_failed_half_way_goes_on_where_it_stopped(
    cache: GridCache, log: Log, tmp_path: Path
) -> None:
    items = _half_done(cache, log, tmp_path / "fixed")
    assert gridcache.dask.names(cache=cache) == []
    with pytest.raises(NameNotFoundError):
        load("it", cache=cache)
    there = len(_texts(cache))
    assert there > 0

    (tmp_path / "fixed").touch()
    log.clear()
    persist(items, "it", cache=cache, scheduler="sync")
    assert log.count == 8 - there
    assert load("it", cache=cache).compute() == list(range(8))


def test_what_an_unfinished_run_left_can_be_released(
    cache: GridCache, log: Log, tmp_path: Path
) -> None:
    _half_done(cache, log, tmp_path / "never")
    assert _texts(cache)
    assert release("it", cache=cache) > 0
    assert _texts(cache) == []


def test_what_another_run_left_goes_when_the_name_is_published(
    cache: GridCache, log: Log, tmp_path: Path
) -> None:
    _half_done(cache, log, tmp_path / "never")
    persist(array(log), "it", cache=cache)
    assert len(_texts(cache)) == 1 + 4


# -- releasing and looking -----------------------------------------------------------


def test_released_names_leave_nothing(cache: GridCache, log: Log) -> None:
    persist(array(log), "it", cache=cache)
    persist(_other(log), "it:too", cache=cache)
    assert gridcache.dask.names(cache=cache) == ["it", "it:too"]
    taken = gridcache.dask.info("it", cache=cache).nbytes
    assert release("it", cache=cache) == taken == 64 * 8
    assert load("it:too", cache=cache).compute().shape == (8, 8)
    release("it:too", cache=cache)
    assert _texts(cache) == []
    assert cache.check().ok


def test_a_name_that_is_not_there_is_told_with_those_that_look_alike(
    cache: GridCache, log: Log
) -> None:
    persist(array(log), "clean", cache=cache)
    for look in (load, release, gridcache.dask.info):
        with pytest.raises(NameNotFoundError, match="there is 'clean'"):
            look("claen", cache=cache)
    with pytest.raises(KeyError):
        load("nothing", cache=cache)


def test_what_was_loaded_of_a_released_name_says_what_to_do(
    cache: GridCache, log: Log
) -> None:
    loaded = persist(array(log), "it", cache=cache)
    release("it", cache=cache)
    with pytest.raises(KeyError, match=r"'it'.*deleted.*persist\(collection, name\)"):
        loaded.compute()


def test_a_name_is_told_in_words_and_numbers(cache: GridCache, log: Log) -> None:
    persist(array(log), "it", cache=cache, version="7", ttl="1h")
    found = gridcache.dask.info("it", cache=cache)
    assert str(found) == "it: Array (8, 8) float64, 4 partitions, 512 B, version 7"
    assert found.expires_s == found.created_s + 3600
    assert sum(found.nodes.values()) == found.nbytes
    assert "<b>it</b>" in found._repr_html_()
    cache.delete_many(_texts(cache)[1:2])
    assert "3 of them there" in str(gridcache.dask.info("it", cache=cache))


class Opaque:
    """Has no identity that lasts, and a token that Dask draws by lot."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def _with(_: Opaque, value: Any, log: str) -> Any:
    return noted(value, log)


def test_a_version_vouches_for_inputs_without_an_identity(
    cache: GridCache, log: Log
) -> None:
    def made(value: int) -> Any:
        return delayed(_with)(Opaque(), value, str(log.path))

    for _ in range(2):
        persist(made(1), "it", cache=cache, version="of today")
    assert log.count == 1
    with pytest.raises(NameInUseError):
        persist(made(2), "it", cache=cache, version="of today")
    with pytest.warns(CacheWarning, match="Say what the data are with version="):
        persist(made(1), "too", cache=cache)


def test_what_has_no_shape_is_told_without(cache: GridCache) -> None:
    persist(delayed(int)(3), "it", cache=cache)
    said = str(gridcache.dask.info("it", cache=cache))
    assert said.startswith("it: Delayed, 1 partition, ")
    with pytest.raises(NameInUseError, match=r"computation \(Delayed\)"):
        persist(delayed(int)(4), "it", cache=cache)


def test_without_a_name_it_has_one_made_of_what_it_computes(
    cache: GridCache, log: Log
) -> None:
    persist(array(log), cache=cache)
    persist(array(log), cache=cache)
    (name,) = gridcache.dask.names(cache=cache)
    assert name.startswith("array-")
    assert log.count == 4


def test_partitions_that_are_there_live_as_long_as_was_asked_last(
    cache: GridCache, log: Log
) -> None:
    def lives_s() -> list[float]:
        found = [cache.info(text) for text in _texts(cache)]
        return [
            one.expires - one.created if one and one.expires else 0 for one in found
        ]

    persist(array(log), "it", cache=cache, ttl=1000)
    assert lives_s() == pytest.approx([1000] * 5, abs=1)
    persist(array(log), "it", cache=cache, ttl="1h")
    assert lives_s() == pytest.approx([3600] * 5, abs=60)
    persist(array(log), "it", cache=cache)
    day_s = 86400
    assert all(not life_s or life_s > 1000 * day_s for life_s in lives_s())
    assert log.count == 4


# -- what cannot be --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 301, 7, b"it"])
def test_bad_names_are_refused(name: Any, cache: GridCache, log: Log) -> None:
    with pytest.raises(ConfigError, match="a name is a text"):
        persist(array(log), name, cache=cache)
    with pytest.raises(ConfigError, match="a name is a text"):
        load(name, cache=cache)


@pytest.mark.parametrize("value", [np.ones(3), [1, 2], None, "text"])
def test_what_is_no_collection_is_refused(value: Any, cache: GridCache) -> None:
    for keep in (persist, gridcache.dask.cache):
        with pytest.raises(ConfigError, match="is no Dask collection"):
            keep(value, cache=cache)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"replicas": 2}, "needs a grid; start one: grid up"),
        ({"replicas": 3}, "replicas is 1 or 2"),
        ({"version": 3}, "version is a text"),
        ({"ttl": -1}, "-1 is no duration"),
        ({"cache": 7}, "cache= is a GridCache or the name of one"),
        ({"scheduler": "no such"}, None),
    ],
)
def test_bad_options_are_refused_before_anything_is_computed(
    options: dict[str, Any], match: str | None, cache: GridCache, log: Log
) -> None:
    with pytest.raises(ValueError, match=match):
        persist(array(log), "it", **{"cache": cache, **options})
    assert log.count == 0
    assert _texts(cache) == []


def test_a_cache_without_pickle_is_refused_before_anything_is_computed(
    store_dir: Path, log: Log
) -> None:
    with (
        GridCache("safe", path=store_dir / "s", allow_pickle=False) as safe,
        pytest.raises(ConfigError, match="allow_pickle=False"),
    ):
        persist(array(log), "it", cache=safe)
    assert log.count == 0


def test_what_a_newer_version_published_is_not_misread(
    cache: GridCache, log: Log
) -> None:
    persist(array(log), "it", cache=cache)
    cache["name:it"] = {**cache["name:it"], "format": 99, "added": 1}
    for look in (load, gridcache.dask.info):
        with pytest.raises(StoreFormatError, match="format 99, this one reads 1"):
            look("it", cache=cache)
    with pytest.raises(StoreFormatError):
        persist(array(log), "it", cache=cache)
    assert release("it", cache=cache) == 64 * 8
    assert _texts(cache) == []
