"""The analysis against what random cells really read and bind."""

import ast
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gridcache.notebook.flow import flow_of
from gridcache.notebook.marks import MARKS_NAME, with_marks

NAMES = ("a", "b", "c", "d")
SOURCES = ("nothing", "one", "two")


class Watched(dict[str, Any]):
    """Variables that note which were read before the cell had bound them."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()
        self.bound: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self.bound:
            self.read.add(name)
        return super().__getitem__(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.bound.add(name)
        super().__setitem__(name, value)


def indented(lines: list[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


names = st.sampled_from(NAMES)
simple = st.one_of(
    st.builds("{} = {} + {}".format, names, names, names),
    st.builds("{} = 1".format, names),
    st.builds("{} += 1".format, names),
    st.builds("{} = [{} for {} in range(2)]".format, names, names, names),
    st.just("if stop(): raise KeyError"),
)


def block(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    body = st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: [line for part in parts for line in part]
    )
    return st.one_of(
        st.builds(
            lambda one, two: ["if stop():", *indented(one), "else:", *indented(two)],
            body,
            body,
        ),
        st.builds(lambda one: ["if stop():", *indented(one)], body),
        st.builds(
            lambda name, source, one: [f"for {name} in {source}:", *indented(one)],
            names,
            st.sampled_from(SOURCES),
            body,
        ),
        st.builds(
            lambda one, two: [
                "for _ in two:",
                *indented(one),
                "    if stop(): break",
                *indented(two),
            ],
            body,
            body,
        ),
        st.builds(
            lambda one, two: [
                "try:",
                *indented(one),
                "except KeyError:",
                *indented(two),
            ],
            body,
            body,
        ),
    )


line = simple.map(lambda text: [text])
statement = st.recursive(line, block, max_leaves=8)
cells = st.lists(statement, min_size=1, max_size=5).map(
    lambda parts: "\n".join(line for part in parts for line in part)
)


@settings(max_examples=150, deadline=None)
@given(source=cells, answers=st.lists(st.booleans(), min_size=1, max_size=7))
def test_a_run_reads_and_binds_only_what_the_analysis_says(
    source: str, answers: list[bool]
) -> None:
    tree = ast.parse(source)
    flow = flow_of(tree)
    marks: dict[int, bool] = {}
    asked = iter(answers * 1000)
    fixed = {
        "stop": lambda: next(asked),
        "nothing": (),
        "one": (1,),
        "two": (1, 2),
        MARKS_NAME: marks,
    }
    variables = Watched({**fixed, **dict.fromkeys(NAMES, 0)})
    code = compile(with_marks(tree, flow), "<cell>", "exec")
    try:
        # Lists and numbers do not add: such a cell fails and is not kept.
        exec(code, {}, variables)  # noqa: S102
    except (KeyError, TypeError, NameError):
        return
    certain = all(group.intersection(marks) for group in flow.relied)
    if certain:
        assert variables.read.intersection(NAMES) <= set(flow.reads)
    passed = {
        name
        for site in flow.sites.values()
        if site.number in marks
        for name in site.names
    }
    assert variables.bound - {"_"} == (passed | flow.bound) - {"_"}
