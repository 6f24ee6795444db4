"""The pages about distributed memory: every block that can run is run, on real Ray."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.grid.simulated import Simulated, user
from tests.docs.markdown import GUIDE, QUICKSTART, ROOT

pytestmark = pytest.mark.ray

TIMEOUT_S = 110
"""Less than a test may take, so that what was started is ended."""


@pytest.fixture(scope="module")
def reader() -> Iterator[Simulated]:
    """Somebody who has no grid."""
    with user() as one:
        yield one


def read_along(page: Path, reader: Simulated, cwd: Path) -> str:
    program = str(ROOT / "tests" / "docs" / "markdown.py")
    done = subprocess.run(
        [sys.executable, program, str(page)],
        env=os.environ | reader.settings,
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Error" not in done.stderr
    return done.stdout


def test_the_quick_start_runs_from_nothing(reader: Simulated, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shown = read_along(QUICKSTART, reader, tmp_path)
    assert "_laptop" in shown
    assert "hello" in shown


def test_the_guide_runs_on_two_nodes(running: Simulated, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(running.config.read_text())
    names = [node["name"] for node in running.read("nodes")["nodes"]]
    assert names == ["gpu2", "head"]
    read_along(GUIDE, running, tmp_path)
