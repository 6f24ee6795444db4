"""Rivals that are missing, broken or left out are named, with the cure."""

from pathlib import Path

import pytest

from gridcache.bench import rivals
from gridcache.bench.result import Absent
from gridcache.bench.rivals import RIVALS, Needs, Rivals
from gridcache.bench.rivals.server import Server


@pytest.mark.parametrize(
    "needs",
    [
        Needs("redis", ("no_such_module",), cure="pip install it"),
        Needs("redis", (), "no-such-program", "apt install it"),
    ],
)
def test_a_missing_part_is_named_with_the_command_that_installs_it(
    needs: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rivals.RIVALS, "redis", needs)
    with Rivals(tmp_path, frozenset()) as found:
        absent = found.open("redis")
    assert isinstance(absent, Absent)
    assert "no" in absent.why
    assert absent.cure == needs.cure
    assert not absent.fault


def test_a_rival_that_does_not_start_is_absent_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rivals.RIVALS, "lmdb", Needs("lmdb"))
    (tmp_path / "lmdb").mkdir()
    (tmp_path / "lmdb" / "data.mdb").write_bytes(b"not a database" * 1000)
    with Rivals(tmp_path, frozenset()) as found:
        absent = found.open("lmdb")
    assert isinstance(absent, Absent)
    assert "did not start" in absent.why


def test_a_rival_left_out_is_not_opened(tmp_path: Path) -> None:
    with Rivals(tmp_path, frozenset(RIVALS)) as found:
        assert all(isinstance(found.open(name), Absent) for name in RIVALS)
    assert not list(tmp_path.iterdir())


def test_a_rival_is_opened_once(tmp_path: Path) -> None:
    with Rivals(tmp_path, frozenset()) as found:
        assert found.open("lmdb") is found.open("lmdb")


def test_a_server_that_ends_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with code 3"):
        Server(["/bin/sh", "-c", "exit 3"], tmp_path / "socket")


@pytest.mark.parametrize("name", ["redis", "memcached", "diskcache", "lmdb"])
def test_small_value_rivals_give_back_what_was_put(name: str, tmp_path: Path) -> None:
    with Rivals(tmp_path, frozenset()) as found:
        rival = found.open(name)
        if isinstance(rival, Absent):
            pytest.skip(str(rival))
        rival.fill({"filled": b"one"})
        rival.put(rival.key("put"), b"two")
        assert rival.get(rival.key("filled")) == b"one"
        assert rival.get(rival.key("put")) == b"two"
