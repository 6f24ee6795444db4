"""Reports for programs: JSON, JSON lines, CSV.

Sizes stay whole numbers of bytes, seconds stay numbers, instants become ISO 8601
in UTC; the order of the fields is the order of the columns.
"""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

from gridcache.cli.report import SCHEMA_VERSION, Column, Kind, Report, Section

__all__ = ["as_csv", "as_json", "as_jsonl", "iso_instant", "records_of"]


def iso_instant(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def as_json(report: Report) -> str:
    """One object: `schema_version`, then each section under its name."""
    document: dict[str, object] = {"schema_version": SCHEMA_VERSION}
    for section in report.sections:
        records = list(records_of(section))
        document[section.name] = records[0] if section.single else records
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_jsonl(report: Report) -> str:
    """One object a line, of the last section."""
    lines = (json.dumps(r, ensure_ascii=False) for r in records_of(report.sections[-1]))
    return "".join(f"{line}\n" for line in lines)


def as_csv(report: Report) -> str:
    """The last section with a heading; nested values as JSON."""
    section = report.sections[-1]
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in section.columns])
    writer.writerows([_cell(v) for v in r.values()] for r in records_of(section))
    return out.getvalue()


def records_of(section: Section) -> Iterator[dict[str, object]]:
    """Rows as JSON has them, by field."""
    for row in section.rows:
        pairs = zip(section.columns, row, strict=True)
        yield {column.name: _raw(column, value) for column, value in pairs}


def _raw(column: Column, value: object) -> object:
    if column.kind is Kind.INSTANT and isinstance(value, int | float):
        return iso_instant(value)
    return list(value) if isinstance(value, tuple) else value


def _cell(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else value
