"""Methods: `self` counts by its state, and everything works on the bound method."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from gridcache import GridCache, NotKeyableError, grid_cache
from tests.memoize.conftest import Counted


def make(  # noqa: C901 - one class with every kind of method
    cache: GridCache, counted: Counted
) -> Any:
    class Model:
        offset = 1

        def __init__(self, factor: int) -> None:
            self.factor = factor

        @grid_cache(cache=cache)
        def run(self, x: int) -> int:
            """Run it."""
            counted((self.factor, x))
            return self.factor * x + self.offset

        @grid_cache(cache=cache, ignore=["self"])
        def same_for_all(self, x: int) -> int:
            return self.factor * x

        @grid_cache(cache=cache)
        async def later(self, x: int) -> int:
            return self.factor * x

        @staticmethod
        @grid_cache(cache=cache)
        def static(x: int) -> int:
            return x

        @grid_cache(cache=cache)
        @staticmethod
        def static_too(x: int) -> int:
            return x

        @classmethod
        @grid_cache(cache=cache)
        def named(cls, x: int) -> tuple[str, int]:
            return cls.__name__, x

        @grid_cache(cache=cache)
        @classmethod
        def named_too(cls, x: int) -> tuple[str, int]:
            return cls.__name__, x

        @property
        @grid_cache(cache=cache)
        def squared(self) -> int:
            counted("squared")
            return self.factor**2

    return Model


def test_self_counts_by_its_state(cache: GridCache, counted: Counted) -> None:
    model = make(cache, counted)
    assert [model(2).run(3), model(2).run(3), model(3).run(3)] == [7, 7, 10]
    assert counted.calls == [(2, 3), (3, 3)]
    one = model(2)
    one.factor = 5
    assert one.run(3) == 16


def test_self_may_be_ignored(cache: GridCache, counted: Counted) -> None:
    model = make(cache, counted)
    assert model(2).same_for_all(3) == model(5).same_for_all(3) == 6


def test_an_edited_class_attribute_or_method_runs_again(
    cache: GridCache, counted: Counted
) -> None:
    model = make(cache, counted)
    assert model(2).run(3) == 7
    model.offset = 2
    assert model(2).run(3) == 8


def test_the_methods_of_a_bound_method(cache: GridCache, counted: Counted) -> None:
    one = make(cache, counted)(2)
    assert not one.run.is_cached(3)
    assert one.run.map([3, 4]) == [7, 9]
    assert one.run.is_cached(3)
    assert one.run.cache_key(3) == one.run.cache_key(x=3)
    assert one.run.call(3) == one.run.refresh(3) == 7
    assert one.run.explain(3).present
    assert one.run.cache_info().entries == one.run.cache_clear() == 2
    assert one.run.__name__ == "run"
    assert one.run.__doc__ is not None


def test_an_async_method(cache: GridCache, counted: Counted) -> None:
    one = make(cache, counted)(2)
    assert asyncio.run(one.later(3)) == 6
    assert one.later.is_cached(3)


def test_static_and_class_methods_on_either_side(
    cache: GridCache, counted: Counted
) -> None:
    model = make(cache, counted)

    class Child(model):  # type: ignore[misc,valid-type]
        pass

    assert model.static(1) == model(1).static(1) == 1
    assert model.static_too(1) == model(1).static_too(1) == 1
    assert model.named(1) == model(1).named(1) == ("Model", 1)
    assert Child.named(1) == Child.named_too(1) == ("Child", 1)
    assert model.named_too(1) == ("Model", 1)


def test_a_property(cache: GridCache, counted: Counted) -> None:
    model = make(cache, counted)
    assert model(3).squared == model(3).squared == 9
    assert counted.calls == ["squared"]


def test_calling_through_the_class(cache: GridCache, counted: Counted) -> None:
    model = make(cache, counted)
    assert model.run(model(2), 3) == model(2).run(3) == 7
    assert len(counted) == 1


def test_a_self_without_identity_is_named(cache: GridCache) -> None:
    class Model:
        def __init__(self) -> None:
            self.stream = iter([1])

        @grid_cache(cache=cache)
        def run(self) -> int:
            return 1

    with pytest.raises(NotKeyableError, match=r"argument self\.stream"):
        Model().run()


def test_a_dataclass_counts_by_its_fields(cache: GridCache, counted: Counted) -> None:
    @dataclass(frozen=True, slots=True)
    class Point:
        x: float

        @grid_cache(cache=cache)
        def norm(self) -> float:
            counted(self.x)
            return abs(self.x)

    assert [Point(-1.0).norm(), Point(-1.0).norm(), Point(2.0).norm()] == [1, 1, 2]
    assert counted.calls == [-1.0, 2.0]
