"""The notebook about Dask, from end to end; each section of it asserts what it shows."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FORMAT: Any = nbformat  # it has no types
PAGE = Path(__file__).parents[2] / "notebooks" / "dask.ipynb"
TIMEOUT_S = 60
MOST_CELLS = 15


@pytest.mark.filterwarnings("default")  # the kernel's own libraries, not ours
def test_it_runs_and_shows_what_was_done() -> None:
    notebook = FORMAT.read(PAGE, as_version=4)
    NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3").execute()
    said = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert "the other process says 1999.99" in said
    assert "overwrite=True" in said
    assert "hits" in said


def test_it_is_short_and_stored_without_outputs() -> None:
    notebook = FORMAT.read(PAGE, as_version=4)
    FORMAT.validate(notebook)
    assert len(notebook.cells) <= MOST_CELLS
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
