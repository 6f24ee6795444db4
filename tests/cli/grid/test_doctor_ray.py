"""What the doctor says about Ray and a cluster file."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from gridcache.cli.doctor import ray as doctor_ray
from gridcache.cli.doctor.cluster import check_cluster_file
from gridcache.cli.doctor.finding import Finding, Status
from gridcache.cli.doctor.ray import check_ports, check_ray
from gridcache.cli.ray.token import ensure_token
from gridcache.cluster.home.naming import GridFacts, write_facts
from gridcache.cluster_config import read_cluster_config
from gridcache.config import Config

pytest.importorskip("ray")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    for name in ("ADDRESS", "AUTH_MODE", "AUTH_TOKEN", "AUTH_TOKEN_PATH"):
        monkeypatch.delenv(f"RAY_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    return Config(directory=tmp_path / "stores")


@pytest.fixture
def listening(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that answers, named as Ray's address."""
    assert not config.directory.exists()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
        yield port


def about(subject: str, findings: Iterator[Finding]) -> Finding:
    return next(one for one in findings if one.subject == subject)


def test_without_a_cluster_the_cure_is_grid_up(config: Config) -> None:
    found = about("ray cluster", check_ray(config))
    assert (found.status, found.cure) == (Status.OK, "grid up")


def test_without_ray_the_command_that_brings_it_is_named(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor_ray, "version", absent)
    (found,) = check_ray(config)
    assert found.status is Status.OK
    assert "gridcache[ray]" in found.cure


@pytest.mark.usefixtures("listening")
def test_a_cluster_that_asks_for_no_token_is_a_warning(config: Config) -> None:
    assert about("ray cluster", check_ray(config)).status is Status.OK
    found = about("ray token", check_ray(config))
    assert found.status is Status.WARN
    assert "run code as you" in found.text


@pytest.mark.usefixtures("listening")
def test_a_token_that_others_can_read_fails_with_the_command(
    config: Config, tmp_path: Path
) -> None:
    ensure_token()
    assert about("ray token", check_ray(config)).status is Status.OK
    path = tmp_path / ".ray" / "auth_token"
    path.chmod(0o644)
    found = about("ray token", check_ray(config))
    assert found.status is Status.FAIL
    assert found.cure == f"chmod 0600 '{path}'"


@pytest.mark.usefixtures("listening")
def test_a_token_that_is_missing_fails(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert about("ray token", check_ray(config)).status is Status.FAIL
    monkeypatch.setenv("RAY_AUTH_TOKEN", "x")
    assert about("ray token", check_ray(config)).status is Status.OK


def test_an_address_where_nothing_listens_fails(
    config: Config, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_ray, "answers", lambda *_: False)
    found = about("ray cluster", check_ray(config))
    assert found.status is Status.FAIL
    assert str(listening) in found.text


def test_a_port_that_is_taken_is_said_and_is_no_fault(
    config: Config, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_ray, "RAY_PORT", listening)
    (found,) = check_ports(config)
    assert found.status is Status.OK
    assert "will take another" in found.text


def test_a_host_that_nobody_knows_fails_and_one_that_is_known_is_fine() -> None:
    nodes = [
        {"name": "here", "host": "localhost", "memory_gb": 1},
        {"name": "there", "host": "no-such-host.invalid"},
    ]
    here, there = check_cluster_file(read_cluster_config({"nodes": nodes}))
    assert here.status is Status.OK
    assert "127.0.0.1" in here.text or "::1" in here.text
    assert there.status is Status.FAIL
    assert "no-such-host.invalid" in there.text


def test_a_file_whose_nodes_give_nothing_is_a_warning() -> None:
    (found,) = check_cluster_file(read_cluster_config({"nodes": []}))
    assert found.status is Status.WARN


def test_a_node_s_port_is_tried(config: Config, listening: int) -> None:
    store = config.directory / "default"
    store.mkdir(parents=True)
    facts = GridFacts(
        grid="default", node="gpu2", incarnation="ab", host="127.0.0.1", port=listening
    )
    write_facts(store, facts)
    (found,) = check_ports(config)
    assert (found.status, found.subject) == (Status.OK, "port of node gpu2")
    write_facts(store, replace(facts, port=1))
    (found,) = check_ports(config)
    assert found.status is Status.FAIL
    assert "127.0.0.1:1" in found.text
