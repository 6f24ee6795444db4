"""Calls of a cached function: found by their arguments, computed once, same kind."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from gridcache import CacheWarning, ConfigError, GridCache, NotKeyableError, grid_cache
from tests.memoize.conftest import Counted


def test_a_second_call_is_not_computed(cache: GridCache, counted: Counted) -> None:
    @grid_cache(cache=cache)
    def double(x: int) -> int:
        counted(x)
        return 2 * x

    assert [double(1), double(1), double(2)] == [2, 2, 4]
    assert counted.calls == [1, 2]
    assert (double.cache_info().hits, double.cache_info().misses) == (1, 2)


def test_none_is_a_result(cache: GridCache, counted: Counted) -> None:
    @grid_cache(cache=cache)
    def nothing() -> None:
        counted()

    assert nothing() is nothing() is None
    assert len(counted) == 1


SAME: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda f: f(1, b=2), lambda f: f(a=1, b=2)),
    (lambda f: f(1), lambda f: f(1, 2)),
    (lambda f: f(b=5, a=1), lambda f: f(1, 5)),
    (lambda f: f(1, 2, 3, k=4), lambda f: f(1, 2, 3, k=4)),
    (lambda f: f(1, flag=False), lambda f: f(1)),
]
DIFFERENT: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda f: f(1), lambda f: f(1.0)),
    (lambda f: f(1), lambda f: f(True)),
    (lambda f: f("1"), lambda f: f(b"1")),
    (lambda f: f(1, 2, 3), lambda f: f(1, 2, (3,))),
    (lambda f: f(1, 2, k=3), lambda f: f(1, 2, j=3)),
    (lambda f: f((1, 2)), lambda f: f([1, 2])),
    (lambda f: f(1, flag=True), lambda f: f(1)),
]


def f(a: Any, b: Any = 2, *more: Any, flag: bool = False, **rest: Any) -> Any:
    return a, b, more, flag, rest


def test_arguments_count_as_the_signature_binds_them(cache: GridCache) -> None:
    cached = grid_cache(cache=cache)(f)
    for one, other in SAME:
        assert one(cached.cache_key) == other(cached.cache_key)
    for one, other in DIFFERENT:
        assert one(cached.cache_key) != other(cached.cache_key)


def test_a_call_that_does_not_fit_raises_as_the_function_would(
    cache: GridCache,
) -> None:
    def g(a: int, /, b: int, *, c: int) -> None: ...

    cached: Any = grid_cache(cache=cache)(g)
    wrong: list[Callable[[Any], Any]] = [
        lambda f: f(),
        lambda f: f(a=1, b=2, c=3),
        lambda f: f(1, 2, 3),
        lambda f: f(1, 2, c=3, d=4),
    ]
    for call in wrong:
        with pytest.raises(TypeError) as expected:
            call(g)
        with pytest.raises(TypeError) as raised:
            call(cached)
        assert str(raised.value).endswith(str(expected.value).partition("()")[2])


def test_an_argument_without_identity_is_named(cache: GridCache) -> None:
    @grid_cache(cache=cache)
    def first(model: Any, size: int = 1) -> int:
        return size

    with pytest.raises(NotKeyableError) as caught:
        first({"lock": threading.Lock()})
    assert caught.value.context["path"].endswith("first, argument model['lock']")


def test_first_call_and_hit_give_the_same_kind_of_object(cache: GridCache) -> None:
    @grid_cache(cache=cache)
    def arrays(n: int) -> dict[str, Any]:
        return {"a": np.arange(n), "l": [1]}

    for _ in range(2):
        result = arrays(10_000)
        assert not result["a"].flags.writeable
        result["l"].append(2)
    assert arrays(10_000)["l"] == [1]


def test_copy_gives_private_writable_arrays(cache: GridCache) -> None:
    @grid_cache(cache=cache, copy=True)
    def array(n: int) -> Any:
        return np.zeros(n)

    for _ in range(3):
        result = array(10_000)
        assert result.sum() == 0
        result += 1


def test_many_threads_compute_once(cache: GridCache, counted: Counted) -> None:
    gate = threading.Event()

    @grid_cache(cache=cache, ignore=["gate"])
    def slow(x: int) -> int:
        counted(x)
        gate.wait(10)
        return x

    with ThreadPoolExecutor(4) as pool:
        pending = [pool.submit(slow, 1) for _ in range(4)]
        gate.set()
        assert {one.result() for one in pending} == {1}
    assert counted.calls == [1]


def test_a_recursive_function_finds_its_own_results(
    cache: GridCache, counted: Counted
) -> None:
    @grid_cache(cache=cache)
    def fib(n: int) -> int:
        counted(n)
        return n if n < 2 else int(fib(n - 1)) + int(fib(n - 2))

    assert fib(15) == 610
    assert len(counted) == 16


def test_an_exception_reaches_the_caller_and_is_not_kept(
    cache: GridCache, counted: Counted
) -> None:
    @grid_cache(cache=cache)
    def fails() -> None:
        counted()
        msg = "disk"
        raise OSError(msg)

    for _ in range(2):
        with pytest.raises(OSError, match="disk"):
            fails()
    assert len(counted) == 2


def test_chosen_exceptions_are_kept_and_raised_again(
    cache: GridCache, counted: Counted
) -> None:
    @grid_cache(cache=cache, cache_exceptions=(ValueError, KeyError))
    def fails(kind: str) -> None:
        counted(kind)
        msg = "why"
        raise {"value": ValueError, "os": OSError}[kind](msg)

    for _ in range(2):
        with pytest.raises(ValueError, match="why"):
            fails("value")
        with pytest.raises(OSError, match="why"):
            fails("os")
        with pytest.raises(ValueError, match="why"):
            fails.map(["value"])
    assert counted.calls == ["value", "os", "os"]


def test_what_cannot_be_stored_is_returned_with_one_warning(cache: GridCache) -> None:
    @grid_cache(cache=cache)
    def locks(x: int) -> Any:
        return threading.Lock()

    with pytest.warns(CacheWarning, match="not stored") as caught:
        results = [locks(1), locks(2), locks.refresh(2)]
    assert all(hasattr(result, "acquire") for result in results)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_what_is_too_large_is_returned(cache: GridCache) -> None:
    @grid_cache(cache=cache)
    def huge() -> bytes:
        return bytes(64 << 20)

    with pytest.warns(CacheWarning):
        assert len(huge()) == 64 << 20
    assert not huge.is_cached()


def test_data_that_the_function_changes_itself_is_pointed_out(cache: GridCache) -> None:
    seen: list[int] = []

    @grid_cache(cache=cache)
    def remembers(x: int) -> int:
        seen.append(x)
        return x

    with pytest.warns(CacheWarning, match=r"ignore=\['seen'\]") as caught:
        assert [remembers(1), remembers(1)] == [1, 1]
    assert len(caught) == 1


def test_refresh_computes_again_and_call_goes_past_the_cache(cache: GridCache) -> None:
    results = iter(range(10))

    @grid_cache(cache=cache, ignore=["results"])
    def draw() -> int:
        return next(results)

    assert [draw(), draw(), draw.refresh(), draw(), draw.call(), draw()] == [
        *(0, 0, 1, 1, 2, 1)
    ]


def test_map_computes_only_what_is_missing(cache: GridCache, counted: Counted) -> None:
    @grid_cache(cache=cache)
    def double(x: int, y: int = 0) -> int:
        counted(x)
        return 2 * x + y

    double(2)
    assert double.map([1, 2, 3, 1]) == [2, 4, 6, 2]
    assert counted.calls == [2, 1, 3]
    assert double.map([1, 2], [5, 6]) == [7, 10]
    assert double.cache_info().hits == 2


def test_clear_and_is_cached_concern_one_function(cache: GridCache) -> None:
    @grid_cache(cache=cache)
    def one(x: int) -> int:
        return x

    @grid_cache(cache=cache)
    def other(x: int) -> int:
        return x

    cache["unrelated"] = 1
    one.map(range(3))
    other(1)
    assert one.is_cached(1)
    assert not one.is_cached(3)
    assert one.cache_info().entries == 3
    assert one.cache_clear() == 3
    assert not one.is_cached(1)
    assert other.is_cached(1)
    assert len(cache) == 2


def test_explain_says_when_code_was_changed(cache: GridCache) -> None:
    factor = 2

    @grid_cache(cache=cache)
    def scaled(x: int) -> int:
        return factor * x

    assert not scaled.explain(1).present
    scaled(1)
    assert scaled.explain(1).present
    factor = 3
    assert "changed since" in str(scaled.explain(1))


def test_coroutines_are_cached_and_computed_once(
    cache: GridCache, counted: Counted
) -> None:
    @grid_cache(cache=cache)
    async def double(x: int) -> int:
        counted(x)
        await asyncio.sleep(0)
        return 2 * x

    async def main() -> None:
        assert await asyncio.gather(*(double(1) for _ in range(5))) == [2] * 5
        assert await double.map([1, 2, 3, 2]) == [2, 4, 6, 4]
        assert await double.call(1) == 2
        assert await double.refresh(1) == 2

    asyncio.run(main())
    assert sorted(map(str, counted.calls)) == ["1", "1", "1", "2", "3"]


def test_a_coroutine_may_keep_exceptions(cache: GridCache, counted: Counted) -> None:
    @grid_cache(cache=cache, cache_exceptions=KeyError)
    async def fails() -> None:
        counted()
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            asyncio.run(fails())
    assert len(counted) == 1


def test_a_coroutine_function_is_known_as_one(cache: GridCache) -> None:
    class Model:
        @grid_cache(cache=cache)
        async def run(self) -> int:
            return 1

    known_by = inspect if hasattr(inspect, "markcoroutinefunction") else asyncio
    assert known_by.iscoroutinefunction(Model.run)
    assert known_by.iscoroutinefunction(Model().run)
    assert not known_by.iscoroutinefunction(grid_cache(cache=cache)(f))


def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


@pytest.mark.parametrize("function", [generator, async_generator])
def test_generators_are_refused_at_decoration(function: Any) -> None:
    with pytest.raises(TypeError, match="return a list"):
        grid_cache(function)


@pytest.mark.parametrize("thing", [int, 5, "f"])
def test_what_is_no_function_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="for functions"):
        grid_cache(thing)


@pytest.mark.parametrize(
    "options",
    [{"ttl": "soon"}, {"cost": "much"}, {"nonsense": 1}],
    ids=lambda options: next(iter(options)),
)
def test_wrong_options_are_refused_at_decoration(options: dict[str, Any]) -> None:
    with pytest.raises((ConfigError, TypeError)):
        grid_cache(**options)(f)


def test_it_looks_like_the_function(cache: GridCache) -> None:
    cached = grid_cache(cache=cache)(f)
    assert cached.__name__ == "f"
    assert inspect.signature(cached) == inspect.signature(f)
    assert inspect.unwrap(cached) is f
    assert repr(cached) == f"<cached {__name__}.f>"
