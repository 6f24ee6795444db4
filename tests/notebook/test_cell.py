"""Which cells are refused, and what makes two cells the same."""

import pytest

from gridcache.notebook.cell import RefusedCellError, parse_cell


@pytest.mark.parametrize(
    ("source", "cure"),
    [
        ("x = await f()", "aget_or_compute"),
        ("async with a: pass", "aget_or_compute"),
        ("x = [y async for y in z]", "aget_or_compute"),
        ("from os import *", "import by name"),
        ("x = eval('y')", "-i NAME"),
        ("x = globals()['y']", "-i NAME"),
        ("get_ipython().run_line_magic('time', 'x = 1')", "a cell of its own"),
    ],
)
def test_a_cell_whose_inputs_cannot_be_seen_is_refused(source: str, cure: str) -> None:
    with pytest.raises(RefusedCellError, match="line 1") as caught:
        parse_cell(source)
    assert cure in str(caught.value)


def test_await_inside_a_function_is_no_waiting_cell() -> None:
    parse_cell("async def f(): return await g()")


def test_named_inputs_answer_for_eval() -> None:
    parse_cell("x = eval('y')", named_inputs=True)


def test_comments_and_layout_do_not_count() -> None:
    assert parse_cell("x=1 # one").digest == parse_cell("\n\nx = (1)\n").digest


def test_code_counts() -> None:
    assert parse_cell("x = 1").digest != parse_cell("x = 2").digest


def test_a_syntax_error_is_the_users_own() -> None:
    with pytest.raises(SyntaxError):
        parse_cell("x = = 1")
