"""Lost and cut files of a store on disk: rebuilt or a clear error, never a crash."""

import json
import random
import shutil
from pathlib import Path

import pytest

from gridcache.errors import StoreFormatError
from gridcache.store import marks
from gridcache.store.opening import open_store
from tests.store.disk.stores import fill, flip_bytes, opened, read_all


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the store of a test lies."""
    return tmp_path / "store"


@pytest.fixture
def expected(home: Path) -> dict[str, int]:
    """What is in the closed store."""
    with opened(home) as shop:
        return fill(shop)


@pytest.mark.parametrize(
    "name",
    ["data.mdb", "lock.mdb", "access", "clients", "gone", "gate", "opening", "clean"],
)
@pytest.mark.parametrize("how", ["lost", "emptied", "cut"])
def test_a_file_that_can_be_made_anew_costs_nothing(
    home: Path, expected: dict[str, int], name: str, how: str
) -> None:
    path = home / name
    if how == "lost":
        path.unlink()
    else:
        nbytes = path.stat().st_size // 3 if how == "cut" else 0
        path.write_bytes(path.read_bytes()[:nbytes])
    with opened(home) as shop:
        assert read_all(shop, list(expected)) == expected


def test_lost_locks_and_marks_cost_nothing(
    home: Path, expected: dict[str, int]
) -> None:
    shutil.rmtree(home / "locks")
    (home / marks.NAMESPACES).write_text("{")
    with opened(home) as shop:
        assert read_all(shop, list(expected)) == expected


def test_a_lost_arena_is_an_empty_store(home: Path, expected: dict[str, int]) -> None:
    (home / "arena").unlink()
    with opened(home) as shop:
        assert read_all(shop, list(expected)) == dict.fromkeys(expected)
        assert fill(shop) == expected
        assert read_all(shop, list(expected)) == expected


@pytest.mark.parametrize("share", [0.3, 0.7001])
def test_a_cut_arena_keeps_what_lies_before_the_cut(
    home: Path, expected: dict[str, int], share: float
) -> None:
    path = home / "arena"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with opened(home) as shop:
        found = read_all(shop, list(expected))
        assert set(found.values()) <= {*expected.values(), None}
        assert 5 < sum(number is not None for number in found.values()) < len(found)


def test_a_damaged_superblock_is_a_clear_error(
    home: Path, expected: dict[str, int]
) -> None:
    path = home / "superblock"
    whole, chance = path.read_bytes(), random.Random(5)
    for _ in range(40):
        path.write_bytes(whole)
        flip_bytes(path, 1, chance, len(whole) - 1)  # the last byte ends the line
        with pytest.raises(StoreFormatError):
            open_store(home)
    path.write_bytes(whole)
    with opened(home) as shop:
        assert read_all(shop, list(expected)) == expected


def test_a_superblock_with_another_capacity_is_not_believed(
    home: Path, expected: dict[str, int]
) -> None:
    content = json.loads((home / "superblock").read_text())
    content["capacity_nbytes"] *= 2
    (home / "superblock").write_text(json.dumps(content))
    with pytest.raises(StoreFormatError, match="damaged"):
        open_store(home)
    assert expected


def test_lost_settings_leave_the_entries_reachable_by_number(
    home: Path, expected: dict[str, int]
) -> None:
    (home / marks.NAMESPACES).unlink()
    (home / "data.mdb").unlink()
    with opened(home) as shop:
        names = [space.name for space in shop.store.namespaces()]
        assert "recovered-1" in names
        space = next(s for s in shop.store.namespaces() if s.name == "recovered-1")
        assert len(list(shop.store.keys(space))) == len(expected)
