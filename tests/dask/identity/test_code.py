"""Functions count by what they do, also where Dask knows them by name alone."""

import functools
import operator
from typing import Any

import dask.array as da
import numpy as np
import pytest
from dask.delayed import delayed

from tests.dask.identity.kit import ids, load

BASE = """
import numpy as np

LIMIT = 0.5

def helper(x):
    return x + LIMIT

def f(x, y=1, **options):
    "What it does."
    return helper(x) + y

class Model:
    def __init__(self, size=1):
        self.size = size

    def run(self, x):
        return x * self.size

    def __call__(self, x):
        return self.run(x)

made = Model()
"""

EDITS = {
    "the body": ("helper(x) + y", "helper(x) - y"),
    "a function it calls": ("x + LIMIT", "x - LIMIT"),
    "a global": ("LIMIT = 0.5", "LIMIT = 0.6"),
    "a default": ("y=1", "y=2"),
    "a default's type": ("y=1", "y=1.0"),
}
REMARKS = {
    "a comment": ("    return x + LIMIT", "    # Why.\n    return x + LIMIT"),
    "a docstring": ('"What it does."', '"What it did."'),
    "lines": ("LIMIT = 0.5", "\n\nLIMIT = 0.5"),
    "what it does not use": ("x * self.size", "x / self.size"),
}


def of_f(source: str) -> list[list[str]]:
    function = load(source).f
    x = da.from_array(np.arange(4.0), chunks=2)
    return [
        ids(delayed(function, pure=True)(1)),
        ids(x.map_blocks(function)),
        ids(x.map_blocks(functools.partial(function, y=3))),
        ids((x + 1).map_blocks(lambda block: block, dtype=float).map_blocks(function)),
    ]


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_what_a_function_does_changes_every_task(name: str) -> None:
    edited = of_f(BASE.replace(*EDITS[name]))
    for before, after in zip(of_f(BASE), edited, strict=True):
        assert set(before).isdisjoint(after) or "default" in name
    assert of_f(BASE)[0] != edited[0]


@pytest.mark.parametrize("name", REMARKS)
def test_an_edit_that_changes_nothing_keeps_the_identities(name: str) -> None:
    assert of_f(BASE) == of_f(BASE.replace(*REMARKS[name]))


def test_objects_that_are_called_count_by_class_and_state() -> None:
    def of(source: str, size: int) -> list[list[str]]:
        model = load(source).Model(size)
        return [
            ids(delayed(model, pure=True)(1)),
            ids(delayed(model.run, pure=True)(1)),
            ids(da.ones(4, chunks=2).map_blocks(model, dtype=float)),
        ]

    edited = BASE.replace("x * self.size", "x / self.size")
    assert of(BASE, 1) == of(BASE, 1)
    for one, bigger, other in zip(of(BASE, 1), of(BASE, 2), of(edited, 1), strict=True):
        assert len({*one, *bigger, *other}) == 3


def test_functions_of_packages_differ_by_name() -> None:
    functions: list[Any] = [
        *(np.add, np.multiply, operator.add, len, sum, np.linalg.norm, str.upper),
        *(operator.itemgetter(1), operator.itemgetter(2), operator.methodcaller("x")),
        *(functools.partial(np.sum, axis=0), functools.partial(np.sum, axis=1)),
    ]
    made = [ids(delayed(one, pure=True, name="call")(1))[0] for one in functions]
    assert len(set(made)) == len(made)
    assert made == [
        ids(delayed(one, pure=True, name="call")(1))[0] for one in functions
    ]


def test_a_closure_counts_by_what_it_binds() -> None:
    def adder(by: Any) -> Any:
        return lambda block: block + by

    x = da.ones(4, chunks=2)
    made = [ids(x.map_blocks(adder(by), dtype=float)) for by in (1, 1.0, 2, 1)]
    assert made[0] == made[3]
    assert len({tuple(one) for one in made}) == 3
