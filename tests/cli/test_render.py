"""One report in each of its forms."""

import csv
import io
import json

import pytest
from rich.console import Console

from gridcache.cli.machine import as_csv, as_json, as_jsonl, iso_instant
from gridcache.cli.people import printable, shown
from gridcache.cli.plain import as_text
from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cli.styled import make_console, print_report

LONG = "key:" + "x" * 300
COLUMNS = (
    Column("key"),
    Column("raw_nbytes", Kind.BYTES, "value"),
    Column("created", Kind.INSTANT),
    Column("hits", Kind.COUNT),
    Column("pinned", Kind.FLAG),
    Column("tags", Kind.NAMES),
    Column("misses", Kind.NAMES),
)
ROW = (LONG, 3 * 2**29, 1e9, 1234, True, ("a", "b"), {"evicted": 2})
REPORT = Report(
    (
        Section("totals", (Column("ok", Kind.FLAG), Column("n")), [(True, None)], True),
        Section("keys", COLUMNS, [ROW]),
    )
)


def test_json_has_raw_values_in_the_order_of_the_columns() -> None:
    document = json.loads(as_json(REPORT))
    assert list(document) == ["schema_version", "totals", "keys"]
    assert document["totals"] == {"ok": True, "n": None}
    assert document["keys"] == [
        {
            "key": LONG,
            "raw_nbytes": 3 * 2**29,
            "created": "2001-09-09T01:46:40.000Z",
            "hits": 1234,
            "pinned": True,
            "tags": ["a", "b"],
            "misses": {"evicted": 2},
        }
    ]
    assert list(document["keys"][0]) == [column.name for column in COLUMNS]


def test_jsonl_is_one_line_a_row_of_the_last_section() -> None:
    lines = as_jsonl(REPORT).splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["hits"] == 1234


def test_csv_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(REPORT))))
    assert rows[0]["raw_nbytes"] == str(3 * 2**29)
    assert rows[0]["pinned"] == "true"
    assert json.loads(rows[0]["misses"]) == {"evicted": 2}


def test_text_cuts_and_draws_nothing() -> None:
    text = as_text(REPORT)
    assert LONG in text
    assert "1.50 GiB" in text
    assert text.isascii()
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_one_column_is_listed_without_a_heading() -> None:
    report = Report((Section("keys", (Column("key"),), [("a",), ("b",)]),))
    assert as_text(report) == "a\nb\n"


@pytest.mark.parametrize("color", ["always", "never"])
def test_a_coloured_pipe_is_neither_cut_nor_boxed(
    color: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(REPORT, make_console(color))
    out = capsys.readouterr().out
    assert LONG in out
    assert not set("─│━┃").intersection(out)
    assert ("\x1b[" in out) == (color == "always")


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert make_console("auto").no_color


def test_a_key_cannot_move_the_cursor() -> None:
    assert "\x1b" not in printable("evil\x1b[2J")
    assert "\x1b" not in shown(("evil\x1b[2J",), Kind.NAMES)


def test_markup_in_a_key_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    section = Section("keys", (Column("key"), Column("n")), [("[red]x[/red]", 1)])
    print_report(Report((section,)), make_console("never"))
    assert "[red]x[/red]" in capsys.readouterr().out


def test_a_terminal_gets_lines() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    out.isatty = lambda: True  # type: ignore[method-assign]
    print_report(REPORT, console)
    assert "─" in out.getvalue()


def test_nothing_is_a_dash() -> None:
    assert [shown(value, Kind.BYTES) for value in (None, "", ())] == ["-", "-", "-"]


def test_zero_is_not_nothing() -> None:
    assert shown(0, Kind.BYTES) == "0 B"
    assert shown(value=False, kind=Kind.FLAG) == "no"


def test_instants_are_utc() -> None:
    assert iso_instant(0.5) == "1970-01-01T00:00:00.500Z"
