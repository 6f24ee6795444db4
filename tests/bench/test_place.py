"""The private directory goes with the run, however the run ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gridcache.bench.place import private_place
from gridcache.config import default_directory, load_config

ENTER_AND_WAIT = """
import signal, sys
from gridcache.bench.place import private_place
with private_place() as place:
    (place / "much").write_bytes(bytes(1 << 20))
    print(place, flush=True)
    sys.stdin.read()
"""


def start() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", ENTER_AND_WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def stop(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with process:
        process.send_signal(number)
        process.wait(20)


def test_settings_and_stores_of_the_user_are_out_of_reach_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRIDCACHE_POLICY", "lfu")
    before = dict(os.environ)
    with private_place() as place:
        config = load_config()
        assert config.policy == "lru"
        assert config.directory.is_relative_to(place)
        assert place.parent == default_directory().parent
    assert not place.exists()
    assert dict(os.environ) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_nothing(number: signal.Signals) -> None:
    process, place = start()
    assert place.is_dir()
    stop(process, number)
    assert not place.exists()


def test_what_a_killed_run_left_goes_with_the_next_and_a_living_one_stays() -> None:
    killed, left = start()
    alive, used = start()
    stop(killed, signal.SIGKILL)
    assert left.is_dir()
    with private_place():
        assert not left.exists()
        assert (used / "much").exists()
    stop(alive, signal.SIGTERM)
    assert not used.exists()
