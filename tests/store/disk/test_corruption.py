"""Damaged files: the right value or a miss, never wrong bytes, never a crash."""

import json
import random
from pathlib import Path

import pytest

from tests.store.disk.stores import copy_store, fill, flip_bytes, opened
from tests.store.kit.processes import Child

TRIALS = 60
FLIPS = 8


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A store that was closed, and what is in it."""
    home = tmp_path_factory.mktemp("closed") / "store"
    with opened(home) as shop:
        expected = fill(shop, 72)
    return home, expected


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A store as kill -9 of its only user leaves it, and what is in it."""
    folder = tmp_path_factory.mktemp("killed")
    with opened(folder / "open") as shop:
        expected = fill(shop, 72)
        copy_store(folder / "open", folder / "store")
    return folder / "store", expected


@pytest.mark.parametrize("name", ["data.mdb", "arena"])
@pytest.mark.parametrize("left", ["closed", "killed"])
def test_random_bytes_give_right_values_or_misses(
    request: pytest.FixtureRequest, tmp_path: Path, left: str, name: str
) -> None:
    source, expected = request.getfixturevalue(left)
    chance = random.Random(f"{left} {name}")
    with Child("disk_trials") as child:
        child.tell(json.dumps(list(expected)))
        for number in range(TRIALS):
            damaged = copy_store(source, tmp_path / str(number))
            most = (damaged / name).stat().st_size >> number % 2
            flip_bytes(damaged / name, FLIPS, chance, most)
            child.tell(str(damaged))
            outcome = json.loads(child.hear())
            where = f"trial {number}: {outcome}"
            assert outcome["status"] == 0, where
            assert not outcome["problems"], where
            wrong = {k: v for k, v in outcome["found"].items() if v != expected[k]}
            assert set(map(type, wrong.values())) <= {str}, where
            # Damage costs what it hits: every index can be made anew.
            assert len(wrong) <= (FLIPS if name == "arena" else 0), where
