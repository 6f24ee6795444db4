"""Info, explain, stats, check, repr: over all processes, and with what users type."""

import dataclasses
import os
import time

import numpy as np
import pytest

from gridcache import GridCache
from gridcache.stats import CacheStats
from tests.cache.conftest import Hire, Make


class TestInfo:
    def test_it_is_a_frozen_record(self, cache: GridCache) -> None:
        before = int(time.time())
        cache.put("a", np.arange(1000.0), ttl=60, cost=2.5, tags=["x", "y"], pin=True)
        info = cache.info("a")
        assert info is not None
        assert (info.key, info.namespace) == ("a", "contract")
        assert info.raw_nbytes == 8000
        assert 8000 <= info.stored_nbytes < 9000
        assert before <= info.created <= time.time()
        assert info.expires == pytest.approx(time.time() + 60, abs=5)
        assert (info.cost_s, info.tags, info.pinned) == (2.5, ("x", "y"), True)
        assert not info.compressed
        assert info.format == "array"
        with pytest.raises(dataclasses.FrozenInstanceError):
            info.key = "b"  # type: ignore[misc]

    def test_it_counts_hits_and_is_none(self, cache: GridCache) -> None:
        cache["a"] = np.arange(1000.0)
        for _ in range(3):
            cache["a"]
        info = cache.info("a")
        assert info is not None
        assert info.hits == 3
        assert cache.stats().namespace.hits == 3

    def test_it_shows_compression(self, make: Make) -> None:
        cache = make(compression="lz4")
        cache["a"] = np.zeros(100_000)
        info = cache.info("a")
        assert info is not None
        assert info.compressed
        assert info.stored_nbytes < info.raw_nbytes / 10
        assert cache.stats().namespace.compression_ratio > 10


class TestExplain:
    def test_a_present_key(self, cache: GridCache) -> None:
        cache.put("a", 1, ttl=60, pin=True)
        cache["a"]
        found = cache.explain("a")
        assert found.present
        assert found.reason is None
        assert str(found) == found.text
        for words in ("'a' is in namespace 'contract'", "1 hits", "pinned", "expires"):
            assert words in found.text

    def test_a_key_that_is_viewed(self, cache: GridCache) -> None:
        cache["a"] = np.zeros(100_000)
        view = cache["a"]
        (lessee,) = cache.explain("a").lessees
        assert lessee.pid == os.getpid()
        assert lessee.leases == 1
        assert lessee.nbytes >= view.nbytes
        assert f"viewed by process {os.getpid()}" in str(cache.explain("a"))
        del view
        assert cache.explain("a").lessees == ()

    def test_never_stored_and_its_neighbours(self, cache: GridCache) -> None:
        cache["features:2024"] = 1
        found = cache.explain("feature:2024")
        assert not found.present
        assert found.reason == "never_stored"
        assert found.near_keys == ("features:2024",)
        assert "Did you mean 'features:2024'" in str(found)

    def test_deleted_expired_evicted(self, make: Make) -> None:
        memory = make(compression=None)
        memory["deleted"] = 1
        del memory["deleted"]
        memory.put("expired", 1, ttl=0.01)
        memory["evicted"] = os.urandom(1 << 20)
        while "expired" in memory:
            pass
        for number in range(40):
            memory[str(number)] = os.urandom(1 << 20)
        for reason in ("deleted", "expired", "evicted"):
            found = memory.explain(reason)
            assert found.reason == reason
            assert found.at == pytest.approx(time.time(), abs=30)
            assert f"{reason} " in str(found)
        assert memory.explain("evicted").need_nbytes >= 1 << 20  # type: ignore[operator]

    def test_another_process_explains_the_same(
        self, memory: GridCache, hire: Hire
    ) -> None:
        other = hire(memory.path)
        memory["a"] = 1
        del memory["a"]
        assert other.ask("str(cache.explain('a').reason)") == "deleted"
        other.ask("cache['b'] = np.zeros(100_000); view = cache['b']")
        (lessee,) = memory.explain("b").lessees
        assert lessee.pid == other.pid
        other.kill()
        deadline = time.monotonic() + 20
        while memory.explain("b").lessees:
            assert time.monotonic() < deadline


