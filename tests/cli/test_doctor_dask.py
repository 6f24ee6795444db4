"""What the doctor says of Dask."""

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from gridcache.cli.doctor.dask import FLOOR, check_dask
from gridcache.cli.doctor.finding import Finding, Status
from gridcache.config import Config

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def found(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], tmp_path: Path
) -> list[Finding]:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr("gridcache.cli.doctor.dask.version", version)
    return list(check_dask(Config(directory=tmp_path)))


def test_the_dask_that_is_here_is_fine(tmp_path: Path) -> None:
    findings = list(check_dask(Config(directory=tmp_path)))
    assert [finding.status for finding in findings] == [Status.OK, Status.OK]
    assert "RecoveryPlugin works" in findings[1].text


def test_none_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (one,) = found(monkeypatch, {"dask": "2026.8.0"}, tmp_path)
    assert one.status is Status.OK
    assert one.cure == 'pip install "gridcache[dask]"'


@pytest.mark.parametrize("old", ["dask", "distributed"])
def test_too_old_fails_with_the_command(
    old: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions = {"dask": "2026.1.1", "distributed": "2026.1.1", old: "2026.1.0"}
    (one,) = found(monkeypatch, versions, tmp_path)
    assert one.status is Status.FAIL
    assert "needs 2026.1.1" in one.text
    assert one.cure == "pip install 'dask[distributed]>=2026.1.1'"


def test_two_versions_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions = {"dask": "2026.8.0", "distributed": "2026.7.1"}
    first, _ = found(monkeypatch, versions, tmp_path)
    assert first.status is Status.WARN


def test_hooks_that_are_gone_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr("distributed.worker_state_machine.FreeKeysEvent")
    _, recovery = list(check_dask(Config(directory=tmp_path)))
    assert recovery.status is Status.WARN
    assert "FreeKeysEvent" in recovery.text


def test_the_floor_is_that_of_the_extra() -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    floor = ".".join(map(str, FLOOR))
    assert extras["dask"] == [f"dask>={floor}", f"distributed>={floor}"]
