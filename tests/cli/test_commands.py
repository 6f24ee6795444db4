"""Commands on a real store: what they do, and how they end."""

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from gridcache.cache import GridCache
from gridcache.cli import main
from gridcache.cli.failures import ExitCode
from gridcache.errors import CacheWarning
from gridcache.keys import text_key

Grid = Callable[..., Result]

LOOKING = [
    ("stats",),
    ("keys",),
    ("info", "x"),
    ("explain", "x"),
    ("get", "x"),
    ("rm", "x"),
    ("clear", "--yes"),
    ("check",),
]


@pytest.mark.parametrize("words", LOOKING)
def test_looking_makes_no_store(words: tuple[str, ...], grid: Grid, path: Path) -> None:
    result = grid(*words)
    assert result.exit_code == ExitCode.NO_STORE
    assert "grid put" in result.stderr
    assert result.stdout == ""
    assert not path.exists()


def test_looking_makes_no_namespace(filled: GridCache, grid: Grid) -> None:
    result = grid("keys", "--namespace", "nonsense")
    assert result.exit_code == ExitCode.NO_STORE
    assert "there are: default" in result.stderr
    names = [space.namespace for space in filled.stats().store.namespaces]
    assert names == ["default"]


@pytest.mark.parametrize("command", ["get", "info"])
def test_an_absent_key_ends_with_its_code_and_reason(
    command: str, filled: GridCache, grid: Grid
) -> None:
    del filled["user:2"]
    result = grid(command, "user:2")
    assert result.exit_code == ExitCode.NO_KEY
    assert "deleted" in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("filled")
class TestGet:
    def test_bytes_come_out_raw(self, grid: Grid) -> None:
        assert grid("get", "greeting").stdout_bytes == b"hello"

    def test_an_int_key_has_its_text_form(self, grid: Grid) -> None:
        assert grid("get", "!42").stdout == "an int key"

    def test_a_key_without_meaning_is_a_usage_error(self, grid: Grid) -> None:
        assert grid("get", "!nonsense").exit_code == ExitCode.USAGE

    def test_a_container_is_shown(self, grid: Grid) -> None:
        assert grid("get", "user:2").stdout == "{'name': 'Bob', 'age': 7}\n"

    def test_json_gives_the_value(self, grid: Grid) -> None:
        document = json.loads(grid("get", "user:2", "--json").stdout)
        assert document["value"] == {"name": "Bob", "age": 7}
        assert document["key"] == "user:2"

    def test_json_without_a_form_fails_and_names_the_way(self, grid: Grid) -> None:
        result = grid("get", "numbers", "--json")
        assert result.exit_code == ExitCode.FAILED
        assert "-o FILE" in result.stderr

    def test_an_array_goes_to_a_file(self, grid: Grid, tmp_path: Path) -> None:
        result = grid("get", "numbers", "-o", tmp_path / "x.npy")
        assert result.exit_code == ExitCode.OK
        assert result.stdout == ""
        read = np.load(tmp_path / "x.npy")
        np.testing.assert_array_equal(read, np.arange(100_000.0))


