"""The how-to runs from top to bottom, as in one session of a reader."""

from pathlib import Path

import pytest

from gridcache import GridCache
from tests.docs.markdown import RAY_DATA, run_page

pytestmark = pytest.mark.ray


def test_the_page_runs(
    reader: GridCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(RAY_DATA)
    shown = capsys.readouterr().out
    assert "overwrite=True" in shown
    assert "epoch 1 2000" in shown
    assert [name for name in reader.keys("name:") if "spill" in str(name)] == []
