"""What is shipped, and what a fresh clone relies on."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import gridcache

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = sorted((ROOT / "constraints").glob("*.txt"))
TARGETS = ("demo", "test", "check", "bench", "soak", "clean")


def names(requirements: list[str]) -> set[str]:
    """Return the normalised names of requirements."""
    found = (re.match(r"[A-Za-z0-9._-]+", text) for text in requirements)
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def core() -> set[str]:
    return names(PROJECT["project"]["dependencies"])


def test_the_version_is_the_installed_one_and_in_the_changelog() -> None:
    version = PROJECT["project"]["version"]
    assert gridcache.__version__ == version == metadata.version("gridcache")
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog


def test_every_core_dependency_is_justified() -> None:
    text = (ROOT / "docs" / "explain" / "dependencies.md").read_text()
    assert set(re.findall(r"^### (\S+)$", text, flags=re.MULTILINE)) == core()


def test_every_dependency_has_a_floor_and_no_ceiling() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    listed = [PROJECT["project"]["dependencies"], *extras.values()]
    for requirement in (text for group in listed for text in group):
        if not requirement.startswith("gridcache["):
            assert re.fullmatch(r"[A-Za-z0-9._\[\]-]+>=[0-9.]+", requirement)


def test_the_extra_all_has_every_extra_for_users() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    listed = everything.removeprefix("gridcache[").removesuffix("]").split(",")
    assert set(listed) == set(extras) - {"all", "dev"}


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_constraints_are_names_and_versions_without_addresses(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert all(
        re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines
    )
    assert core() <= names(lines)


def test_both_commands_are_the_same_program() -> None:
    scripts = metadata.entry_points(group="console_scripts")
    ours = {
        script.name: script.value for script in scripts if "gridcache" in script.value
    }
    assert ours == dict.fromkeys(("grid", "gridcache"), "gridcache.cli:main")


def test_make_knows_the_promised_targets() -> None:
    make = ["make", "--dry-run", "--directory", str(ROOT), *TARGETS]
    subprocess.run(make, check=True, capture_output=True)


def test_the_continuous_integration_hides_nothing() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "exec make check test"


@pytest.mark.slow
def test_the_wheel_has_the_typed_package_and_nothing_else(tmp_path: Path) -> None:
    build = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        f"{tmp_path}",
    ]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = zipfile.ZipFile(wheel).namelist()
    assert "gridcache/py.typed" in shipped
    assert any(name.endswith("/licenses/LICENSE") for name in shipped)
    assert all(name.startswith(("gridcache/", "gridcache-")) for name in shipped)
    sources = {
        path.relative_to(ROOT).as_posix() for path in ROOT.glob("gridcache/**/*.py")
    }
    assert sources <= set(shipped)
