"""`grid up --print`, and how Ray's cluster launcher is called."""

import sys
import warnings
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gridcache.cli import main
from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.ray.launch import launch, tear_down
from gridcache.cluster_config import launcher_config, load_cluster_config

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTH_MODE", "AUTH_TOKEN", "AUTH_TOKEN_PATH", "ADDRESS"):
        monkeypatch.delenv(f"RAY_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def grid(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), prog_name="grid")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the interpreter that runs Ray's command: keeps what it was given."""
    path = tmp_path / "python"
    path.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\n'
        f'cp "$4" {tmp_path}/file\nexit $(cat {tmp_path}/code)\n'
    )
    path.chmod(0o700)
    (tmp_path / "code").write_text("0")
    monkeypatch.setattr(sys, "executable", str(path))
    return path


def test_print_shows_the_derived_file_and_starts_nothing() -> None:
    path = str(CONFIG / "cluster.yaml")
    result = grid("up", "--print", "--config", path)
    assert result.exit_code == ExitCode.OK, result.output
    shown = yaml.safe_load(result.stdout)
    (token,) = shown["file_mounts"].values()
    assert shown == launcher_config(
        load_cluster_config(path), user=shown["auth"]["ssh_user"], token=token
    )


def test_print_without_nodes_is_a_usage_error() -> None:
    result = grid("up", "--print")
    assert result.exit_code == ExitCode.USAGE
    assert "add them under `nodes`" in result.stderr


def test_a_cluster_file_that_is_wrong_or_missing_is_a_usage_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "c.yaml").write_text("gridcache: {prot: 1}")
    for name, said in (("c.yaml", "did you mean port?"), ("d.yaml", "cannot read")):
        result = grid("nodes", "--config", str(tmp_path / name))
        assert result.exit_code == ExitCode.USAGE
        assert said in result.stderr


def test_foreign_keys_of_a_cluster_file_are_one_line_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("nodes: [{name: a}]\nlogging: {level: INFO}")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = grid("up", "--print", "--config", str(tmp_path / "c.yaml"))
    assert result.exit_code == ExitCode.OK
    assert result.stderr.startswith("Warning: ")
    assert len(result.stderr.splitlines()) == 1
    assert "logging" in result.stderr


def test_ray_up_is_run_on_the_derived_file(program: Path) -> None:
    config = load_cluster_config(CONFIG / "cluster.yaml")
    launch(config)
    words = (program.parent / "words").read_text().splitlines()
    assert words[:3] == ["-m", "ray.scripts.scripts", "up"]
    assert words[4:] == ["--yes", "--no-config-cache"]
    written = yaml.safe_load((program.parent / "file").read_text())
    assert written["provider"]["head_ip"] == "192.168.1.10"
    assert not Path(words[3]).exists()
    tear_down(config)
    words = (program.parent / "words").read_text().splitlines()
    assert words[2] == "down"
    assert words[4:] == ["--yes"]


@pytest.mark.usefixtures("program")
def test_up_from_a_machine_outside_says_where_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    result = grid("up", "--config", str(CONFIG / "cluster.yaml"))
    assert result.exit_code == ExitCode.NO_STORE
    assert "on 192.168.1.10" in result.stderr


def test_a_launcher_that_fails_is_a_failure(program: Path) -> None:
    (program.parent / "code").write_text("7")
    with pytest.raises(Failure, match="`ray up` failed with code 7"):
        launch(load_cluster_config(CONFIG / "cluster.yaml"))


def test_ray_s_command_is_where_it_is_run() -> None:
    pytest.importorskip("ray")
    from ray.scripts.scripts import cli  # noqa: PLC0415 - of an extra

    assert {"up", "down", "start"} <= set(cli.commands)
