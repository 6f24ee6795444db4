"""Traces, and the exact LRU that eviction is judged by."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from hypothesis import given
from hypothesis import strategies as st

from gridcache.bench.scale import TINY
from gridcache.bench.traces import Trace, exact_lru, load_trace, made_trace


def trace_of(keys: Iterable[int], sizes: Iterable[int] | None = None) -> Trace:
    sized = None if sizes is None else np.fromiter(sizes, np.int64)
    return Trace("t", np.fromiter(keys, np.int64), sized)


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=80),
    st.integers(1, 12),
    st.booleans(),
)
def test_the_exact_lru_agrees_with_cachetools(
    keys: list[int], capacity: int, sized: bool
) -> None:
    sizes = [key % 4 + 1 for key in keys] if sized else None
    reference: LRUCache[int, int] = LRUCache(
        capacity, getsizeof=(lambda size: size) if sized else None
    )
    hits = 0
    for key in keys:
        size = key % 4 + 1
        if key in reference:
            hits += 1
            reference[key]
        elif not sized or size <= capacity:
            reference[key] = size
    assert exact_lru(trace_of(keys, sizes), capacity, 1) == hits / len(keys)


def test_a_made_trace_is_the_same_each_time_and_has_one_size_a_key() -> None:
    one, two = made_trace(TINY, 1), made_trace(TINY, 1)
    assert np.array_equal(one.keys, two.keys)
    assert one.sizes is not None
    assert (
        len({*zip(one.keys.tolist(), one.sizes.tolist(), strict=True)}) == one.uniques
    )
    assert not np.array_equal(one.keys, made_trace(TINY, 2).keys)


def test_a_file_is_cut_and_its_sizes_are_scaled_to_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "huge.npz"
    np.savez(path, keys=np.arange(10), sizes=np.full(10, 1 << 40))
    trace = load_trace(path, most=4)
    assert trace.name == "huge"
    assert len(trace) == 4
    assert 0 < trace.footprint <= 1 << 29


def test_a_file_without_sizes_is_a_trace_without_sizes(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", keys=np.array([1, 2, 1]))
    trace = load_trace(tmp_path / "plain.npz", most=10)
    assert trace.sizes is None
    assert (trace.uniques, trace.footprint) == (2, 0)
