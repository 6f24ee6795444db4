"""`grid bench`: names and flags in, a table or JSON out."""

import json
from typing import Any

import pytest

from gridcache.bench import command, main
from gridcache.bench.document import SCHEMA_VERSION, as_document
from gridcache.bench.machine import machine_facts
from gridcache.bench.result import Absent, Goal, Of, Result, Series, Unit
from gridcache.bench.run import BENCHMARKS
from gridcache.bench.scale import TINY
from gridcache.bench.table import as_report
from gridcache.cli.plain import as_text

RESULTS = [
    Result(
        "small get",
        "get of 1 KiB",
        Unit.SECONDS,
        Series((2e-6, 4e-6, 3e-6)),
        "redis",
        Series((4e-5, 4e-5, 6e-5)),
        Goal(0.25),
    ),
    Result(
        "small get",
        "get of 1 KiB",
        Unit.SECONDS,
        Series((2e-6,)),
        "memcached",
        Absent("pymemcache is not installed", "pip install pymemcache"),
        Goal(0.25),
    ),
    Result(
        "usable share",
        "bytes",
        Unit.SHARE,
        Series((0.9,)),
        goal=Goal(0.95, Of.VALUE, at_most=False),
    ),
    Result("broken", "", Unit.SECONDS, Absent("ValueError: no", fault=True)),
]
SIDE = {"median", "min", "max", "rounds", "values"}
FIELDS = [
    "name",
    "what",
    "unit",
    "gridcache",
    "rival",
    "theirs",
    "ratio",
    "goal",
    "met",
]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "QUICK", TINY)
    monkeypatch.setattr(command, "FULL", TINY)


def document() -> dict[str, Any]:
    found = as_document(RESULTS, machine_facts(), quick=True)
    loaded: dict[str, Any] = json.loads(json.dumps(found))
    return loaded


def test_json_has_a_version_the_machine_and_the_same_fields_in_every_row() -> None:
    found = document()
    assert list(found) == ["schema_version", "quick", "machine", "results"]
    assert found["schema_version"] == SCHEMA_VERSION
    assert all(list(row) == FIELDS for row in found["results"])
    machine = found["machine"]
    assert machine["cpus"] >= 1
    assert machine["memory_nbytes"] > 0
    assert {"kernel", "python", "date", "cpu_model", "load"} <= set(machine)
    assert "numpy" in machine["versions"]


def test_json_gives_every_round_the_ratio_and_the_goal() -> None:
    row = document()["results"][0]
    assert set(row["gridcache"]) == set(row["theirs"]) == SIDE
    assert row["gridcache"]["rounds"] == 3
    assert row["unit"] == "s"
    assert row["ratio"] == pytest.approx(0.05)
    assert row["goal"] == {"of": "ratio", "at_most": 0.25}
    assert row["met"] == "yes"


def test_json_says_what_was_not_measured_and_how_to_get_it() -> None:
    _, absent, share, broken = document()["results"]
    assert absent["theirs"]["cure"] == "pip install pymemcache"
    assert absent["met"] == "not measured"
    assert share["met"] == "no"
    assert share["theirs"] is None
    assert broken["gridcache"]["not_measured"] == "ValueError: no"


def test_the_table_names_what_is_missing_and_how_to_install_it() -> None:
    text = as_text(as_report(RESULTS, machine_facts(), quick=False))
    assert "3.00 us" in text
    assert ">= 95.0 %" in text
    assert "NO" in text
    assert "pip install pymemcache" in text
    assert "not measured" in text


@pytest.mark.usefixtures("tiny")
def test_a_run_prints_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "--json", "--quick"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["quick"] is True
    assert printed.err == ""


@pytest.mark.usefixtures("tiny")
def test_a_quick_run_says_that_it_is_not_to_be_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["import", "--quick"]) == 0
    printed = capsys.readouterr()
    assert "import gridcache" in printed.out
    assert "not to be quoted" in printed.err


@pytest.mark.usefixtures("tiny")
def test_a_broken_figure_ends_the_run_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(BENCHMARKS, "import", ("no_such_figure",))
    assert main(["import"]) == 1
    assert "no_such_figure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["latencies"], "latency"),
        (["--without", "mysql"], "redis"),
        (["policies", "--trace", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert named in capsys.readouterr().err
