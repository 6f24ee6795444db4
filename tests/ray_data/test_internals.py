"""Ray Data's private names: used in one place, and only where they are known."""

import re
from pathlib import Path

import pytest
import ray

import gridcache.ray_data
from gridcache.ray_data import internals
from gridcache.ray_data.internals import gate

pytestmark = pytest.mark.ray

PACKAGE = Path(gridcache.ray_data.__file__).parent
PLANS = {"plan_walk.py", "plan_looks.py", "plans.py"}
"""They look at plans, and change none."""


def test_they_are_used_in_one_place() -> None:
    private = re.compile(r"(from|import) ray\S*\._internal|\._logical_plan")
    users = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if private.search(file.read_text())
    }
    assert {one for one in users - PLANS if not one.startswith("internals/")} == set()


def test_they_are_known_of_the_ray_that_is_tested() -> None:
    assert internals.reason() == ""
    assert internals.available()


def test_another_version_of_ray_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray, "__version__", "2.99.1")
    assert not internals.available()
    assert "2.99.1" in internals.reason()


def test_a_name_that_is_gone_closes_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("ray.data._internal.planner.planner.Planner._plan_recursively")
    assert "_plan_recursively" in internals.reason()


def test_the_environment_closes_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gate.OFF, "off")
    assert gate.OFF in internals.reason()
