"""Every example runs, is short, and says what it did.

Those of Ray Data run in `tests/ray_data/docs`, where a Ray cluster is at hand.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import ROOT
from tests.docs.test_pages import run

EXAMPLES = {path.name: path for path in sorted((ROOT / "examples").glob("*.py"))}


ON_RAY = "distributed_memory_usage.py"
ONCE = {ON_RAY, "dask_cache_shared.py", "dask_spill.py"}
"""They end, or give back, what they stored in: a second run would be like the first."""


def marked() -> list[Any]:
    ray = pytest.mark.ray
    names = [name for name in EXAMPLES if not name.startswith("ray_data_")]
    return [pytest.param(n, marks=ray) if n == ON_RAY else n for n in names]


def test_there_are_some() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("name", marked())
def test_an_example_runs_twice(name: str, store_dir: Path, tmp_path: Path) -> None:
    for _ in range(1 if name in ONCE else 2):
        done = run([sys.executable, str(EXAMPLES[name])], store_dir, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    assert len(EXAMPLES[name].read_text().splitlines()) < 60
