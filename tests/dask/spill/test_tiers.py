"""A spill buffer with memory between RAM and disk: what it promises to Dask."""

import gc
import logging
import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed.spill import SpillBuffer
from zict.tests import utils_test

from gridcache import GridCache
from gridcache.dask.spill.buffer import (
    GridSpillBuffer,
    insert,
    take_out,
    tiers_of,
)
from gridcache.dask.spill.figures import figures_of
from gridcache.dask.spill.options import SpillOptions
from gridcache.dask.spill.tiers import Tiers
from gridcache.errors import ConfigError
from gridcache.store.node_store import NodeStore

MakeBuffer = Callable[..., SpillBuffer]


def array(number: int = 0, nbytes: int = 60_000) -> Any:
    return np.arange(number, number + nbytes // 8, dtype=np.float64)


def tiers(buffer: SpillBuffer) -> Tiers:
    found = tiers_of(buffer)
    assert found is not None
    return found


def fill(buffer: SpillBuffer, count: int = 4, **more: Any) -> None:
    for number in range(count):
        buffer[f"key{number}"] = array(number, **more)


def check(buffer: SpillBuffer, count: int = 4) -> None:
    for number in range(count):
        found: Any = buffer[f"key{number}"]
        assert found[0] == number
        assert found[-1] == found[0] + len(found) - 1


def assert_sums(buffer: SpillBuffer) -> None:
    """All figures say the same."""
    weights = tiers(buffer).weight_by_key
    assert sum(one.memory for one in weights.values()) == buffer.spilled_total.memory
    assert sum(one.disk for one in weights.values()) == buffer.spilled_total.disk
    figures = figures_of(buffer)
    stored = figures.grid_own_bytes + figures.grid_others_bytes + figures.disk_bytes
    assert stored == buffer.spilled_total.disk
    assert figures.memory_count == len(buffer.fast)
    counts = figures.grid_own_count + figures.grid_others_count + figures.disk_count
    assert counts == len(buffer.slow) == len(weights)


# -- zict's own checks ---------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "check_mapping",
        "check_different_keys_threadsafe",
        "check_same_key_threadsafe",
    ],
)
def test_it_is_a_mapping_as_zict_checks_it(buffer: SpillBuffer, name: str) -> None:
    checked = tiers(buffer)
    getattr(utils_test, name)(checked)
    assert not list(tiers(buffer).disk)
    checked.clear()


# -- values ----------------------------------------------------------------------


def test_values_come_back_and_leave_no_block(
    buffer: SpillBuffer, store: NodeStore
) -> None:
    fill(buffer)
    assert store.blocks.sizes().blocks == len(buffer.slow) == 3
    assert_sums(buffer)
    check(buffer)
    assert_sums(buffer)
    for key in list(buffer):
        del buffer[key]
    assert_sums(buffer)
    assert store.blocks.sizes().blocks == 0
    assert buffer.spilled_total == (0, 0)


VALUES = {
    "bytes": b"",
    "none": None,
    "dict": {"a": [1, 2, {3}]},
    "text": "text" * 50_000,
    "empty": np.zeros((0, 5)),
    "scalar": np.float32(1.5),
    "fortran": np.asfortranarray(np.arange(60_000.0).reshape(200, 300)),
    "objects": np.array(["a", None, 1], dtype=object),
    "masked": np.ma.masked_less(np.arange(9), 3),
    "frame": pd.DataFrame({"a": range(5000), "b": ["x"] * 5000, "c": [1.5] * 5000}),
    "series": pd.Series(["one", None, "three"]),
}


@pytest.mark.parametrize("name", VALUES)
def test_any_value_comes_back_equal(buffer: SpillBuffer, name: str) -> None:
    checked, value = tiers(buffer), VALUES[name]
    checked["key"] = value
    found = checked["key"]
    assert type(found) is type(value)
    if isinstance(value, pd.DataFrame | pd.Series):
        assert found.equals(value)
    else:
        np.testing.assert_array_equal(found, value)
    del checked["key"]


