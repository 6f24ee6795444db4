"""What counts as an input of a cell, and what as its result."""

import ast

import pytest

from gridcache.notebook.flow import Flow, flow_of


def analyse(source: str) -> Flow:
    return flow_of(ast.parse(source))


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("y = x + 1", {"x"}),
        ("x = 1\ny = x", set()),
        ("x = x + 1", {"x"}),
        ("x += 1", {"x"}),
        ("table['b'] = 1", {"table"}),
        ("rows[0], y = 1, 2", {"rows"}),
        ("y = [i * k for i in xs]", {"k", "xs"}),
        ("y = [x for row in rows for x in row]", {"rows"}),
        ("f = lambda a: a + k", {"k"}),
        ("y = f'{a!r:{width}}'", {"a", "width"}),
        ("del x", {"x"}),
        ("import os\ny = os.sep", set()),
        (
            "class A(Base):\n    z = k\n    def m(self): return late()",
            {"Base", "k", "late"},
        ),
        ("if c:\n    x = 1\nelse:\n    x = 2\ny = x", {"c"}),
        ("if c:\n    x = 1\ny = x", {"c", "x"}),
        ("if c:\n    raise E\nelse:\n    x = 1\ny = x", {"c", "E"}),
        ("while c:\n    x = 1\ny = x", {"c", "x"}),
        ("with open_it(p) as f:\n    x = f\ny = x", {"open_it", "p"}),
        ("try:\n    x = f()\nexcept E:\n    x = None\ny = x", {"f", "E"}),
        ("try:\n    x = f()\nexcept E:\n    pass\ny = x", {"f", "E", "x"}),
        ("try:\n    pass\nexcept E as e:\n    y = e", {"E"}),
        ("match v:\n    case P(x=w) if g: y = w", {"v", "P", "g"}),
        ("match v:\n    case 1: y = 1\nz = y", {"v", "y"}),
        ("for i in xs:\n    r = i\ny = r", {"xs"}),
        ("for i in xs:\n    if i: continue\n    r = i\ny = r", {"xs"}),
        ("for t[k] in xs: pass", {"t", "k", "xs"}),
        ("for i in xs:\n    for j in i:\n        r = j\n    y = r", {"xs", "r"}),
    ],
)
def test_reads_are_names_that_may_be_read_before_they_are_bound(
    source: str, reads: set[str]
) -> None:
    assert set(analyse(source).reads) == reads


def test_functions_read_when_they_may_be_called() -> None:
    source = "def a(): return b()\ndef b(): return K\nK = 3\nx = a()"
    assert not analyse(source).reads


def test_a_function_called_before_its_global_is_bound_reads_it() -> None:
    assert set(analyse("def a(): return K\nx = a()\nK = 3").reads) == {"K"}


def test_a_default_that_calls_counts_as_a_call() -> None:
    source = "def a(): return K\ndef b(x=a()): pass\nK = 3"
    assert "K" in analyse(source).reads


def test_recursion_is_no_input() -> None:
    assert not analyse("def f(n): return n and f(n - 1)\nx = f(3)").reads


def test_a_global_bound_by_a_function_is_input_and_result() -> None:
    flow = analyse("def f():\n    global total\n    total = 1\nf()")
    assert "total" in flow.reads
    assert "total" in flow.assigned


def test_relying_on_a_loop_names_the_sites_that_prove_it() -> None:
    flow = analyse(
        "for i in xs:\n    if i:\n        r = 1\n    else:\n        r = 2\ny = r"
    )
    names = {site.number: site.names for site in flow.sites.values()}
    assert [{names[n] for n in group} for group in flow.relied] == [{("r",)}]
    assert len(next(iter(flow.relied))) == 2


def test_assigned_covers_every_path() -> None:
    source = "a = 1\nif c:\n    b = 2\nfor i in xs:\n    d = i\nwith e as f: pass"
    assert analyse(source).assigned == ("a", "b", "d", "f", "i")
