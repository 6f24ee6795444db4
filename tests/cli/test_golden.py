"""What each command prints, compared with files: the output is an interface.

`UPDATE_GOLDEN=1 pytest tests/cli/test_golden.py` writes the files anew; read the
difference before you commit it. What changes from run to run or with the layout of a
store (times, sizes of files, generations) is replaced by its kind first.
"""

import csv
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from gridcache.cache import GridCache

Grid = Callable[..., Result]
GOLDEN = Path(__file__).parent / "golden"

VARYING = (
    (r"/[^\s\"',]*/store", "<PATH>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "<TIME>"),
    (r"\d+(\.\d+)? (B|[KMG]iB)\b *", "<SIZE> "),
    (r'("\w*nbytes": )\d{3,}', r"\1<SIZE>"),
    (r'("generation": )\d+', r"\1<N>"),
    (r"(generation +)\d+", r"\1<N>"),
    (r'("extents": )\d+', r"\1<N>"),
    (r"(extents checked +)\d+", r"\1<N>"),
    (r"\d+(\.\d+)? (s|ms|us) ago", "<AGE> ago"),
    (r"\b\d+ stored", "<N> stored"),
    (r'("compression_ratio": )[0-9.]+', r"\1<N>"),
    (r"   +", "  "),
    (r" +$", ""),
)

SIZES = ("nbytes", "generation", "ratio", "extents")

CASES = {
    "stats": ("stats",),
    "keys": ("keys",),
    "keys-glob": ("keys", "user:*"),
    "keys-long": ("keys", "--long"),
    "info": ("info", "numbers"),
    "explain": ("explain", "greeting"),
    "explain-absent": ("explain", "greetin"),
    "get": ("get", "user:1"),
    "check": ("check",),
    "rm": ("rm", "user:1", "!42"),
    "clear": ("clear", "--tag", "text", "--yes"),
}


def normalised(text: str) -> str:
    for pattern, kind in VARYING:
        text = re.sub(pattern, kind, text, flags=re.MULTILINE)
    return text


def without_sizes(text: str) -> str:
    rows = csv.DictReader(io.StringIO(text))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows.fieldnames or (), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({n: "<N>" if n.endswith(SIZES) else row[n] for n in row})
    return out.getvalue()


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize("name", CASES)
def test_output_is_as_recorded(
    name: str, form: str, filled: GridCache, grid: Grid
) -> None:
    assert len(filled) == 5
    result = grid(*CASES[name], "--format", form)
    assert result.exit_code == 0, result.output
    output = without_sizes(result.stdout) if form == "csv" else result.stdout
    found = normalised(output)
    path = GOLDEN / f"{name}.{form}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(found)
    assert found == path.read_text()
