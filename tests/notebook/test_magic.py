"""`%%grid_cache` in a shell: when it runs, what it restores, what it says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from IPython.core.error import UsageError

Cell = Callable[..., str]


@pytest.fixture
def variables(shell: Any) -> dict[str, Any]:
    """Variables of the notebook; a cell that calls `ran()` is counted."""
    namespace: dict[str, Any] = shell.user_ns
    counted: list[int] = []
    namespace["runs"] = counted
    namespace["ran"] = lambda: counted.append(1)
    # Like what IPython itself puts there, it is no input.
    shell.user_ns_hidden["ran"] = namespace["ran"]
    return namespace


def runs(variables: dict[str, Any]) -> int:
    return len(variables["runs"])


def test_a_cell_runs_once_and_is_restored(
    cell: Cell, variables: dict[str, Any]
) -> None:
    assert "ran" in cell("ran()\nx = 41 + 1")
    del variables["x"]
    out = cell("ran()\nx = 41 + 1")
    assert runs(variables) == 1
    assert variables["x"] == 42
    assert "hit" in out
    assert "saved" in out


def test_it_says_what_it_kept(cell: Cell) -> None:
    out = cell("x = 1\ny = 2")
    assert out.startswith("cell: ran ")
    assert "kept x, y" in out


@pytest.mark.usefixtures("variables")
def test_an_edited_cell_runs_again(cell: Cell, shell: Any) -> None:
    cell("x = 1")
    assert "ran" in cell("x = 2")
    assert shell.user_ns["x"] == 2


def test_a_comment_is_no_edit(cell: Cell) -> None:
    cell("x = 1")
    assert "hit" in cell("# why\nx = 1  # because")


def test_a_changed_input_runs_again(cell: Cell, variables: dict[str, Any]) -> None:
    variables["base"] = 10
    cell("x = base + 1")
    variables["base"] = 20
    assert "ran" in cell("x = base + 1")
    variables["base"] = 10
    assert "hit" in cell("x = base + 1")
    assert variables["x"] == 11


def test_a_changed_function_runs_again(cell: Cell, shell: Any) -> None:
    shell.run_cell("def f(): return 1")
    cell("x = f()")
    assert "hit" in cell("x = f()")
    shell.run_cell("def f(): return 2")
    assert "ran" in cell("x = f()")
    assert shell.user_ns["x"] == 2


def test_another_name_is_another_result(cell: Cell) -> None:
    cell("x = 1")
    assert "ran" in cell("x = 1", "other")


def test_force_runs(cell: Cell, variables: dict[str, Any]) -> None:
    cell("ran()\nx = 1")
    cell("ran()\nx = 1", "cell --force")
    assert runs(variables) == 2


def test_a_loop_variable_does_not_make_it_run_again(
    cell: Cell, variables: dict[str, Any]
) -> None:
    body = "ran()\nfor i in range(3):\n    last = i * i\ntotal = last + i"
    cell(body)
    assert "hit" in cell(body)
    assert runs(variables) == 1
    assert (variables["i"], variables["last"], variables["total"]) == (2, 4, 6)


def test_a_branch_not_taken_leaves_the_users_variable_alone(
    cell: Cell, variables: dict[str, Any]
) -> None:
    variables.update(flag=False, x="old")
    body = "if flag:\n    x = 'new'\ny = 1"
    cell(body)
    variables["x"] = "newer"
    assert "hit" in cell(body)
    assert variables["x"] == "newer"


def test_a_loop_that_did_not_run_is_not_kept(
    cell: Cell, variables: dict[str, Any]
) -> None:
    variables.update(items=[], r="old")
    body = "for item in items:\n    r = item\ny = r"
    assert "not kept" in cell(body)
    variables["r"] = "newer"
    cell(body)
    assert variables["y"] == "newer"


def test_an_input_changed_in_place_is_restored(
    cell: Cell, variables: dict[str, Any]
) -> None:
    body = "table['b'] = 2"
    variables["table"] = {"a": 1}
    assert "kept table" in cell(body)
    variables["table"] = {"a": 1}
    assert "hit" in cell(body)
    assert variables["table"] == {"a": 1, "b": 2}


def test_a_deleted_input_is_deleted_again(
    cell: Cell, variables: dict[str, Any]
) -> None:
    variables["x"] = 1
    cell("y = x\ndel x")
    variables["x"] = 1
    assert "hit" in cell("y = x\ndel x")
    assert "x" not in variables


def test_arrays_come_back_equal_and_writable(
    cell: Cell, variables: dict[str, Any]
) -> None:
    body = "import numpy as np\nx = np.arange(100_000.0)"
    cell(body)
    del variables["x"], variables["np"]
    assert "hit" in cell(body)
    variables["x"][0] = 7
    assert variables["np"] is np
    cell(body)
    assert variables["x"][0] == 0


def test_output_and_display_are_shown_again(
    cell: Cell, variables: dict[str, Any]
) -> None:
    body = "print('printed')\nx = 6\nx * 7"
    assert runs(variables) == 0
    first, second = cell(body), cell(body)
    for out in (first, second):
        assert "printed" in out
        assert "42" in out
    assert "hit" in second


def test_a_semicolon_silences_both_times(cell: Cell) -> None:
    body = "x = 6\nx * 7;"
    assert "42" not in cell(body)
    assert "42" not in cell(body)


def test_chosen_outputs_alone_are_kept(cell: Cell, variables: dict[str, Any]) -> None:
    body = "x = 1\ny = 2"
    cell(body, "cell -o y")
    del variables["x"], variables["y"]
    cell(body, "cell -o y")
    assert variables["y"] == 2
    assert "x" not in variables


def test_a_named_input_counts(cell: Cell, variables: dict[str, Any]) -> None:
    variables["hidden"] = 1
    cell("x = eval('hidden')", "cell -i hidden")
    variables["hidden"] = 2
    assert "ran" in cell("x = eval('hidden')", "cell -i hidden")


def test_an_input_without_identity_is_refused_or_ignored(
    cell: Cell, variables: dict[str, Any]
) -> None:
    variables["stream"] = iter([1, 2])
    with pytest.raises(UsageError, match="--ignore stream"):
        cell("x = next(stream)")
    cell("x = next(stream)", "cell --ignore stream")
    assert "hit" in cell("x = next(stream)", "cell --ignore stream")


def test_a_cell_that_raises_keeps_nothing(
    cell: Cell, variables: dict[str, Any]
) -> None:
    body = "ran()\nx = 1\nraise KeyError('mine')"
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            cell(body)
    assert runs(variables) == 2


def test_a_value_that_cannot_be_stored_stays_and_is_named(
    cell: Cell, variables: dict[str, Any]
) -> None:
    out = cell("x = 1\ny = (i for i in 'ab')")
    assert "not kept" in out
    assert variables["x"] == 1


def test_a_lambda_is_not_kept(cell: Cell, variables: dict[str, Any]) -> None:
    assert "f is a function of this notebook" in cell("f = lambda: 1")
    assert variables["f"]() == 1


def test_a_function_of_a_module_is_kept(cell: Cell, variables: dict[str, Any]) -> None:
    body = "from math import sqrt\nx = sqrt(4)"
    cell(body)
    del variables["sqrt"]
    assert "hit" in cell(body)
    assert variables["sqrt"](9) == 3


@pytest.mark.parametrize(
    ("body", "cure"),
    [
        ("def f(): return 1\nx = f()", "a cell of its own"),
        ("class A: pass", "a cell of its own"),
        ("import asyncio\nawait asyncio.sleep(0)", "aget_or_compute"),
        ("%time x = 1", "a cell of its own"),
        ("!ls", "a cell of its own"),
        ("x = eval('1')", "-i NAME"),
    ],
    ids=["def", "class", "await", "magic", "shell", "eval"],
)
def test_what_cannot_be_cached_is_refused_before_it_runs(
    body: str, cure: str, cell: Cell, variables: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=cure):
        cell(f"ran()\n{body}")
    assert runs(variables) == 0


def test_a_definition_is_fine_where_outputs_are_chosen(
    cell: Cell, variables: dict[str, Any]
) -> None:
    body = "def f(): return 1\nx = f()"
    cell(body, "cell -o x")
    assert "hit" in cell(body, "cell -o x")
    assert variables["x"] == 1


@pytest.mark.parametrize(
    "line", ["", "cell --nonsense", "cell --ttl soon", "cell 'unclosed", "cell -i none"]
)
def test_wrong_options_are_usage_errors(
    line: str, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    result = shell.run_cell(f"%%grid_cache {line}\nx = 1")
    assert isinstance(result.error_in_exec, UsageError)
    assert "x" not in shell.user_ns
    assert "UsageError" in capsys.readouterr().err


def test_the_traceback_shows_the_cells_line(
    cell: Cell, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        cell("x = 1\ny = x / 0  # here")
    assert "here" in capsys.readouterr().out


def test_nothing_of_the_magic_stays_among_the_variables(
    cell: Cell, variables: dict[str, Any]
) -> None:
    before = set(variables)
    cell("for i in range(2):\n    x = i")
    assert set(variables) - before == {"i", "x"}


def test_stats_and_keys_are_shown(cell: Cell, shell: Any, namespace: str) -> None:
    cell("x = 1", "first")
    cell("x = 2", "second")
    option = f"--namespace '{namespace}'"
    keys = shell.run_line_magic("grid_keys", f"cell:f* {option}")
    assert [key.split(":")[1] for key in keys] == ["first"]
    shell.run_line_magic("grid_stats", option)
