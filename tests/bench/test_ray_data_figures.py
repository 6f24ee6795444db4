"""Figures of Ray Data: what they are made of, and that all of them run."""

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

import pytest

from gridcache.bench.ray_data import figures, measure_ray_data
from gridcache.bench.ray_data.asked import Answer, Asked, check_same
from gridcache.bench.ray_data.run import FIGURES, RayDataRun
from gridcache.bench.result import Absent
from gridcache.bench.run import Plan
from gridcache.bench.scale import FULL, QUICK, TINY, Scale
from gridcache.bench.timing import interleave

CODE = """
import sys
from gridcache.bench import command, main
from gridcache.bench.scale import TINY
command.QUICK = TINY
sys.exit(main(["ray-data", "--quick", "--json"]))
"""
DATA = """
import lz4.frame
import numpy as np
from ray.data.block import BlockAccessor
from gridcache.bench.ray_data.data import ROW_NBYTES, made
from gridcache.bench.ray_data.passes import sum_of
rows = made({"id": np.arange(1000)})
table = BlockAccessor.batch_to_block(rows)
assert 0.9 < table.nbytes / (1000 * ROW_NBYTES) < 1.1
picture, walk = rows["picture"].tobytes(), rows["walk"].tobytes()
assert len(lz4.frame.compress(picture + walk)) > 0.9 * len(picture + walk)
lengths = sum(map(len, rows["name"].to_pylist()))
numbers = sum(rows[name].sum() for name in ("id", "walk", "picture"))
assert abs(sum_of(table) - numbers - lengths) < 1e-3
assert made({"id": np.arange(1000)})["name"] == rows["name"]
"""
NAMES = {
    "persist, passes in tasks",
    "persist, passes in driver",
    "second job, tasks",
    "second job, driver",
    "tee, first epoch",
    "tee, second epoch",
    "local reads",
}


def answer(seconds: float, total: float = 1.0) -> Answer:
    return {"seconds": seconds, "rows": 10, "sum": total}


def test_every_figure_is_run() -> None:
    assert sorted(FIGURES) == sorted(one.name for one in iter_modules(figures.__path__))


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_the_dataset_is_twice_as_large_as_the_object_store_of_ray(scale: Scale) -> None:
    sizes = scale.ray_data
    assert sizes.dataset_nbytes == 2 * sizes.object_store_nbytes


def test_without_ray_one_row_says_so(tmp_path: Path) -> None:
    (row,) = measure_ray_data(Plan((), TINY, frozenset({"ray"})), tmp_path)
    assert isinstance(row.ours, Absent)
    assert not row.ours.fault
    assert not list(tmp_path.iterdir())


def test_a_store_that_has_no_room_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    with RayDataRun(Plan((), TINY), tmp_path) as run, pytest.raises(MemoryError):
        run.capacity_nbytes(1 << 60)


def test_answers_of_the_first_round_do_not_count() -> None:
    answers = iter([answer(9.0), answer(1.0), answer(2.0)])
    asked = Asked(partial(next, answers))
    assert interleave(2, {"one": asked})["one"].values == (1.0, 2.0)
    assert asked.series("rows").values == (10, 10)


def test_contenders_that_read_different_data_are_found_out() -> None:
    one = Asked(partial(answer, 1.0))
    two = Asked(partial(answer, 1.0, total=1.0 + 1e-15))
    other = Asked(partial(answer, 1.0, total=2.0))
    interleave(1, {"one": one, "two": two, "other": other})
    check_same([one, two])
    with pytest.raises(ValueError, match="different data"):
        check_same([one, other])


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_a_compressor_finds_little_to_do_in_data_of_which_a_sum_sees_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DATA], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.ray
@pytest.mark.soak
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_all_figures_are_measured_and_nothing_is_left(tmp_path: Path) -> None:
    before = set(Path(tempfile.gettempdir()).glob("gcr-*"))
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    assert {row["name"] for row in rows} >= NAMES
    assert all(row["met"] in {"yes", "no", None} for row in rows)
    assert not list(tmp_path.iterdir())
    assert set(Path(tempfile.gettempdir()).glob("gcr-*")) <= before