class TestPut:
    def test_a_file_is_stored_and_makes_the_store(
        self, grid: Grid, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GRIDCACHE_CAPACITY", "8MiB")
        (tmp_path / "file").write_bytes(b"\x00\xff")
        assert grid("put", "k", tmp_path / "file").exit_code == ExitCode.OK
        with GridCache(path=path) as cache:
            assert cache["k"] == b"\x00\xff"

    def test_stdin_options_and_forms(self, filled: GridCache, grid: Grid) -> None:
        words = ("--as", "json", "--ttl", "1h", "--tag", "a", "--tag", "b", "--pin")
        result = grid("put", "k", "-", *words, stdin='{"a": 1}')
        assert result.exit_code == ExitCode.OK, result.output
        assert filled["k"] == {"a": 1}
        info = filled.info("k")
        assert info is not None
        assert info.pinned
        assert info.tags == ("a", "b")
        assert info.expires is not None
        assert 3590 < info.expires - info.created <= 3601

    def test_text_that_is_no_json_is_a_usage_error(
        self, filled: GridCache, grid: Grid
    ) -> None:
        result = grid("put", "k", "-", "--as", "json", stdin="{")
        assert result.exit_code == ExitCode.USAGE
        assert "k" not in filled

    def test_a_wrong_duration_is_a_usage_error(
        self, filled: GridCache, grid: Grid
    ) -> None:
        result = grid("put", "k", "-", "--ttl", "soon", stdin="x")
        assert result.exit_code == ExitCode.USAGE
        assert "k" not in filled

    def test_a_value_too_large_ends_with_no_room(
        self, filled: GridCache, grid: Grid
    ) -> None:
        result = grid("put", "k", "-", stdin=b"x" * 2**24)
        assert result.exit_code == ExitCode.NO_ROOM
        assert "k" not in filled

    def test_an_absent_file_is_named(self, filled: GridCache, grid: Grid) -> None:
        result = grid("put", "k", "/no/such/file")
        assert result.exit_code == ExitCode.FAILED
        assert "/no/such/file" in result.stderr
        assert "k" not in filled


class TestDeleting:
    def test_rm_deletes_what_is_there_and_tells_the_rest(
        self, filled: GridCache, grid: Grid
    ) -> None:
        result = grid("rm", "user:1", "absent")
        assert result.exit_code == ExitCode.NO_KEY
        assert "absent" in result.stderr
        assert "user:1" not in filled

    def test_rm_force_forgives(self, filled: GridCache, grid: Grid) -> None:
        assert grid("rm", "-f", "absent").exit_code == ExitCode.OK
        assert len(filled) == 5

    @pytest.mark.parametrize("command", ["clear", "rm-store"])
    def test_without_a_terminal_it_needs_yes(
        self, command: str, filled: GridCache, grid: Grid, path: Path
    ) -> None:
        words = [path] if command == "rm-store" else []
        result = grid(command, *words)
        assert result.exit_code == ExitCode.USAGE
        assert "--yes" in result.stderr
        assert len(filled) == 5

    def test_clear_leaves_other_namespaces(
        self, filled: GridCache, grid: Grid, path: Path
    ) -> None:
        with GridCache("other", path=path) as other:
            other["k"] = 1
            assert grid("clear", "--yes").exit_code == ExitCode.OK
            assert len(filled) == 0
            assert other["k"] == 1

    def test_rm_store_refuses_one_in_use(
        self, filled: GridCache, grid: Grid, path: Path
    ) -> None:
        result = grid("rm-store", path, "--yes")
        assert result.exit_code == ExitCode.NO_STORE
        assert "--force" in result.stderr
        assert len(filled) == 5

    def test_rm_store_gives_the_memory_back(
        self, filled: GridCache, grid: Grid, path: Path
    ) -> None:
        filled.close()
        result = grid("rm-store", path, "--yes", "--json")
        assert result.exit_code == ExitCode.OK
        assert json.loads(result.stdout)["rm_store"]["removed"] == str(path)
        assert not path.exists()

    def test_rm_store_of_none_ends_with_no_store(self, grid: Grid) -> None:
        assert grid("rm-store", "none", "--yes").exit_code == ExitCode.NO_STORE


def test_stores_lists_what_is_below_the_directory(
    filled: GridCache, grid: Grid, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(path.parent))
    (store,) = json.loads(grid("stores", "--json").stdout)["stores"]
    assert store["name"] == path.name
    assert store["entries"] == len(filled)
    assert store["capacity_nbytes"] == 8 * 2**20


def test_no_stores_is_said_on_stderr(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(tmp_path))
    result = grid("stores")
    assert result.exit_code == ExitCode.OK
    assert "no store" in result.stderr


def test_keys_may_be_limited(filled: GridCache, grid: Grid) -> None:
    assert (
        grid("keys", "--limit", "2").stdout.splitlines()
        == sorted(map(text_key, filled))[:2]
    )


def test_config_shows_origins(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDCACHE_POLICY", "lfu")
    words = ("config", "show", "--origin", "--json", "--namespace", "mine")
    rows = json.loads(grid(*words).stdout)["settings"]
    found = {row["setting"]: (row["value"], row["origin"]) for row in rows}
    assert found["policy"] == ("lfu", "environment GRIDCACHE_POLICY")
    assert found["namespace"] == ("mine", "argument")
    assert found["ttl_s"] == (None, "default")


def test_a_wrong_setting_is_a_usage_error(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDCACHE_POLICY", "nonsense")
    result = grid("config", "show")
    assert result.exit_code == ExitCode.USAGE
    assert "GRIDCACHE_POLICY" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_the_name_that_was_called(shell: str, grid: Grid) -> None:
    script = grid("completion", shell).stdout
    assert "_GRID_COMPLETE" in script


def test_options_may_stand_before_the_command(filled: GridCache, grid: Grid) -> None:
    assert json.loads(grid("--json", "keys").stdout)["keys"][0]["key"] == "!42"
    assert grid("--json", "keys", "--format", "csv").stdout.startswith("key\n")


def test_a_damaged_store_is_an_exit_code(
    filled: GridCache, grid: Grid, path: Path
) -> None:
    filled.close()
    (path / "superblock").write_text("nonsense")
    assert grid("stats").exit_code == ExitCode.NO_STORE


def completed(words: list[str], incomplete: str) -> list[str]:
    ctx = main.make_context("grid", list(words), resilient_parsing=True)
    completion = ShellComplete(main, {}, "grid", "_GRID_COMPLETE")
    assert ctx.command is main
    return [item.value for item in completion.get_completions(words, incomplete)]


@pytest.mark.usefixtures("filled")
def test_keys_are_completed(path: Path) -> None:
    found = completed(["get", "--path", str(path)], "us")
    assert found == ["user:1", "user:2"]


def test_completion_without_a_store_offers_nothing(path: Path) -> None:
    assert completed(["get", "--path", str(path)], "us") == []


def test_a_warning_is_one_line_on_stderr(
    filled: GridCache, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filled.name == "default"

    def warn(_: object) -> list[object]:
        warnings.warn("two\nlines", CacheWarning, stacklevel=2)
        return []

    monkeypatch.setattr("gridcache.store.node_store.NodeStore.namespaces", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        result = grid("keys")
    assert "Warning: two lines\n" in result.stderr


def test_the_log_level_is_obeyed(
    filled: GridCache, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filled.name == "default"
    monkeypatch.setenv("GRIDCACHE_LOG_LEVEL", "ERROR")
    grid("keys")
    assert logging.getLogger("gridcache").level == logging.ERROR


def test_the_doctor_ends_with_what_fails(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "stores"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(directory))
    assert grid("doctor").exit_code == ExitCode.OK
    directory.chmod(0o777)
    result = grid("doctor", "--json")
    assert result.exit_code == ExitCode.FAILED
    assert f"chmod 0700 '{directory}'" in result.stderr
    rows = json.loads(result.stdout)["findings"]
    assert [row["subject"] for row in rows if row["status"] == "fail"] == [
        "permissions"
    ]
