"""What is found again, what is not, what is kept, and what may go wrong."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask.base import compute
from dask.delayed import delayed
from dask.local import get_sync

from gridcache import CacheWarning, GridCache, KeyNotFoundError
from gridcache.dask import cached
from gridcache.dask.opportunistic.admission import Admission
from tests.dask.identity.kit import load
from tests.dask.kit.notes import Log, noted
from tests.dask.opportunistic.kit import ALL

BIG = 1 << 20
SLOW_S = 0.03


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    with dask.config.set(scheduler="threads"):
        yield


def call(function: Any, *args: Any) -> Any:
    return delayed(function, pure=True)(*args)


def keys(cache: GridCache) -> list[str]:
    return list(cache.keys("auto:"))


def slow_and_big(log: str) -> Any:
    """More bytes than its seconds are worth."""
    time.sleep(SLOW_S)
    return noted(np.zeros(BIG), log)


def small(value: Any) -> int:
    return int(value.size)


def slow(log: str) -> int:
    time.sleep(SLOW_S)
    return int(noted(1, log))


def nap(seconds: float, number: int) -> int:
    time.sleep(seconds)
    return number


class Gated:
    """Can be read as long as a file is there."""

    def __init__(self, gate: str) -> None:
        self.gate = gate

    def __reduce__(self) -> Any:
        return gated, (self.gate,)


def gated(gate: str) -> Gated:
    Path(gate).stat()
    return Gated(gate)


def plus(value: int, more: int) -> int:
    return value + more


class TestFound:
    """Which results are taken for which."""

    def test_another_salt_finds_nothing(self, cache: GridCache, log: Log) -> None:
        for salt in ("a", "b", "a"):
            with cached(cache, salt=salt, **ALL):
                call(noted, 1, str(log.path)).compute()
        assert log.count == 2

    def test_an_edited_function_is_another(self, cache: GridCache) -> None:
        for number in (1, 2):
            source = f"def f(x):\n    return x + {number}"
            with cached(cache, **ALL) as stats:
                assert call(load(source).f, 1).compute() == 1 + number
            assert stats.hits == 0

    def test_a_matrix_is_not_its_transpose(self, cache: GridCache) -> None:
        matrix = np.arange(4.0).reshape(2, 2)
        for one, corner in ((matrix, 1.0), (matrix.T, 2.0)):
            with cached(cache, **ALL):
                assert call(lambda m: float(m[0, 1]), one).compute() == corner

    def test_what_dask_calls_impure_is_computed_each_time(
        self, cache: GridCache, log: Log
    ) -> None:
        for _ in range(2):
            with cached(cache, **ALL) as stats:
                delayed(noted)(1, str(log.path)).compute()
        assert log.count == 2
        assert stats.hits == stats.misses == 0
        assert keys(cache) == []

    def test_another_expression_shares_what_it_has_in_common(
        self, cache: GridCache, log: Log
    ) -> None:
        common = call(noted, 3, str(log.path))
        with cached(cache, **ALL):
            assert call(plus, common, 1).compute() == 4
        with cached(cache, **ALL) as stats:
            assert call(plus, common, 2).compute() == 5
        assert log.count == 1
        assert (stats.hits, stats.misses) == (1, 1)

    def test_a_result_may_be_written_into_though_it_was_read(
        self, cache: GridCache
    ) -> None:
        whole = da.ones(BIG, chunks=BIG) + 1
        for _ in range(2):
            with cached(cache, **ALL) as stats:
                found = whole.compute()
            found[0] = 7
        assert stats.hits == 1

    def test_what_cannot_be_read_here_is_computed(
        self, cache: GridCache, tmp_path: Path, log: Log
    ) -> None:
        gate = tmp_path / "gate"
        made = call(lambda gate, log: noted(Gated(gate), log), str(gate), str(log.path))
        gate.touch()
        with cached(cache, **ALL):
            made.compute()
            gate.unlink()  # as in a process that has not what a value needs
            assert isinstance(made.compute(), Gated)
            gate.touch()
            assert isinstance(made.compute(), Gated)
        assert log.count == 2


class TestKept:
    """What is worth its bytes."""

    def test_what_is_cheap_is_not_kept(self, cache: GridCache) -> None:
        with cached(cache, min_seconds=1.0) as stats:
            da.ones((100, 100), chunks=10).sum().compute()
        assert stats.stored == 0
        assert keys(cache) == []

    def test_bytes_count_as_well_as_seconds(self) -> None:
        admission = Admission(min_seconds=0.01, min_seconds_per_byte=1e-6)
        assert not admission.admits(b"", 0.009)
        assert admission.admits(b"x" * 1000, 0.01)
        assert not admission.admits(np.zeros(BIG), 1.0)
        assert admission.admits(np.zeros(BIG), 9.0)

    def test_what_is_small_is_kept_for_the_large_it_was_made_of(
        self, cache: GridCache, log: Log
    ) -> None:
        size = call(small, call(slow_and_big, str(log.path)))
        limits: dict[str, Any] = {
            "min_seconds": 0.5 * SLOW_S,
            "min_seconds_per_byte": 1e-6,
        }
        with cached(cache, **limits) as stats:
            call(plus, size, 1).compute()
        # The large result is not worth its bytes; the others stand for it.
        assert (stats.misses, stats.stored) == (3, 2)
        with cached(cache, **limits) as stats:
            assert call(plus, size, 2).compute() == BIG + 2
        assert log.count == 1
        assert stats.hits == 1
        assert stats.saved_s >= SLOW_S

    def test_what_is_cheap_above_what_is_kept_is_not_kept_unless_asked_for(
        self, cache: GridCache, log: Log
    ) -> None:
        first = call(slow, str(log.path))
        second = call(plus, first, 1)
        third = call(plus, second, 1)
        with cached(cache, min_seconds=0.5 * SLOW_S) as stats:
            third.compute()
        assert stats.stored == 2
        with cached(cache, min_seconds=0.5 * SLOW_S) as stats:
            compute(second, third)
        assert (stats.hits, stats.misses) == (2, 1)
        assert log.count == 1

    def test_an_iterator_is_not_kept(self, cache: GridCache) -> None:
        once = call(lambda: iter([1, 2]))
        for _ in range(2):
            with cached(cache, **ALL) as stats:
                assert call(list, once).compute() == [1, 2]
        assert stats.hits == 1
        assert len(keys(cache)) == 1

    def test_entries_can_be_evicted_and_end(self, cache: GridCache) -> None:
        with cached(cache, ttl="1h", **ALL):
            call(plus, 1, 1).compute()
        (key,) = keys(cache)
        info = cache.info(key)
        assert info is not None
        assert not info.pinned
        assert info.expires is not None
        assert time.time() < info.expires <= time.time() + 3600

    def test_seconds_saved_are_those_of_what_was_read(self, cache: GridCache) -> None:
        naps = [call(nap, SLOW_S, n) for n in range(3)]
        with cached(cache) as first:
            compute(*naps)
        with cached(cache) as second:
            compute(*naps, *naps)
        infos = [cache.info(key) for key in keys(cache)]
        costs = [info.cost_s for info in infos if info is not None]
        assert (first.misses, first.stored, second.hits) == (3, 3, 3)
        assert second.saved_s == pytest.approx(sum(costs))
        assert 3 * SLOW_S <= second.saved_s < 3 * SLOW_S + 1
        assert second.loaded_nbytes == first.stored_nbytes > 0


class TestTrouble:
    """A cache never fails a computation."""

    @pytest.mark.parametrize("lost", [1, 3])
    def test_what_was_evicted_meanwhile_is_computed(
        self, lost: int, cache: GridCache, log: Log
    ) -> None:
        parts = [call(noted, n, str(log.path)) for n in range(3)]
        top = call(sum, parts)
        evicted: list[str] = []

        def evicting(dsk: Any, keys: Any, **options: Any) -> Any:
            if not evicted:
                evicted.extend(list(cache.keys("auto:"))[:lost])
                cache.delete_many(evicted)
            return get_sync(dsk, keys, **options)

        with cached(cache, **ALL):
            compute(*parts)
        with cached(cache, scheduler=evicting, **ALL) as stats:
            assert top.compute() == 3
        assert log.count == 3 + lost
        assert (stats.hits, stats.misses) == (3 - lost, lost + 1)

    def test_what_is_evicted_each_time_is_computed_in_the_end(
        self, cache: GridCache, log: Log
    ) -> None:
        parts = [call(noted, n, str(log.path)) for n in range(9)]

        def evicting(dsk: Any, keys: Any, **options: Any) -> Any:
            cache.delete_many(list(cache.keys("auto:"))[:1])
            return get_sync(dsk, keys, **options)

        with cached(cache, **ALL):
            compute(*parts)
        with cached(cache, scheduler=evicting, **ALL):
            assert call(sum, parts).compute() == 36

    def test_an_error_of_a_task_comes_as_it_is(self, cache: GridCache) -> None:
        def fail(_: int) -> int:
            message = "the user's own"
            raise ZeroDivisionError(message)

        before = dask.config.get("scheduler")
        with (
            pytest.raises(ZeroDivisionError, match="the user's own"),
            cached(cache, **ALL),
        ):
            call(fail, call(plus, 1, 1)).compute()
        assert dask.config.get("scheduler") == before

    def test_a_key_that_a_task_misses_is_its_own_affair(
        self, cache: GridCache, log: Log
    ) -> None:
        def look(log: str, _: int) -> None:
            noted(None, log)
            raise KeyNotFoundError("mine", key="auto:mine")  # noqa: EM101

        with cached(cache, **ALL):
            call(plus, 1, 1).compute()
            with pytest.raises(KeyNotFoundError, match="mine"):
                call(look, str(log.path), call(plus, 1, 1)).compute()
        assert log.count == 1

    def test_a_full_store_fails_no_task(self, store_dir: Path) -> None:
        whole = da.random.default_rng(1).random(1 << 17, chunks=1 << 15)
        with GridCache("dask", path=store_dir / "full", capacity="16MiB") as full:
            for number in range(100):
                try:
                    full.put(f"pin{number}", np.random.bytes(1 << 19), pin=True)
                except MemoryError:
                    break
            with cached(full, **ALL) as stats:
                values = whole.compute()
            assert values.shape == whole.shape
            assert stats.stored < stats.misses

    def test_what_cannot_be_stored_is_handed_on(self, cache: GridCache) -> None:
        free = call(lambda lock: not lock.locked(), call(threading.Lock))
        with (
            pytest.warns(CacheWarning, match="was not cached"),
            cached(cache, scheduler="sync", **ALL) as stats,
        ):
            assert free.compute()
        assert (stats.misses, stats.stored) == (2, 1)


class TestBlocks:
    """Nesting, threads, and what is left in Dask's configuration."""

    def test_the_innermost_block_counts(self, cache: GridCache) -> None:
        with cached(cache, **ALL) as outer, cached(cache, salt="in", **ALL) as inner:
            call(plus, 1, 1).compute()
        assert (outer.misses, inner.misses) == (0, 1)
        assert len(keys(cache)) == 1

    def test_blocks_may_end_in_the_order_they_began_in(self, cache: GridCache) -> None:
        first, second = cached(cache, **ALL), cached(cache, **ALL)
        first.__enter__()
        stats = second.__enter__()
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        # Dask's configuration has the first again, which is over.
        assert call(plus, 1, 1).compute() == 2
        assert stats.misses == 0
        assert keys(cache) == []

    def test_threads_share_a_block(self, cache: GridCache) -> None:
        def one(number: int) -> int:
            return int(call(plus, number, 1).compute(num_workers=1))

        with cached(cache, **ALL) as stats, ThreadPoolExecutor(4) as pool:
            assert list(pool.map(one, range(20))) == list(range(1, 21))
        assert (stats.misses, stats.stored, stats.hits) == (20, 20, 0)

    def test_a_scheduler_that_is_named_is_asked_instead(self, cache: GridCache) -> None:
        with cached(cache, **ALL) as stats:
            call(plus, 1, 1).compute(scheduler="sync")
        assert stats.misses == 0

    def test_the_figures_are_shown(self, cache: GridCache) -> None:
        with cached(cache, **ALL) as stats:
            call(plus, 1, 1).compute()
        assert repr(stats).startswith("<cached: 0 hits (0 B, 0 s saved), 1 misses, 1 s")
        assert "<td>1</td>" in stats._repr_html_()
