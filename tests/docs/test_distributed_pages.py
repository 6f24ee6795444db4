"""The pages about distributed memory: every block that can run is run, on real Ray."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.grid.simulated import Simulated, two_nodes, user
from tests.docs.markdown import GRID, GUIDE, QUICKSTART, ROOT

pytestmark = pytest.mark.ray

TIMEOUT_S = 240


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Simulated]:
    """Somebody who has a clone of the repository and no grid."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    with user() as one:
        yield one
        one("down")


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
    shown = read_along(QUICKSTART, reader, tmp_path)
    assert "block_0_laptop" in shown
    assert "hello" in shown


def test_the_guides_run_on_two_nodes(reader: Simulated, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(reader.config.read_text())
    with two_nodes(reader):
        read_along(GUIDE, reader, tmp_path)
        shown = read_along(GRID, reader, tmp_path)
    assert "2 nodes" in shown
