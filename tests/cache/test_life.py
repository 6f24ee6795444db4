"""Opening, closing, pickling, forking, dying: the values outlive all of it."""

import copy
import gc
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridcache import ClosedError, GridCache
from gridcache.store.opening import _registry
from tests.cache.conftest import Hire, Make, verify
from tests.cache.elsewhere import run_script

USES: dict[str, Callable[[GridCache], Any]] = {
    "get": lambda cache: cache.get("a"),
    "[]": lambda cache: cache["a"],
    "[] =": lambda cache: cache.__setitem__("a", 1),
    "del": lambda cache: cache.__delitem__("a"),
    "in": lambda cache: "a" in cache,
    "len": len,
    "iter": list,
    "keys": lambda cache: list(cache.keys("a")),
    "items": lambda cache: list(cache.items()),
    "put": lambda cache: cache.put("a", 1),
    "get_many": lambda cache: cache.get_many(["a"]),
    "put_many": lambda cache: cache.put_many({"a": 1}),
    "delete_many": lambda cache: cache.delete_many(["a"]),
    "get_or_compute": lambda cache: cache.get_or_compute("a", lambda: 1),
    "pin": lambda cache: cache.pin("a"),
    "touch": lambda cache: cache.touch("a"),
    "info": lambda cache: cache.info("a"),
    "explain": lambda cache: cache.explain("a"),
    "stats": lambda cache: cache.stats(),
    "clear": lambda cache: cache.clear(),
    "check": lambda cache: cache.check(),
    "resize": lambda cache: cache.resize("8MiB"),
    "path": lambda cache: cache.path,
}