class TestStats:
    def test_they_count_what_was_done(self, cache: GridCache) -> None:
        cache.put("a", 1, cost=2)
        cache["b"] = np.zeros(10_000)
        cache["a"], cache.get("a"), cache.get("c"), cache.get("c")
        del cache["b"]
        cache.get("b")
        own = cache.stats().namespace
        assert (own.namespace, own.policy, own.entries) == ("contract", "lru", 1)
        assert (own.puts, own.hits, own.deletes) == (2, 2, 1)
        assert own.misses == {"never_stored": 2, "deleted": 1}
        assert own.hit_ratio == pytest.approx(2 / 5)
        assert own.saved_s == pytest.approx(4)

    def test_sizes_add_up(self, cache: GridCache) -> None:
        cache.put("a", np.zeros(100_000, np.uint8), pin=True)
        cache["b"] = np.zeros(50_000, np.uint8)
        stats = cache.stats()
        own, store = stats.namespace, stats.store
        assert own.raw_nbytes == 150_000
        assert 150_000 <= own.stored_nbytes < 155_000
        assert 100_000 <= own.pinned_nbytes < 103_000
        assert store.capacity_nbytes == 16 << 20
        assert store.directory_nbytes <= store.capacity_nbytes
        assert store.path == str(cache.path)
        assert store.clients == 1

    def test_evictions_by_reason_and_reuse(self, memory: GridCache) -> None:
        for number in range(60):
            memory[str(number)] = os.urandom(1 << 20)
        memory.put("e", 1, ttl=0.01)
        while "e" in memory:
            pass
        stats = memory.stats()
        assert stats.namespace.evictions["space"] > 40
        assert stats.store.reused_nbytes > stats.store.fresh_nbytes

    def test_they_are_frozen_and_of_one_namespace(self, make: Make) -> None:
        one, other = make("one"), make("other")
        other["a"] = 1
        stats = one.stats()
        assert isinstance(stats, CacheStats)
        assert stats.namespace.entries == 0
        assert [n.namespace for n in stats.store.namespaces] == ["one", "other"]
        with pytest.raises(dataclasses.FrozenInstanceError):
            stats.namespace = None  # type: ignore[misc, assignment]

    def test_they_are_those_of_all_processes(
        self, cache: GridCache, hire: Hire
    ) -> None:
        cache.put("a", 1, cost=1)
        others = [hire(cache.path) for _ in range(2)]
        for number, other in enumerate(others):
            other.ask(f"[cache['a'] for _ in range({10 + number})] and None")
            other.ask("cache.get('b')")
        assert cache.stats().store.clients == 3
        for other in others:
            other.end()
        own = cache.stats().namespace
        assert own.hits == 21
        assert own.misses == {"never_stored": 2}
        assert own.saved_s == pytest.approx(21)
        assert cache.stats().store.clients == 1


def test_check_reports_on_the_whole_store(cache: GridCache) -> None:
    cache.put_many({"a": 1, "b": np.zeros(100_000)})
    view = cache["b"]
    del cache["b"]
    report = cache.check()
    assert report.ok
    assert report.problems == ()
    assert report.entries == 1
    assert view[0] == 0


class TestForPeople:
    def test_the_repr_says_how_full_and_for_how_long(self, cache: GridCache) -> None:
        cache["a"] = 1
        cache["a"]
        text = repr(cache)
        assert text.startswith("<GridCache 'contract': 1 keys, ")
        assert "of 16.00 MiB taken" in text
        assert "hit 100%" in text
        kept = "on disk" if cache.stats().store.on_disk else "until reboot"
        assert kept in text

    def test_names_are_escaped(self, make: Make) -> None:
        nasty = "<script>alert('x')</script>\n\x1b[31m"
        cache = make(nasty)
        cache[nasty] = 1
        assert "\n" not in repr(cache)
        assert "\x1b" not in repr(cache)
        for html in (cache._repr_html_(), cache.stats()._repr_html_()):
            assert "<script" not in html
            assert "&lt;script&gt;" in html

    def test_html_has_no_script(self, cache: GridCache) -> None:
        cache["a"] = 1
        html = cache._repr_html_()
        assert "contract" in html
        assert "<script" not in html
        assert html == cache.stats()._repr_html_()

    def test_the_repr_of_a_closed_one(self, cache: GridCache) -> None:
        cache.close()
        assert repr(cache) == "<GridCache 'contract': closed>"

    def test_the_repr_of_a_stalled_one(
        self, memory: GridCache, hire: Hire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = hire(memory.path)
        other.tell(
            "index = cache._values.store._parts.index; import signal;"
            "index.transact(lambda txn: os.kill(os.getpid(), signal.SIGSTOP))"
        )
        os.waitpid(other.pid, os.WUNTRACED)
        memory.get("a")
        assert repr(memory) == "<GridCache 'contract': stalled>"
        other.kill()
