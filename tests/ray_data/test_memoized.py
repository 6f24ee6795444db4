"""`@grid_cache` and `@ray.remote` on one function, and on methods of actors."""

import pickle
import sys
from typing import Any

import cloudpickle
import numpy as np
import pytest
import ray

from gridcache import GridCache, grid_cache
from gridcache.published.handle import Handle
from tests.ray_data.kit.notes import Notes

pytestmark = pytest.mark.ray


cached_task: Any = grid_cache
"""What is decorated is no function for mypy, which Ray's annotations tell."""


@cached_task(namespace="named")  # type: ignore[untyped-decorator]
@ray.remote(num_cpus=0)
def named(x: int) -> int:
    return x


@pytest.fixture
def cache(handle: Handle) -> GridCache:
    return handle.cache


def below(cache: GridCache, notes: Notes) -> Any:
    """Ray's decorator above ours."""

    @ray.remote(num_cpus=0)
    @grid_cache(cache=cache, ignore="notes")
    def double(x: Any, y: int = 1) -> Any:
        """Give two of it."""
        notes.note()
        return 2 * x * y

    return double


def above(cache: GridCache, notes: Notes) -> Any:
    """Ours above Ray's."""

    @cached_task(cache=cache, ignore="notes")  # type: ignore[untyped-decorator]
    @ray.remote(num_cpus=0)
    def double(x: Any, y: int = 1) -> Any:
        """Give two of it."""
        notes.note()
        return 2 * x * y

    return double


@pytest.mark.parametrize("decorated", [above, below])
def test_a_task_runs_once_for_the_same_arguments(
    decorated: Any, cache: GridCache, notes: Notes
) -> None:
    double = decorated(cache, notes)
    assert ray.get(double.remote(21)) == 42
    assert ray.get([double.remote(21), double.remote(21, y=1)]) == [42, 42]
    assert notes.count == 1
    assert ray.get(double.remote(21, 2)) == 84
    assert notes.count == 2
    assert double.__doc__ == "Give two of it." or decorated is below


@pytest.mark.parametrize("decorated", [above, below])
def test_arguments_by_reference_count_by_value(
    decorated: Any, cache: GridCache, notes: Notes
) -> None:
    double = decorated(cache, notes)
    for _ in range(2):
        array = np.arange(300_000)
        assert (ray.get(double.remote(ray.put(array))) == 2 * array).all()
    assert notes.count == 1


def test_both_orders_have_the_same_results(cache: GridCache, notes: Notes) -> None:
    assert ray.get(above(cache, notes).remote(3)) == 6
    one, other = above(cache, notes), below(cache, notes)
    assert one.is_cached(3)
    assert other._function.cache_key(4) != one.cache_key(3)


def test_ours_above_answers_for_what_workers_did(
    cache: GridCache, notes: Notes
) -> None:
    double = above(cache, notes)
    assert not double.is_cached(1)
    assert ray.get(double.remote(1)) == 2
    assert double.is_cached(1)
    assert double.is_cached(1, y=1)
    assert double.explain(1).present
    assert double.cache_info().entries == 1
    assert double.cache_clear() == 1
    assert not double.is_cached(1)
    assert double.call(1) == 2


def test_ours_above_is_called_as_a_task_is(cache: GridCache, notes: Notes) -> None:
    double = above(cache, notes)
    for call in (double, double.refresh, lambda x: double.map([x])):
        with pytest.raises(TypeError, match=r"double\.remote\(\.\.\.\)"):
            call(1)
    assert notes.count == 0
    assert ray.get(double.options(name="twice").remote(1)) == 2
    assert double.bind(1) is not None
    assert notes.count == 1


def test_options_of_ray_stay(cache: GridCache) -> None:
    @cached_task(cache=cache)  # type: ignore[untyped-decorator]
    @ray.remote(num_cpus=0, num_returns=2, max_retries=0)
    def both(x: int) -> tuple[int, int]:
        return x, x + 1

    two: Any = both
    assert ray.get(two.remote(1)) == [1, 2]
    assert ray.get(two.remote(1)) == [1, 2]


