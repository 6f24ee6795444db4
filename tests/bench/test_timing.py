"""Rounds in turn, and times without the clock's own cost."""

import gc

from gridcache.bench.timing import interleave, median_call_s, median_pair_s, times_ns


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def measure(name: str, number: int) -> float:
        order.append(f"{name}{number}")
        return float(number)

    found = interleave(
        2, {"a": lambda n: measure("a", n), "b": lambda n: measure("b", n)}
    )
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert found["a"].values == found["b"].values == (1.0, 2.0)


def test_every_call_is_timed_once() -> None:
    seen: list[tuple[int, ...]] = []
    assert len(times_ns(lambda *pair: seen.append(pair), [(1, 2), (3, 4)])) == 2
    assert seen == [(1, 2), (3, 4)]


def test_a_median_is_above_zero_however_fast_the_call() -> None:
    assert median_call_s(int, range(100)) > 0
    assert median_pair_s(max, [(1, 2)] * 100) > 0


def test_the_collector_is_off_inside_and_as_before_afterwards() -> None:
    states: list[bool] = []
    median_call_s(lambda _: states.append(gc.isenabled()), [1])
    assert states == [False]
    assert gc.isenabled()
