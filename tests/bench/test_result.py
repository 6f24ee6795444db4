"""Series, ratios and goals: what a row says of its numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Absent, Goal, Of, Result, Series, Unit

ABSENT = Absent("redis is not installed", "pip install redis")


def row(
    ours: Series | Absent, theirs: Series | Absent | None, goal: Goal | None
) -> Result:
    return Result("get", "get of 1 KiB", Unit.SECONDS, ours, "rival", theirs, goal)


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    slowing = row(Series((1.0, 2.0, 30.0)), Series((2.0, 4.0, 60.0)), None)
    assert slowing.ratio == 0.5


def test_a_rival_of_no_time_gives_no_error() -> None:
    assert row(Series((1.0,)), Series((0.0,)), None).ratio == float("inf")


def test_counts_have_no_ratio() -> None:
    none = Series((0.0,))
    found = Result("lost", "", Unit.COUNT, none, "rival", none, Goal(0, Of.VALUE))
    assert found.ratio is None
    assert found.met


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal(0.5), True),
        (Goal(0.49), False),
        (Goal(0.5, at_most=False), True),
        (Goal(0.6, at_most=False), False),
        (Goal(2.0, Of.VALUE), True),
        (Goal(1.0, Of.VALUE), False),
        (None, None),
    ],
)
def test_goals_bound_the_ratio_or_the_value_inclusively(
    goal: Goal | None, met: bool | None
) -> None:
    assert row(Series((2.0,)), Series((4.0,)), goal).met is met


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(ABSENT, Series((1.0,))), (Series((1.0,)), ABSENT), (Series((1.0,)), None)],
)
def test_without_both_sides_a_ratio_goal_is_neither_met_nor_missed(
    ours: Series | Absent, theirs: Series | Absent | None
) -> None:
    found = row(ours, theirs, Goal(0.5))
    assert found.ratio is None
    assert found.met is None


def test_a_goal_on_our_value_needs_no_rival() -> None:
    assert row(Series((2.0,)), ABSENT, Goal(3.0, Of.VALUE)).met is True


@given(st.lists(st.floats(1e-9, 1e9), min_size=1))
def test_a_median_lies_between_the_extremes(values: list[float]) -> None:
    series = Series(tuple(values))
    assert series.low <= series.median <= series.high


def test_times_become_speeds() -> None:
    assert Series((2.0, 4.0)).per(8.0).values == (4.0, 2.0)


def test_a_figure_has_a_row_per_rival_those_with_a_goal_first() -> None:
    figure = Figure("f", "what", Unit.SECONDS, {"zeta": Goal(1.0)})
    series = {OURS: Series((1.0,)), "alpha": Series((2.0,)), "zeta": Series((2.0,))}
    rows = list(figure.rows(series, {"redis": ABSENT}))
    assert [found.rival for found in rows] == ["zeta", "alpha", "redis"]
    assert rows[-1].theirs is ABSENT


def test_a_figure_alone_or_with_a_goal_of_its_own_has_a_row_without_rival() -> None:
    alone = Figure("f", "what", Unit.SECONDS)
    assert [found.rival for found in alone.rows({OURS: Series((1.0,))})] == [""]
    bound = Figure("f", "what", Unit.SECONDS, {OURS: Goal(1.0, Of.VALUE)})
    rows = list(bound.rows({OURS: Series((1.0,)), "lmdb": Series((1.0,))}))
    assert [(found.rival, found.met) for found in rows] == [("", True), ("lmdb", None)]
