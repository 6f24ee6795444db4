"""The head that `grid up` starts: it is found again, ended alone, and asks for a token."""

import fcntl
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from gridcache.cli.failures import Failure
from gridcache.cli.ray import head as module
from gridcache.cli.ray.head import Head, find_head, start_head, stop_head
from gridcache.cli.ray.token import asks_for_token, ensure_token
from gridcache.cluster_config.launcher import RAY_PORT

pytest.importorskip("ray")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and a place for Ray whose sockets have short names."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def ray_place(monkeypatch: pytest.MonkeyPatch, store_dir: Path) -> Path:
    monkeypatch.setenv("RAY_TMPDIR", str(store_dir))
    return store_dir


@pytest.mark.ray
@pytest.mark.usefixtures("ray_place")
def test_a_head_is_started_found_and_ended(home: Path) -> None:
    stores = home / "stores"
    assert find_head(stores) is None
    head = start_head(stores, host="127.0.0.1", labels="gridcache-node=laptop")
    try:
        assert find_head(stores) == head
        with pytest.raises(Failure, match="right now"):
            start_head(stores, host="127.0.0.1")
        assert asks_for_token()
        modes = {path.stat().st_mode & 0o777 for path in stores.iterdir()}
        assert modes == {0o600}
    finally:
        assert stop_head(stores) == head
    assert find_head(stores) is None
    assert stop_head(stores) is None


def test_a_record_is_believed_while_its_head_holds_the_lock(home: Path) -> None:
    head = Head(1, "127.0.0.1:1")
    (home / "ray-head.json").write_text(json.dumps(asdict(head)))
    with (home / "ray-head.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert find_head(home) == head
    assert find_head(home) is None


@pytest.mark.ray
@pytest.mark.soak
@pytest.mark.usefixtures("ray_place")
def test_a_head_that_was_killed_is_not_found(home: Path) -> None:
    """Starts a Ray for the lock alone, which the tests around it have without."""
    head = start_head(home / "stores", host="127.0.0.1")
    os.kill(head.pid, signal.SIGTERM)
    deadline = time.monotonic() + 45
    while find_head(home / "stores") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert find_head(home / "stores") is None


def test_a_head_that_does_not_start_says_why(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/no")
    with pytest.raises(Failure, match=r"Ray did not start; it said: .+; see /"):
        start_head(home / "stores", host="127.0.0.1")
    assert find_head(home / "stores") is None


STAND_IN = """#!/bin/sh
case "$*" in *--port=0*) ;; *) exit 1 ;; esac
echo "Ray runtime started; ray start --address='127.0.0.1:5'"
exec sleep 60
"""


def test_a_port_that_another_ray_took_meanwhile_is_left_to_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter((RAY_PORT, 0))  # free at the first look, taken at the second
    monkeypatch.setattr(module, "_free_port", lambda _host: next(ports))
    (home / "python").write_text(STAND_IN)
    (home / "python").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(home / "python"))
    head = start_head(home / "stores", host="127.0.0.1")
    assert head.address == "127.0.0.1:5"
    assert stop_head(home / "stores") == head


def test_a_token_is_made_once_and_for_its_user_alone(home: Path) -> None:
    assert not asks_for_token()
    ensure_token()
    path = home / ".ray" / "auth_token"
    token = path.read_text()
    assert len(token) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    ensure_token()
    assert path.read_text() == token
    assert asks_for_token()


def test_who_wants_no_token_gets_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    ensure_token()
    assert not (home / ".ray").exists()
    assert not asks_for_token()
