"""Options: what counts for the key, and how results are kept."""

from typing import Any

import pytest

from gridcache import ConfigError, GridCache, NotKeyableError, grid_cache
from gridcache.memoize.core import close_shared_caches
from tests.memoize.conftest import Counted


def test_ignored_arguments_do_not_count(cache: GridCache) -> None:
    @grid_cache(cache=cache, ignore=["verbose", "log"])
    def f(x: int, verbose: bool = False, **rest: Any) -> int:
        return x

    assert f.cache_key(1, verbose=True, log=print) == f.cache_key(1)
    assert f.cache_key(1, depth=1) != f.cache_key(1)


def test_ignoring_a_name_that_is_nowhere_is_an_error(cache: GridCache) -> None:
    @grid_cache(cache=cache, ignore=["verbos"])
    def f(x: int, verbose: bool = False) -> int:
        return x

    with pytest.raises(ConfigError, match="verbos"):
        f(1)


def test_ignored_globals_may_lack_identity(cache: GridCache) -> None:
    stream = iter(range(10))

    @grid_cache(cache=cache, ignore=["stream"])
    def f(x: int) -> int:
        return next(stream)

    assert [f(1), f(1), f(2)] == [0, 0, 1]


def test_key_stands_for_the_arguments(cache: GridCache) -> None:
    @grid_cache(cache=cache, key=lambda user, **_: user["id"])
    def f(user: dict[str, Any], **more: Any) -> Any:
        return user["name"]

    assert f({"id": 1, "name": "a"}) == f({"id": 1, "name": "b"}, x=object()) == "a"
    assert f({"id": 2, "name": "b"}) == "b"


def make(version: Any, factor: int, cache: GridCache) -> Any:
    @grid_cache(cache=cache, version=version)
    def f(x: int) -> int:
        return factor * x

    return f


def test_version_stands_for_the_code(cache: GridCache) -> None:
    assert make("1", 2, cache)(5) == 10
    assert make("1", 3, cache)(5) == 10
    assert make("2", 3, cache)(5) == 15
    assert make(None, 4, cache)(5) == 20


def test_another_version_of_a_callee_counts(cache: GridCache) -> None:
    def calls(version: str) -> str:
        helper = make(version, 2, cache)

        @grid_cache(cache=cache)
        def f(x: int) -> Any:
            return helper(x)

        return f.cache_key(1)

    assert calls("1") == calls("1") != calls("2")


def test_results_live_for_ttl(cache: GridCache) -> None:
    @grid_cache(cache=cache, ttl="1h")
    def f(x: int) -> int:
        return x

    f(1)
    info = cache.info(f.cache_key(1))
    assert info is not None
    assert info.expires is not None


def test_cost_is_measured_or_given(cache: GridCache) -> None:
    @grid_cache(cache=cache, cost=42.0)
    def given(x: int) -> int:
        return x

    @grid_cache(cache=cache)
    def measured(x: int) -> int:
        return sum(range(100_000))

    given(1)
    measured(1)
    costs = [cache.info(f.cache_key(1)) for f in (given, measured)]
    assert costs[0] is not None
    assert costs[0].cost_s == 42.0
    assert costs[1] is not None
    assert 0 < costs[1].cost_s < 42.0


def test_results_that_fail_the_condition_are_not_kept(
    cache: GridCache, counted: Counted
) -> None:
    @grid_cache(cache=cache, condition=lambda result: result is not None)
    def f(x: int) -> int | None:
        counted(x)
        return x or None

    assert [f(0), f(0), f(1), f(1), f.refresh(0)] == [None, None, 1, 1, None]
    assert counted.calls == [0, 0, 1, 0]


def test_tags_delete_groups(cache: GridCache) -> None:
    @grid_cache(cache=cache, tags=lambda user, page: [f"user:{user}"])
    def f(user: str, page: int) -> int:
        return page

    @grid_cache(cache=cache, tags="all")
    def g() -> int:
        return 1

    for user in "ab":
        f.map([user, user], [1, 2])
    g()
    assert cache.clear(tag="user:a") == 2
    assert f.is_cached("b", 1)
    assert cache.clear(tag="all") == 1


def test_namespace_and_cache_exclude_each_other(cache: GridCache) -> None:
    with pytest.raises(ConfigError, match="not both"):
        grid_cache(cache=cache, namespace="n")(make)


def test_a_namespace_of_the_default_store_is_opened_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch, store_dir: Any
) -> None:
    close_shared_caches()
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(store_dir))
    monkeypatch.setenv("GRIDCACHE_CAPACITY", "32MiB")

    @grid_cache(namespace="reports")
    def f(x: int) -> int:
        return x

    assert not list(store_dir.iterdir())
    try:
        assert f(1) == 1
        assert f.cache.name == "reports"
        assert list(store_dir.iterdir())
    finally:
        close_shared_caches()


def test_a_default_without_identity_counts_as_the_default(cache: GridCache) -> None:
    missing = object()

    @grid_cache(cache=cache)
    def f(x: Any = missing) -> bool:
        return x is missing

    assert [f(), f(missing), f(1), f()] == [True, True, False, True]
    assert f.cache_info().misses == 2
    with pytest.raises(NotKeyableError):
        f(object())