def test_an_error_is_raised_and_not_kept(cache: GridCache, notes: Notes) -> None:
    @cached_task(cache=cache, ignore="notes")  # type: ignore[untyped-decorator]
    @ray.remote(num_cpus=0, max_retries=0)
    def fails() -> None:
        notes.note()
        message = "of the task"
        raise ValueError(message)

    task: Any = fails
    for _ in range(2):
        with pytest.raises(ValueError, match="of the task"):
            ray.get(task.remote())
    assert notes.count == 2


@pytest.mark.parametrize("decorated", [above, below])
def test_tasks_call_it_too(decorated: Any, cache: GridCache, notes: Notes) -> None:
    double = decorated(cache, notes)

    @ray.remote(num_cpus=0)
    def outer() -> Any:
        return ray.get([double.remote(5), double.remote(5)])

    assert ray.get(outer.remote()) == [10, 10]
    assert ray.get(double.remote(5)) == 10
    assert notes.count <= 2


def test_one_that_calls_itself(cache: GridCache) -> None:
    @cached_task(cache=cache)  # type: ignore[untyped-decorator]
    @ray.remote(num_cpus=0)
    def count(n: int) -> Any:
        return n + ray.get(count.remote(n - 1)) if n else 0

    task: Any = count
    assert ray.get(task.remote(3)) == 6


def test_it_travels_by_name_if_it_has_one(cache: GridCache, notes: Notes) -> None:
    assert pickle.loads(pickle.dumps(named)) is named
    double = cloudpickle.loads(cloudpickle.dumps(above(cache, notes)))
    assert ray.get(double.remote(4)) == 8
    assert double.is_cached(4)


def test_methods_of_an_actor_are_cached(cache: GridCache, notes: Notes) -> None:
    @ray.remote(num_cpus=0)
    class Model:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @grid_cache(cache=cache, ignore="notes")
        def scaled(self, x: int) -> int:
            notes.note()
            return self.factor * x

        @grid_cache(cache=cache, ignore="notes")
        async def later(self, x: int) -> int:
            notes.note()
            return self.factor + x

    made: Any = Model
    two, three = made.remote(2), made.remote(3)
    assert ray.get([two.scaled.remote(5), three.scaled.remote(5)]) == [10, 15]
    assert ray.get(made.remote(2).scaled.remote(5)) == 10
    assert notes.count == 2
    assert ray.get([two.later.remote(5), two.later.remote(5)]) == [7, 7]
    assert notes.count == 3


def test_what_cannot_be_a_cached_task_is_refused(cache: GridCache) -> None:
    actor: Any = ray.remote(num_cpus=0)(Counting)
    with pytest.raises(TypeError, match="functions and methods"):
        grid_cache(actor)
    handle = actor.remote()
    with pytest.raises(TypeError, match="functions and methods"):
        grid_cache(handle.count)

    @grid_cache(cache=cache)
    async def later() -> int:
        return 1

    with pytest.raises(ValueError, match="async def"):
        ray.remote(later)

    with pytest.raises(TypeError, match="generator"):
        cached_task(ray.remote(several))


class Counting:
    """An actor."""

    def count(self) -> int:
        return 1


def several() -> Any:
    yield 1


def len_of(x: Any) -> int:
    return len(x)


def test_a_ray_that_says_less_gets_a_word_of_the_cure(
    cache: GridCache, notes: Notes
) -> None:
    task: Any = ray.remote(num_cpus=0)(len_of)
    del task._default_options
    with pytest.raises(TypeError, match=r"@ray\.remote above @grid_cache"):
        grid_cache(task)


def test_without_ray_a_cached_function_looks_like_none_of_cython(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "ray")
    assert not hasattr(grid_cache(len), "__func__")
