"""Names of nodes, the stores they hold, and how a process finds its node's."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gridcache.cluster.home import naming
from gridcache.cluster.home.naming import (
    FACTS,
    NODE_VARIABLE,
    GridFacts,
    StoreClaim,
    claim_store,
    find_standing,
    forget_grid,
    name_node,
    read_facts,
    write_facts,
)
from gridcache.config import Config
from gridcache.errors import ConfigError, StoreStalledError

FIRST = GridFacts(grid="default", node="a", incarnation="i1", ray_node_id="ray-a")
SECOND = replace(FIRST, node="b", ray_node_id="ray-b")


def claim(directory: Path, facts: GridFacts, *, first: bool = True) -> StoreClaim:
    """Hold a store and write whose it is, as an actor does."""
    held = claim_store(directory, "default", facts, first=first)
    held.path.mkdir(exist_ok=True)
    write_facts(held.path, facts)
    return held


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Stores of two living nodes of one machine."""
    first, second = claim(tmp_path, FIRST), claim(tmp_path, SECOND, first=False)
    yield first.path, second.path
    first.release()
    second.release()


def test_names_are_kept_or_get_the_first_free_number() -> None:
    taken = {"vm": "one", "vm-1": "two"}
    assert name_node("vm", taken, "one") == "vm"
    assert name_node("vm", taken, "three") == "vm-2"
    assert name_node("other", taken, "three") == "other"


def test_the_first_node_of_a_machine_has_the_plain_name(
    both: tuple[Path, Path],
) -> None:
    assert [path.name for path in both] == ["default", "default@b"]


def test_a_node_gets_back_the_store_it_had(tmp_path: Path) -> None:
    for facts, first in ((FIRST, True), (SECOND, False)):
        held = claim(tmp_path, facts, first=first)
        held.release()
        again = claim(tmp_path, facts, first=not first)
        assert again.path == held.path
        again.release()


def test_another_grids_living_node_is_passed_by(tmp_path: Path) -> None:
    held = claim(tmp_path, FIRST)
    other = claim(tmp_path, replace(FIRST, incarnation="i2-long-one"))
    third = claim(tmp_path, replace(FIRST, incarnation="i3-long-one"))
    assert other.path.name == "default@a"
    assert third.path.name == "default@a-i3-long-"
    for one in (held, other, third):
        one.release()


def test_the_store_of_a_grid_that_ended_is_taken_over(tmp_path: Path) -> None:
    claim(tmp_path, FIRST).release()
    newer = replace(SECOND, incarnation="i2")
    taken = claim(tmp_path, newer)
    assert taken.path.name == "default"
    assert read_facts(taken.path) == newer
    taken.release()


def test_a_lost_nodes_store_is_left_to_it(tmp_path: Path) -> None:
    claim(tmp_path, FIRST).release()
    other = claim(tmp_path, SECOND)
    assert other.path.name == "default@b"
    other.release()


def test_a_process_that_does_not_let_go_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "_CLAIM_S", 0.1)
    held = claim(tmp_path, FIRST)
    with pytest.raises(StoreStalledError, match="does not let go"):
        claim(tmp_path, FIRST)
    held.release()
    held.release()


_HOLDS = """
import sys
from pathlib import Path
from gridcache.cluster.home.naming import GridFacts, claim_store
held = claim_store(Path(sys.argv[1]), "default", GridFacts(
    grid="default", node="a", incarnation="i1"))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_actor_lets_go(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.kill()
    claim(tmp_path, FIRST).release()


# -- finding -------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def outside_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not loaded Ray."""
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.delenv(NODE_VARIABLE, raising=False)


def test_a_process_finds_the_first_node_or_the_one_it_names(
    tmp_path: Path, both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(directory=tmp_path)
    assert find_standing(config) == both[0]
    monkeypatch.setenv(NODE_VARIABLE, "b")
    assert find_standing(config) == both[1]
    monkeypatch.setenv(NODE_VARIABLE, "c")
    with pytest.raises(ConfigError, match="there is a, b"):
        find_standing(config)
    assert find_standing(config, "other") is None


def test_a_node_whose_actor_restarts_is_found_and_one_that_is_gone_is_not(
    tmp_path: Path,
) -> None:
    held = claim(tmp_path, FIRST)
    held.release()
    config = Config(directory=tmp_path)
    assert find_standing(config) == held.path
    long_ago = time.time() - 60
    os.utime(held.path / FACTS, (long_ago, long_ago))
    assert find_standing(config) is None


def test_a_store_that_left_its_grid_is_a_plain_one(
    tmp_path: Path, both: tuple[Path, Path]
) -> None:
    forget_grid(both[0])
    assert read_facts(both[0]) is None
    assert find_standing(Config(directory=tmp_path)) is None
    assert find_standing(Config(directory=tmp_path / "nowhere")) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"grid": 1}', b"\xff"])
def test_facts_that_are_none_are_read_as_no_grid(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FACTS).write_bytes(content)
    assert read_facts(tmp_path) is None


def test_facts_are_private_and_replaced_whole(tmp_path: Path) -> None:
    write_facts(tmp_path, FIRST)
    write_facts(tmp_path, replace(FIRST, number=3))
    assert json.loads((tmp_path / FACTS).read_text())["number"] == 3
    assert (tmp_path / FACTS).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FACTS]
