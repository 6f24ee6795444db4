"""The notebook's cells, in order; each section of it asserts what it shows."""

from typing import Any

import nbformat
import pytest

from gridcache import GridCache
from tests.docs.markdown import ROOT

pytestmark = pytest.mark.ray

FORMAT: Any = nbformat  # it has no types
PAGE = ROOT / "notebooks" / "ray_data.ipynb"
MOST_CELLS = 15


@pytest.mark.soak  # five seconds for what the page and the examples show, too
@pytest.mark.usefixtures("reader")
def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = FORMAT.read(PAGE, as_version=4)
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)  # noqa: S102
    shown = capsys.readouterr().out
    assert "after a look there is ['roots']" in shown
    assert "overwrite=True" in shown
    assert isinstance(names["store"], GridCache)
    assert len(names["store"]) == 0


def test_it_is_short_and_stored_without_outputs() -> None:
    notebook = FORMAT.read(PAGE, as_version=4)
    FORMAT.validate(notebook)
    assert len(notebook.cells) <= MOST_CELLS
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