@pytest.mark.parametrize("nbytes", [8, 3000, 1_000_000])
def test_an_array_comes_back_writable_and_aligned_in_fresh_memory(
    buffer: SpillBuffer, nbytes: int
) -> None:
    checked, value = tiers(buffer), array(7, nbytes)
    checked["key"] = value
    found, again = checked["key"], checked["key"]
    assert found.flags.writeable
    assert found.flags.aligned
    assert found.ctypes.data % 64 == 0
    found[:] = 0
    np.testing.assert_array_equal(again, value)
    del checked["key"]


def test_a_value_in_use_is_not_read_a_second_time(buffer: SpillBuffer) -> None:
    fill(buffer)
    value = buffer.fast["key3"]
    while buffer.fast:
        buffer.evict()
    assert "key3" in tiers(buffer)
    assert buffer["key3"] is value


def test_keys_of_any_kind_are_kept_apart(buffer: SpillBuffer) -> None:
    checked = tiers(buffer)
    keys: list[Hashable] = ["1", 1, ("x", 0, 1), b"1", 1.5, None]
    for number, key in enumerate(keys):
        checked[key] = number
    assert [checked[key] for key in keys] == list(range(len(keys)))
    checked.clear()


def test_a_value_larger_than_the_target_goes_straight_to_memory(
    buffer: SpillBuffer, store: NodeStore
) -> None:
    buffer["large"] = array(nbytes=1_000_000)
    assert list(buffer.slow) == ["large"]
    assert store.blocks.sizes().size_nbytes > 1_000_000
    assert not list(tiers(buffer).disk)


# -- limits ---------------------------------------------------------------------


def test_what_is_over_the_limit_goes_to_disk(make_buffer: MakeBuffer) -> None:
    buffer = make_buffer(max_bytes="150 kB")
    fill(buffer, 8)
    figures = figures_of(buffer)
    assert figures.grid_own_count == 2
    assert figures.disk_count == figures.fell == 5
    assert_sums(buffer)
    check(buffer, 8)
    assert_sums(buffer)


def test_room_that_was_freed_is_used_again(make_buffer: MakeBuffer) -> None:
    buffer = make_buffer(max_bytes="150 kB")
    fill(buffer, 8)
    for number in range(8):
        del buffer[f"key{number}"]
    fill(buffer, 3)
    assert figures_of(buffer).grid_own_count == 2


