"""The extras that the command line names are those of the project."""

import re
import tomllib
from pathlib import Path

from gridcache.cli.extras import EXTRAS

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
NOT_FOR_USERS = {"all", "dev"}


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    declared = project["optional-dependencies"]
    assert set(EXTRAS) == set(declared) - NOT_FOR_USERS
    for extra, modules in EXTRAS.items():
        names = {re.split(r"[\[<>= ]", one)[0] for one in declared[extra]}
        assert {module.lower() for module in modules} == names
