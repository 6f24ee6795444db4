"""The demo from outside, and the parts of it that could deceive."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.progress import Progress

from gridcache.cli.demo.eviction import Watch
from gridcache.cli.demo.scene import claim_of
from gridcache.cli.demo.source_facts import analyse, standard_library
from gridcache.cli.demo.stage import PREFIX, set_stage
from gridcache.errors import OutOfSpaceError
from gridcache.store.outcome import CheckReport

LIMIT_S = 60
GRID = "from gridcache.cli import main; main(prog_name='grid')"


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stage's directory is made."""
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(tmp_path / "stores"))
    return tmp_path


@pytest.mark.slow
def test_every_claim_holds_in_time_and_nothing_is_left() -> None:
    """In shared memory, as users run it; beside the tests' own directory."""
    directory = Path(os.environ["GRIDCACHE_DIRECTORY"])
    before = set(directory.parent.glob(f"{PREFIX}*"))
    command = [sys.executable, "-W", "error", "-c", GRID, "demo", "--json"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=2 * LIMIT_S, check=False
    )
    assert result.returncode == 0, result.stderr
    acts = json.loads(result.stdout)["acts"]
    assert len(acts) == 5
    assert all(claim["held"] for act in acts for claim in act["claims"])
    assert sum(act["seconds"] for act in acts) < LIMIT_S
    assert set(directory.parent.glob(f"{PREFIX}*")) <= before
    assert not list(directory.glob("demo*"))


@pytest.mark.ray
@pytest.mark.soak
def test_every_claim_about_two_nodes_holds_and_nothing_is_left() -> None:
    """`make demo` plays it, too, and `make test` has each claim on a Ray of its own."""
    directory = Path(os.environ["GRIDCACHE_DIRECTORY"])
    before = set(directory.parent.glob(f"{PREFIX}*"))
    command = [sys.executable, "-W", "error", "-c", GRID, "demo", "--grid", "--json"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=2 * LIMIT_S, check=False
    )
    assert result.returncode == 0, result.stderr + result.stdout
    acts = json.loads(result.stdout)["acts"]
    assert len(acts) == 4
    assert all(claim["held"] for act in acts for claim in act["claims"])
    assert set(directory.parent.glob(f"{PREFIX}*")) <= before


def test_the_stage_is_removed_after_a_failure(parent: Path) -> None:
    with pytest.raises(FileNotFoundError), set_stage(Progress(disable=True)) as stage:
        (stage.directory / "absent").unlink()
    assert not list(parent.iterdir())


def test_what_a_killed_demo_left_is_removed_and_a_running_one_kept(
    parent: Path,
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (parent / f"{PREFIX}{dead.pid}-x").mkdir()
    (parent / f"{PREFIX}{os.getpid()}-x").mkdir()
    with set_stage(Progress(disable=True)):
        left = {path.name for path in parent.glob(f"{PREFIX}*-x")}
    assert left == {f"{PREFIX}{os.getpid()}-x"}


def test_too_little_room_is_said_before_anything_is_made(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cli.demo.stage.free_nbytes", lambda _: 2**24)
    stage = set_stage(Progress(disable=True))
    with pytest.raises(OutOfSpaceError, match="grid doctor"):
        stage.__enter__()
    assert not list(parent.iterdir())


def test_a_problem_is_a_claim_that_does_not_hold() -> None:
    claim = claim_of(CheckReport(("extent lost",), 1, 1))
    assert not claim.held
    assert "extent lost" in claim.text


def test_the_watch_sees_the_largest_size(tmp_path: Path) -> None:
    with Watch(tmp_path) as watch:
        (tmp_path / "file").write_bytes(b"x" * 2**20)
    assert watch.largest_nbytes >= 2**20


def test_facts_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        "import os.path\nfrom sys import argv\n\n"
        'class A:\n    def m(self):\n        """Say."""\n        return 1\n'
    )
    assert analyse(str(path), 0) == {
        "lines": 7,
        "functions": 1,
        "classes": 1,
        "documented": 1,
        "longest": (3, "m"),
        "imports": ("os", "sys"),
    }


def test_a_file_that_is_no_python_has_lines_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("print 'old'\n")
    assert analyse(str(path), 0)["lines"] == 1
    assert analyse(str(path), 0)["functions"] == 0


def test_the_standard_library_is_found_without_what_others_installed() -> None:
    names = {path.name for path in standard_library()}
    assert "argparse.py" in names
    assert "pytest.py" not in names
