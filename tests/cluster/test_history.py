"""Histories of a grid under faults: every read fits some legal order of the writes."""

from pathlib import Path

import pytest

from tests.cluster.history.chaos_grid import CAPACITY, ChaosGrid
from tests.cluster.history.faults import play
from tests.cluster.history.hurry import hurried
from tests.cluster.history.judge import judge
from tests.cluster.history.ops import Kind, Op

pytestmark = pytest.mark.slow


SMALL = 4 << 20
"""Bytes; less than the values of the workload together."""


def run(
    directory: Path, seed: int, seconds: float, capacity_nbytes: int = CAPACITY
) -> None:
    """Three nodes under load and faults; then everything is verified."""
    with hurried(), ChaosGrid(directory, seed, capacity_nbytes=capacity_nbytes) as grid:
        for name in "abc":
            grid.add(name)
        grid.settle()
        play(grid, seed, seconds)
        grid.settle()
        grid.finish()
        ops, wrong = grid.history()
        verdicts = map(str, judge(ops, evicting=capacity_nbytes < CAPACITY))
        problems = [*wrong, *verdicts, *grid.check_stores()]
        assert not problems, "\n".join([*problems, *grid.log])
        assert_busy(ops)


def assert_busy(ops: list[Op]) -> None:
    """Something was tested."""
    reads = [op for op in ops if op.kind is Kind.READ]
    assert len(reads) > 100
    assert sum(op.value is not None for op in reads) > len(reads) / 4


@pytest.mark.parametrize("seed", [1])
def test_every_read_fits_a_legal_order(store_dir: Path, seed: int) -> None:
    run(store_dir, seed, 5.0)


@pytest.mark.parametrize("seed", [2])
def test_what_is_evicted_does_not_come_back(store_dir: Path, seed: int) -> None:
    run(store_dir, seed, 3.0, SMALL)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 110))
def test_every_read_fits_a_legal_order_for_long(store_dir: Path, seed: int) -> None:
    run(store_dir, seed, 120.0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200, 205))
def test_what_is_evicted_does_not_come_back_for_long(
    store_dir: Path, seed: int
) -> None:
    run(store_dir, seed, 120.0, SMALL)
