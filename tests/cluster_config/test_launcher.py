"""The file for Ray's cluster launcher: valid for Ray, right on each machine."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from gridcache.cluster_config import (
    ClusterConfig,
    launcher_config,
    load_cluster_config,
    read_cluster_config,
)
from gridcache.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "config"


def cluster() -> ClusterConfig:
    return load_cluster_config(CONFIG / "cluster.yaml")


def run_start(command: str, tmp_path: Path, *names: str) -> list[str]:
    """Run a start command with programs that tell the machine's names and listen."""
    programs = {"hostname": f"echo {' '.join(names)}", "ray": "printf '%s\\n' \"$@\""}
    for program, body in programs.items():
        (tmp_path / program).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / program).chmod(0o700)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "RAY_HEAD_IP": "10.0.0.1"}
    shell = ["bash", "-c", command]
    done = subprocess.run(
        shell, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def test_the_head_and_the_workers_are_where_the_nodes_are() -> None:
    derived = launcher_config(cluster(), user="ada")
    assert derived["cluster_name"] == "gridcache-default"
    assert derived["provider"] == {
        "type": "local",
        "head_ip": "192.168.1.10",
        "worker_ips": ["192.168.1.11", "gpu2"],
    }
    assert derived["auth"] == {"ssh_user": "ada"}
    assert derived["setup_commands"] == ['pip install --quiet "gridcache[ray]"']


def test_the_file_s_user_and_key_are_above_the_caller() -> None:
    launcher = {"ssh_user": "ray", "ssh_private_key": "~/.ssh/id"}
    content: dict[str, Any] = {
        "nodes": [{"name": "a"}],
        "gridcache": {"launcher": launcher},
    }
    auth = launcher_config(read_cluster_config(content), user="ada")["auth"]
    assert auth == {"ssh_user": "ray", "ssh_private_key": "~/.ssh/id"}


def test_the_head_is_started_with_its_name_and_labels(tmp_path: Path) -> None:
    _, start = launcher_config(cluster(), user="ada")["head_start_ray_commands"]
    words = run_start(start, tmp_path)
    assert words[:3] == ["start", "--head", "--port=6379"]
    assert "--labels=gridcache-node=head,rack=r1" in words


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("x", "192.168.1.11"), "gridcache-node=gpu1"),
        (("gpu2", "10.0.0.9"), "gridcache-node=gpu2"),
    ],
)
def test_a_worker_finds_its_own_name(
    names: tuple[str, ...], label: str, tmp_path: Path
) -> None:
    _, start = launcher_config(cluster(), user="ada")["worker_start_ray_commands"]
    words = run_start(start, tmp_path, *names)
    assert words == ["start", "--address=10.0.0.1:6379", f"--labels={label}"]


def test_a_machine_that_nobody_listed_is_started_without_a_name(tmp_path: Path) -> None:
    _, start = launcher_config(cluster(), user="ada")["worker_start_ray_commands"]
    words = run_start(start, tmp_path, "gpu22", "192.168.1.110")
    assert words == ["start", "--address=10.0.0.1:6379"]


def test_the_token_goes_to_every_machine_and_is_asked_for(tmp_path: Path) -> None:
    derived = launcher_config(cluster(), user="ada", token="/home/ada/token")  # noqa: S106 - a file
    assert derived["file_mounts"] == {"~/.ray/auth_token": "/home/ada/token"}
    for role in ("head", "worker"):
        (tmp_path / ".ray").mkdir(exist_ok=True)
        (tmp_path / ".ray" / "auth_token").write_text("secret")
        _, start = derived[f"{role}_start_ray_commands"]
        run_start(
            f"HOME={tmp_path}; {start}; echo $RAY_AUTH_MODE >$HOME/mode", tmp_path
        )
        assert (tmp_path / "mode").read_text() == "token\n"
        assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600
    assert launcher_config(cluster(), user="ada")["file_mounts"] == {}


@pytest.mark.parametrize("token", [True, False])
@pytest.mark.parametrize("name", ["laptop.yaml", "cluster.yaml"])
def test_ray_s_own_validation_accepts_it(
    name: str, token: bool, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    from ray.autoscaler._private.util import (  # noqa: PLC0415 - of an extra
        prepare_config,
        validate_config,
    )

    path = tmp_path / "token"
    path.write_text("secret")
    derived = launcher_config(
        load_cluster_config(CONFIG / name),
        user="ada",
        token=str(path) if token else None,
    )
    prepared = prepare_config(derived)
    validate_config(prepared)
    assert prepared["max_workers"] == len(derived["provider"]["worker_ips"])


def test_a_file_without_nodes_has_nothing_to_launch() -> None:
    with pytest.raises(ConfigError, match="lists no nodes"):
        launcher_config(ClusterConfig(), user="ada")


def test_localhost_among_several_machines_is_refused() -> None:
    nodes = [{"name": "a", "host": "localhost"}, {"name": "b"}]
    with pytest.raises(ConfigError, match="localhost of node a is another machine"):
        launcher_config(read_cluster_config({"nodes": nodes}), user="ada")
