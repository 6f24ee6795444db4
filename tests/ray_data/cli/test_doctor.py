"""What the doctor says of Ray Data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache import GridCache
from gridcache.cli.doctor import ray_data as doctor
from gridcache.cli.doctor.finding import Finding, Status
from gridcache.cli.doctor.ray_data import check_ray_data
from gridcache.cli.ray.object_store import object_stores
from gridcache.config import Config
from gridcache.ray_data.internals import gate

WHOLE = 16 * 2**30


@pytest.fixture
def config(store_dir: Path) -> Config:
    return Config(directory=store_dir, capacity=WHOLE // 4)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One on which no Ray runs, of a known size."""
    monkeypatch.setattr(doctor, "object_stores", list)
    monkeypatch.setattr(doctor, "memory_nbytes", lambda: WHOLE)


def about(subject: str, findings: Iterator[Finding]) -> Finding:
    return next(one for one in findings if one.subject == subject)


def test_the_ray_that_is_here_is_fine(config: Config) -> None:
    findings = list(check_ray_data(config))
    assert [one.subject for one in findings] == ["ray data", "ray data tee"]
    assert {one.status for one in findings} == {Status.OK}
    assert "pyarrow" in findings[0].text


def test_none_is_no_fault(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "missing_modules", lambda _: ("ray", "pandas"))
    (one,) = check_ray_data(config)
    assert one.status is Status.OK
    assert one.cure == 'pip install "gridcache[ray-data]"'


def test_what_ray_data_misses_is_named(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "missing_modules", lambda _: ("pyarrow",))
    (one,) = check_ray_data(config)
    assert one.status is Status.WARN
    assert "without pyarrow" in one.text


def test_other_internals_are_told(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(gate.OFF, "off")
    found = about("ray data tee", check_ray_data(config))
    assert found.status is Status.WARN
    assert gate.OFF in found.text


def test_two_stores_that_leave_room_are_fine(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "object_stores", lambda: [WHOLE // 4])
    found = about("ray data memory", check_ray_data(config))
    assert found.status is Status.OK


def test_two_stores_that_leave_little_for_workers_are_a_warning(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "object_stores", lambda: [WHOLE // 4, WHOLE // 3])
    found = about("ray data memory", check_ray_data(config))
    assert found.status is Status.WARN
    assert "--object-store-memory" in found.cure


def test_stores_that_are_there_count_as_large_as_they_are(
    config: Config, store_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "object_stores", lambda: [WHOLE // 2])
    with GridCache("x", path=store_dir / "default", capacity="8MiB"):
        found = about("ray data memory", check_ray_data(config))
    assert found.status is Status.OK
    assert "8.00 MiB" in found.text


def test_object_stores_are_read_from_the_command_lines(tmp_path: Path) -> None:
    lines = {
        "17": ["/opt/ray/raylet", "--object_store_memory=83886080", "--x=1"],
        "18": ["python", "--object_store_memory=5"],
        "19": ["raylet", "--no-such-option"],
    }
    for pid, words in lines.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes("\0".join(words).encode())
    (tmp_path / "20").mkdir()
    assert object_stores(tmp_path) == [83886080]
