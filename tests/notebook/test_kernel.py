"""The magics in a real kernel, and the tour from end to end."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FORMAT: Any = nbformat  # it has no types
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TOUR = NOTEBOOKS / "tour.ipynb"
TIMEOUT_S = 60
MOST_CELLS = 15

SLOW = """%%grid_cache answer --namespace kernel-test
import time
time.sleep(0.3)
answer = 6 * 7
print("computed")"""


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def run_in_new_kernel(*sources: str) -> list[str]:
    notebook = FORMAT.v4.new_notebook()
    notebook.cells = [FORMAT.v4.new_code_cell(source) for source in sources]
    NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3").execute()
    return [text_of(cell) for cell in notebook.cells]


@pytest.mark.filterwarnings("default")  # the kernel's own libraries, not ours
def test_a_restarted_kernel_finds_the_result() -> None:
    load = "%load_ext gridcache"
    first = run_in_new_kernel(load, SLOW)
    second = run_in_new_kernel(load, SLOW, "print(answer, time.__name__)")
    assert "computed" in first[1]
    assert "answer: ran" in first[1]
    assert "answer: hit" in second[1]
    assert "ms saved" in second[1]
    assert "computed" in second[1]
    assert second[2] == "42 time\n"


@pytest.mark.filterwarnings("default")
def test_the_tour_runs_and_its_cell_is_a_hit_the_second_time() -> None:
    """Each section of the tour asserts what it shows."""
    for expected in ("eigenvalues: ran", "eigenvalues: hit"):
        notebook = FORMAT.read(TOUR, as_version=4)
        if expected.endswith("hit"):
            # The end of the tour empties the cache: look before that.
            notebook.cells = notebook.cells[:10]
        else:
            notebook.cells = notebook.cells[:-1]
        NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3").execute()
        assert any(expected in text_of(c) for c in notebook.cells if "outputs" in c)


def test_the_tour_is_short_and_stored_without_outputs() -> None:
    notebook = FORMAT.read(TOUR, as_version=4)
    FORMAT.validate(notebook)
    assert len(notebook.cells) <= MOST_CELLS
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