def test_without_disk_it_stays_in_ram_and_evict_says_so(
    make_buffer: MakeBuffer, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = make_buffer(max_bytes="70 kB", disk=False)
    fill(buffer, 4)
    assert len(buffer.slow) == 1
    assert len(buffer.fast) == 3
    assert buffer.evict() == -1
    assert not list(tiers(buffer).disk)
    assert "capacity" in caplog.text
    del buffer["key3"]
    check(buffer, 3)


def test_a_store_that_is_full_of_entries_gives_them_up(
    buffer: SpillBuffer, home: str, store: NodeStore
) -> None:
    with GridCache("entries", path=home) as cache:
        for number in range(100):
            cache[number] = os.urandom(1_000_000)
        fill(buffer, 20, nbytes=1_000_000)
        assert figures_of(buffer).fell == 0
        check(buffer, 20)
        assert 0 < len(cache) < 60


# -- what cannot be pickled ------------------------------------------------------


class Bad:
    """Cannot be pickled."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    def __sizeof__(self) -> int:
        return self.nbytes

    def __getstate__(self) -> object:
        message = "never"
        raise RuntimeError(message)


def test_what_cannot_be_pickled_stays_in_ram(
    buffer: SpillBuffer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "distributed"):
        buffer["bad"] = bad = Bad(60_000)
        buffer["good"] = array()
    assert buffer["bad"] is bad
    assert set(buffer.fast) == {"bad", "good"}
    assert buffer.evict() in {-1, array().nbytes}
    with pytest.raises(TypeError, match="Failed to pickle 'larger'"):
        buffer["larger"] = Bad(200_000)
    assert "larger" not in buffer


# -- hot ---------------------------------------------------------------------------


def test_what_is_on_disk_stays_readable_when_memory_is_put_before_it(
    make_buffer: MakeBuffer, home: str
) -> None:
    buffer = make_buffer(spills=False)
    fill(buffer, 4)
    before = buffer.spilled_total
    insert(buffer, SpillOptions(path=home), "test")
    assert buffer.spilled_total == before
    assert figures_of(buffer).disk_count == 3
    buffer["more"] = array(9)
    assert_sums(buffer)
    check(buffer, 4)
    assert figures_of(buffer).disk_count == 0
    assert_sums(buffer)


def test_taken_out_it_serves_what_it_has_until_that_is_gone(
    buffer: SpillBuffer, store: NodeStore
) -> None:
    fill(buffer, 4)
    take_out(buffer)
    assert figures_of(buffer).grid_own_count == 3
    buffer["later"] = array(5)
    assert figures_of(buffer).disk_count == 1
    check(buffer, 4)
    assert figures_of(buffer).grid_own_count == 0
    assert store.blocks.sizes().blocks == 0
    assert_sums(buffer)
    take_out(buffer)
    assert tiers_of(buffer) is None
    check(buffer, 4)


def test_put_in_again_it_counts_on_with_what_it_had(
    make_buffer: MakeBuffer, home: str
) -> None:
    buffer = make_buffer()
    fill(buffer, 4)
    first = tiers(buffer).memory
    take_out(buffer)
    insert(buffer, SpillOptions(path=home), "test")
    assert tiers(buffer).memory is first
    insert(buffer, SpillOptions(path=home, max_bytes=70_000), "test")
    assert tiers(buffer).memory is not first
    check(buffer, 4)
    assert first not in tiers(buffer).memories
    assert_sums(buffer)


# -- the other way in, and the end ---------------------------------------------------


def test_a_worker_is_given_one_by_class(
    tmp_path: Path, home: str, store: NodeStore
) -> None:
    buffer = GridSpillBuffer(str(tmp_path), "100kB", path=home, max_bytes="10MB")
    fill(buffer)
    assert store.blocks.sizes().blocks == 3
    check(buffer)
    tiers(buffer).end()
    tiers(buffer).end()
    assert store.blocks.sizes().blocks == 0


@pytest.mark.parametrize("closes", [True, False])
def test_closed_or_dropped_without_a_word_it_frees_its_blocks_aside(
    tmp_path: Path, home: str, store: NodeStore, closes: bool
) -> None:
    buffer = GridSpillBuffer(str(tmp_path), "100kB", path=home)
    fill(buffer)
    if closes:
        buffer.close()
    del buffer
    gc.collect()
    ends = [one for one in threading.enumerate() if one.name == "gridcache-spill-end"]
    for thread in ends:
        thread.join(20.0)
    assert not store.blocks.sizes().blocks


def test_collected_inside_a_transaction_it_waits_for_nothing(
    tmp_path: Path, home: str, store: NodeStore
) -> None:
    kept = [GridSpillBuffer(str(tmp_path), "100kB", path=home)]
    fill(kept[0])

    def work(_txn: object) -> None:
        kept.clear()
        gc.collect()

    store.transact(work)
    assert not kept
    for thread in threading.enumerate():
        if thread.name == "gridcache-spill-end":
            thread.join(20.0)
    assert not store.blocks.sizes().blocks


@pytest.mark.parametrize(
    ("option", "value"), [("max_byte", 1), ("max_bytes", "many"), ("disk_", True)]
)
def test_options_that_are_none_are_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError):
        SpillOptions.read(**{option: value})


def test_options_are_read_as_people_write_them() -> None:
    read = SpillOptions.read(**{"max-bytes": "1 MiB", "path": Path("/x")})
    assert read == SpillOptions(max_bytes=1 << 20, path="/x")
