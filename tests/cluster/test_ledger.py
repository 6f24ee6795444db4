"""What the membership keeps besides its roster, and where."""

from pathlib import Path

import pytest

from gridcache.cluster.actors import kv
from gridcache.cluster.actors.kv import FileState, SavedState, open_state
from gridcache.cluster.actors.ledger import Ledger
from gridcache.cluster.actors.posts import GridPlan
from gridcache.cluster_config import ClusterConfig, GridSettings
from tests.cluster.kit.ray_cluster import RayCluster

PLAN = GridPlan(name="g")


@pytest.fixture
def state(tmp_path: Path) -> SavedState:
    return FileState("g", tmp_path)


def check_state(state: SavedState, other: SavedState) -> None:
    assert state.get("roster") is None
    state.put("roster", b"one")
    state.put("roster", b"x" * 300_000)
    assert state.get("roster") == b"x" * 300_000
    assert other.get("roster") is None, "another grid's state is another's"
    state.clear("roster")
    state.clear("roster")
    assert state.get("roster") is None


def test_state_in_files_is_kept_whole_and_private(tmp_path: Path) -> None:
    check_state(FileState("a", tmp_path), FileState("b", tmp_path))
    kept = FileState("a", tmp_path)
    kept.put("facts", b"{}")
    (path,) = (tmp_path / ".grid-a.state").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.ray
def test_state_in_ray_is_kept(
    ray_cluster: RayCluster, grid_name: str, tmp_path: Path
) -> None:
    one, other = (open_state(f"{grid_name}{part}", tmp_path) for part in "ab")
    check_state(one, other)
    assert not any(tmp_path.iterdir()), "Ray keeps it, not files"


def test_a_ray_without_its_store_for_us_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv, "_CALLS", ("a_call_that_ray_has_not",))
    open_state("g", tmp_path).put("facts", b"kept")
    assert FileState("g", tmp_path).get("facts") == b"kept"


def test_a_ledger_is_found_again_as_it_was(state: SavedState) -> None:
    plan = GridPlan(name="g", config=ClusterConfig(gridcache=GridSettings(port=7)))
    first = Ledger(state, plan)
    first.name("ray-1", "vm", [])
    first.send_away("ray-2")
    first.new_numbers(4)
    again = Ledger(state, PLAN)
    assert (again.incarnation, again.key) == (first.incarnation, first.key)
    assert again.plan == plan
    assert again.name_of("ray-1") == "vm"
    assert again.drained() == {"ray-2"}
    assert again.new_numbers(1) == 4


def test_a_grid_brought_up_anew_is_another_one(state: SavedState) -> None:
    first = Ledger(state, PLAN)
    first.clear()
    again = Ledger(state, PLAN)
    assert again.incarnation != first.incarnation
    assert again.key != first.key


def test_names_stay_while_their_nodes_live_and_pass_on_after(
    state: SavedState,
) -> None:
    ledger = Ledger(state, PLAN)
    assert ledger.name("r1", "vm", ["r1", "r2"]) == "vm"
    assert ledger.name("r2", "vm", ["r1", "r2"]) == "vm-1"
    assert ledger.name("r1", "renamed", ["r1", "r2"]) == "vm"
    assert ledger.name("r3", "vm", ["r2", "r3"]) == "vm", "r1 is dead"
    assert ledger.name("r2", "vm", ["r2", "r3"]) == "vm-1"


def test_one_node_of_a_machine_is_its_first(state: SavedState) -> None:
    ledger = Ledger(state, PLAN)
    assert ledger.first_of("host", "r1", ["r1", "r2"])
    assert not ledger.first_of("host", "r2", ["r1", "r2"])
    assert ledger.first_of("elsewhere", "r2", ["r1", "r2"])
    assert ledger.first_of("host", "r2", ["r2"]), "r1 is dead"


def test_numbers_that_stores_know_already_are_skipped(state: SavedState) -> None:
    ledger = Ledger(state, PLAN)
    assert ledger.new_numbers(2) == 0
    ledger.skip_numbers(10)
    ledger.skip_numbers(5)
    assert ledger.new_numbers(1) == 10


def test_who_was_sent_away_may_come_back(state: SavedState) -> None:
    ledger = Ledger(state, PLAN)
    ledger.send_away("r1")
    ledger.send_away("r1")
    ledger.take_back("r1")
    ledger.take_back("r1")
    assert not ledger.drained()
