"""The walk of an index: passes what is whole, refuses what is not, never raises."""

import random
from pathlib import Path

import lmdb
import pytest

from gridcache.store import recovery
from gridcache.store.pages import _Pages, problem_of_pages
from gridcache.store.walk import main, walk
from tests.store.disk.stores import copy_store, fill, flip_bytes, opened, read_all

PAGE = 4096


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A store as kill -9 of its only user leaves it, and what is in it."""
    folder = tmp_path_factory.mktemp("killed")
    with opened(folder / "open") as shop:
        expected = fill(shop)
        copy_store(folder / "open", folder / "store")
    return folder / "store", expected


def test_a_store_whose_user_was_killed_is_walked_and_kept(
    killed: tuple[Path, dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copy_store(killed[0], tmp_path / "store")
    monkeypatch.setattr(
        recovery, "_recover", lambda *_args, **_options: pytest.fail("rebuilt")
    )
    with opened(home) as shop:
        assert read_all(shop, list(killed[1])) == killed[1]


def test_a_walk_changes_nothing(
    killed: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    home = copy_store(killed[0], tmp_path / "store")
    before = {path: path.read_bytes() for path in home.iterdir() if path.is_file()}
    assert walk(home) == []
    assert main([str(home)]) == 0
    after = {path: path.read_bytes() for path in home.iterdir() if path.is_file()}
    assert after == before


@pytest.mark.parametrize("name", ["data.mdb", "arena", "superblock"])
def test_a_walk_of_a_store_without_a_file_fails(
    killed: tuple[Path, dict[str, int]], tmp_path: Path, name: str
) -> None:
    home = copy_store(killed[0], tmp_path / "store")
    (home / name).unlink()
    assert main([str(home)]) == 1


def test_pages_of_a_large_index_are_each_met_once(tmp_path: Path) -> None:
    _busy_index(tmp_path)
    assert problem_of_pages(tmp_path / "data.mdb") is None


def test_a_page_that_is_live_and_listed_as_free_is_a_problem(tmp_path: Path) -> None:
    _busy_index(tmp_path)
    path = tmp_path / "data.mdb"
    data = bytearray(path.read_bytes())
    look = _Pages(memoryview(bytes(data)))
    *_, last = look._tree(look._free)
    freed = look._free_list(last)
    at = data.index(freed[-1].to_bytes(8, "little"), last.data_at)
    live = next(page for page in range(2, len(data) // PAGE) if page not in freed)
    for number in (live, look._main.root, 1, len(data) // PAGE + 7):
        data[at : at + 8] = number.to_bytes(8, "little")
        path.write_bytes(data)
        assert problem_of_pages(path) is not None


def test_whatever_the_bytes_the_look_at_pages_only_says_so(tmp_path: Path) -> None:
    _busy_index(tmp_path)
    path = tmp_path / "data.mdb"
    whole, chance = path.read_bytes(), random.Random(2)
    for _ in range(150):
        path.write_bytes(whole)
        flip_bytes(path, 8, chance, len(whole))
        problem_of_pages(path)
    for nbytes in (1, PAGE // 2, PAGE, 5 * PAGE):
        path.write_bytes(whole[:nbytes])
        assert problem_of_pages(path) is not None


def _busy_index(directory: Path) -> None:
    """Tables of every kind with history: trees below trees, long data, free pages."""
    env = lmdb.open(str(directory), map_size=16 << 20, max_dbs=4, lib_version=0)
    plain = env.open_db(b"plain")
    numbers = env.open_db(b"numbers", integerkey=True)
    several = env.open_db(b"several", dupsort=True)
    for turn in range(6):
        with env.begin(write=True) as txn:
            for number in range(turn, 2000, 3):
                key = number.to_bytes(8, "little")
                txn.put(key, key * (number % 40), db=plain)
                txn.put(key, b"x" * (9000 if number % 97 == 0 else 8), db=numbers)
                txn.put(str(number % 5).encode(), key, db=several)
        with env.begin(write=True) as txn:
            for number in range(0, 2000, 7 + turn):
                txn.delete(number.to_bytes(8, "little"), db=plain)
    env.close()
