"""Every example of Ray Data runs, twice if the second run shows something."""

import runpy

import pytest

from gridcache import GridCache
from tests.docs.markdown import ROOT

pytestmark = pytest.mark.ray

PERSIST = "ray_data_persist.py"
EXAMPLES = {path.name: path for path in (ROOT / "examples").glob("ray_data_*.py")}


def test_there_are_four() -> None:
    assert set(EXAMPLES) == {
        "ray_data_epochs.py",
        PERSIST,
        "ray_data_spill.py",
        "ray_data_stage.py",
    }


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("name", sorted({*EXAMPLES} - {PERSIST}))
def test_an_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES[name]), run_name="__main__")
    assert capsys.readouterr().out


def test_the_second_run_computes_nothing(
    reader: GridCache, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reader.name
    for _ in range(2):
        runpy.run_path(str(EXAMPLES[PERSIST]), run_name="__main__")
    shown = capsys.readouterr().out
    assert shown.count("first 0 batches") == 1