def in_child(work: Callable[[], object]) -> None:
    """Run `work` in a forked child; it must return a true value there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


class TestClosed:
    @pytest.mark.parametrize("use", USES.values(), ids=USES)
    def test_every_use_says_so(
        self, memory: GridCache, use: Callable[[GridCache], Any]
    ) -> None:
        memory["a"] = 1
        memory.close()
        memory.close()
        with pytest.raises(ClosedError, match="cache 'contract' is closed"):
            use(memory)

    def test_the_values_stay(self, cache: GridCache) -> None:
        cache["a"] = np.arange(100_000)
        path = cache.path
        cache.close()
        with GridCache("contract", path=path) as again:
            assert again["a"][7] == 7

    def test_the_block_closes(self, store_dir: Path) -> None:
        with GridCache(path=store_dir / "s", capacity="8MiB") as cache:
            cache["a"] = 1
        with pytest.raises(ClosedError):
            cache["a"]

    def test_others_of_the_process_go_on(self, make: Make) -> None:
        one, other = make(), make()
        one["a"] = 1
        one.close()
        assert other["a"] == 1

    def test_one_that_is_collected_lets_its_store_go(self, store_dir: Path) -> None:
        path = store_dir / "s"
        cache = GridCache(path=path, capacity="8MiB")
        cache["a"] = 1
        assert any(store.directory == path for store in _registry.live())
        del cache
        gc.collect()
        with GridCache(path=store_dir / "other", capacity="8MiB"):
            assert not any(store.directory == path for store in _registry.live())


class TestPickled:
    def test_it_reopens_by_path(self, make: Make, tmp_path: Path) -> None:
        cache = make("named", allow_pickle=False)
        cache["a"] = 1
        with pickle.loads(pickle.dumps(cache)) as again:
            assert (again.name, again.path, again.allow_pickle) == (
                "named",
                cache.path,
                False,
            )
            assert again["a"] == 1

    def test_it_reopens_by_name_where_it_lands(
        self, store_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GRIDCACHE_CAPACITY", "8MiB")
        monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(store_dir / "here"))
        with GridCache("mine") as cache:
            cache["a"] = 1
            data = pickle.dumps(cache)
            assert len(data) < 200
            with pickle.loads(data) as again:
                assert again["a"] == 1
            monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(store_dir / "there"))
            with pickle.loads(data) as there:
                assert there.path == store_dir / "there" / "default"
                assert "a" not in there

    def test_a_relative_path_is_the_same_elsewhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with GridCache(path="store", capacity="8MiB") as cache:
            monkeypatch.chdir("/")
            with pickle.loads(pickle.dumps(cache)) as again:
                assert again.path == tmp_path / "store"

    def test_a_closed_one_reopens(self, make: Make) -> None:
        cache = make()
        cache["a"] = 1
        cache.close()
        with pickle.loads(pickle.dumps(cache)) as again, copy.deepcopy(again) as third:
            assert again["a"] == third["a"] == 1

    def test_a_spawned_process_uses_it(self, memory: GridCache) -> None:
        memory["a"] = np.arange(100_000)
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            assert pool.apply(_sum_and_put, (memory, "a", "b")) == 4999950000
        assert memory["b"] == 4999950000


def _sum_and_put(cache: GridCache, key: str, result: str) -> int:
    total = int(cache[key].sum())
    cache[result] = total
    cache.close()
    return total


class TestForked:
    def test_parent_and_child_go_on(self, cache: GridCache) -> None:
        cache["a"] = "parent"
        view = cache.get_or_compute("v", lambda: np.arange(100_000))

        def work() -> bool:
            seen = cache["a"] == "parent" and view[7] == 7
            cache["a"] = "child"
            cache["c"] = np.ones(50_000)
            return bool(seen and cache["c"].sum() == 50_000)

        in_child(work)
        assert cache["a"] == "child"
        assert cache["c"].sum() == 50_000
        cache.clear()
        cache.put_many({str(n): np.zeros(100_000) for n in range(10)})
        assert view[7] == 7

    def test_a_multiprocessing_pool_by_fork(self, memory: GridCache) -> None:
        memory["a"] = 5
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            assert pool.map(memory.get, ["a"] * 10) == [5] * 10
            pool.starmap(memory.put, [(n, n) for n in range(20)])
        assert memory.get_many(range(20)) == {n: n for n in range(20)}

    def test_the_childs_near_values_are_checked_too(self, memory: GridCache) -> None:
        memory["a"] = "old"
        assert [memory["a"] for _ in range(3)] == ["old"] * 3
        in_child(
            lambda: (
                memory.get_or_compute("a2", lambda: 1) and not memory.update(a="new")
            )
        )
        assert memory["a"] == "new"

    def test_a_child_may_close(self, cache: GridCache) -> None:
        cache["a"] = 1

        def work() -> bool:
            cache.close()
            return True

        in_child(work)
        assert cache["a"] == 1


class TestKilled:
    def test_what_it_put_is_there(self, cache: GridCache, hire: Hire) -> None:
        other = hire(cache.path)
        other.ask("cache['small'], cache['large'] = 1, np.arange(100_000)")
        other.ask("view = cache['large']")
        other.kill()
        assert cache["small"] == 1
        assert cache["large"][99_999] == 99_999
        verify(cache.path)

    def test_while_it_puts(self, cache: GridCache, hire: Hire) -> None:
        cache["n"] = np.zeros(100_000)
        for _ in range(3):
            other = hire(cache.path)
            other.tell("while True: cache['n'] = np.full(100_000, time.time())")
            first = cache["n"][0]
            while cache["n"][0] == first:
                pass
            os.kill(other.pid, signal.SIGKILL)
            other.kill()
            got = cache["n"]
            assert (got == got[0]).all()
            cache["n"] = np.zeros(100_000)
        verify(cache.path)

    def test_its_memory_is_free_again(self, memory: GridCache, hire: Hire) -> None:
        other = hire(memory.path)
        other.ask("cache.put_many({str(n): os.urandom(1 << 20) for n in range(12)})")
        other.ask("views = [np.frombuffer(cache[str(n)], 'u1') for n in range(12)]")
        other.kill()
        memory.clear()
        deadline = time.monotonic() + 20
        while memory.stats().store.retired_nbytes:
            assert time.monotonic() < deadline
            memory.check()
        memory.put_many({f"new{n}": os.urandom(1 << 20) for n in range(12)})
        assert len(memory) == 12


SESSION = """
import sys, gridcache
cache = gridcache.GridCache("notebook", path=sys.argv[1])
def slow():
    print("computed")
    return {"rows": list(range(3))}
print(cache.get_or_compute("features", slow)["rows"], len(cache))
"""


def test_a_rerun_in_a_new_process_finds_the_values(
    store_dir: Path, tmp_path: Path
) -> None:
    for path in (store_dir / "memory", tmp_path / "disk"):
        GridCache(path=path, capacity="8MiB").close()
        assert run_script(SESSION, path) == "computed\n[0, 1, 2] 1"
        assert run_script(SESSION, path) == "[0, 1, 2] 1"


def test_what_a_process_counted_is_kept_at_its_end(store_dir: Path) -> None:
    script = (
        "import sys, gridcache\n"
        "cache = gridcache.GridCache('n', path=sys.argv[1], capacity='8MiB')\n"
        "cache['a'] = 1; cache['a']; cache.get('b')\n"
    )
    run_script(script, store_dir / "s")
    with GridCache("n", path=store_dir / "s") as cache:
        own = cache.stats().namespace
        assert (own.puts, own.hits, own.misses) == (1, 1, {"never_stored": 1})
        assert cache.stats().store.clients == 1


def test_two_processes_start_at_once(store_dir: Path, hire: Hire) -> None:
    path = store_dir / "s"
    others = [hire(path) for _ in range(2)]
    for other in others:
        other.tell(f"cache[str(os.getpid())] = {str(path)!r}; cache.check().ok")
    for other in others:
        other.answer()
    assert others[0].ask("len(cache)") == 2
    assert others[0].ask("cache.check().ok")
