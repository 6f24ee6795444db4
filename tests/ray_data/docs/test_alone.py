"""Examples and notebook as users run them: each starts a Ray of its own.

Minutes: what they show is tested beside this, on a cluster that is there.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.markdown import RAY_DATA, ROOT
from tests.docs.test_pages import run

pytestmark = [pytest.mark.ray, pytest.mark.soak]

EXAMPLES = sorted((ROOT / "examples").glob("ray_data_*.py"))
FORMAT: Any = nbformat  # it has no types


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where stores and Ray's files lie; no Ray of the machine is found."""
    # Ray's socket paths must stay below 108 characters.
    place = Path(tempfile.mkdtemp(prefix="gcr", dir="/tmp"))
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setenv("RAY_TMPDIR", str(place))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(place / "stores"))
    monkeypatch.setenv("GRIDCACHE_CAPACITY", "512MiB")
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_alone(path: Path, home: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = run([sys.executable, str(path)], home, tmp_path, RAY_ADDRESS="local")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_the_page_runs_alone(home: Path, tmp_path: Path) -> None:
    program = str(ROOT / "tests" / "docs" / "markdown.py")
    command = [sys.executable, program, str(RAY_DATA)]
    done = run(command, home, tmp_path, RAY_ADDRESS="local")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("home")
@pytest.mark.filterwarnings("default")  # the kernel's own libraries, not ours
def test_the_notebook_runs_in_a_kernel() -> None:
    notebook = FORMAT.read(ROOT / "notebooks" / "ray_data.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    said = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert "Ray blocks" in said
