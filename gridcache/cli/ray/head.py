"""A Ray head on this machine, as a process that can be found and ended again.

It is `ray start --head --block`: one process that has all of that Ray as children and
ends them with itself. Never `ray stop`, which ends every Ray of the user. The process
holds a lock on `ray-head.lock` as long as it lives, so that its pid is never taken for
another process's.
"""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from gridcache.cli.failures import Failure
from gridcache.cli.ray.token import ensure_token
from gridcache.cluster_config.launcher import RAY_PORT

__all__ = ["Head", "find_head", "start_head", "stop_head"]

START_S = 60.0
"""A Ray head takes 3 to 12 seconds on a quiet machine."""

STOP_S = 45.0
"""Ray lets its node drain for up to 30 seconds."""

_POLL_S = 0.1
_RECORD = "ray-head.json"
_LOCK = "ray-head.lock"
_LOG = "ray-head.log"
_ADDRESS = re.compile(r"ray start --address='([^']+)'")
_RUNS = "Ray runtime started"
_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Head:
    """A Ray head that `grid up` has started."""

    pid: int
    address: str
    """As `ray.init(address=...)` takes it."""


def find_head(directory: Path) -> Head | None:
    """Find the head that was started here and lives.

    Parameters
    ----------
    directory
        Of the user's stores.
    """
    if not _held(directory):
        return None
    try:
        return Head(**json.loads((directory / _RECORD).read_text()))
    except (OSError, ValueError, TypeError):  # not written yet, or by another version
        return None


def start_head(directory: Path, *, host: str, labels: str = "") -> Head:
    """Start a Ray head and wait until it runs.

    Parameters
    ----------
    directory
        Of the user's stores; the head's record and log go there.
    host
        Address of this machine by which others reach it. Ray takes another than a
        loopback address for that one, if it finds any.
    labels
        As `ray start --labels` takes them.

    Raises
    ------
    Failure
        It did not start; ends with what it said last. It is not left running.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    ensure_token()
    with _private(directory / _LOCK) as lock:
        _lock(lock.fileno())
        port = _free_port(host)
        try:
            head = _start(directory, lock.fileno(), _command(host, port, labels))
        except Failure:
            if _free_port(host) == port:
                raise
            # Another Ray, which started meanwhile, has taken it.
            head = _start(directory, lock.fileno(), _command(host, 0, labels))
    _write_record(directory, head)
    return head


def _start(directory: Path, lock: int, command: list[str]) -> Head:
    """Start the process, which takes the lock along, and wait until it runs."""
    log = _private(directory / _LOG, os.O_TRUNC)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        pass_fds=(lock,),
        start_new_session=True,
    )
    log.close()
    head = Head(process.pid, _started(process, directory / _LOG))
    process.returncode = 0  # it outlives this process: nobody waits for it
    return head


def stop_head(directory: Path) -> Head | None:
    """End the head that was started here, and its Ray; None if there is none.

    Raises
    ------
    Failure
        It does not end; names its pid.
    """
    head = find_head(directory)
    if head is None:
        return None
    os.kill(head.pid, signal.SIGTERM)
    if not _wait(lambda: not _held(directory), STOP_S):
        message = f"Ray (process {head.pid}) does not end; kill -9 {head.pid}"
        raise Failure(message)
    (directory / _RECORD).unlink(missing_ok=True)
    return head


def _command(host: str, port: int, labels: str) -> list[str]:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head"]
    command += ["--block", "--disable-usage-stats", "--include-dashboard=false"]
    command += [f"--node-ip-address={host}", f"--port={port}"]
    return [*command, f"--labels={labels}"] if labels else command


def _free_port(host: str) -> int:
    """Ray's usual port, or 0 for any where something listens there."""
    with socket.socket() as probe:
        # As Ray's server does: a port that another has just left is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, RAY_PORT))
        except OSError:
            return 0
    return RAY_PORT


def _started(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the address of a head that starts."""

    def ready() -> bool:
        return _RUNS in log.read_text(errors="replace") or process.poll() is not None

    ended = not _wait(ready, START_S) or process.poll() is not None
    text = log.read_text(errors="replace")
    found = _ADDRESS.search(text)
    if ended or found is None:
        process.kill()
        process.wait()
        last = " / ".join(text.strip().splitlines()[-_LAST_LINES:]) or "nothing"
        message = f"Ray did not start; it said: {last}; see {log}"
        raise Failure(message)
    return found[1]


def _wait(done: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _private(path: Path, flags: int = 0) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600), "r+b")


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = "another `grid up` starts Ray here right now; wait for it"
        raise Failure(message) from error


def _held(directory: Path) -> bool:
    """Whether a head holds the lock."""
    try:
        fd = os.open(directory / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def _write_record(directory: Path, head: Head) -> None:
    fresh = directory / f"{_RECORD}.new"
    with _private(fresh, os.O_TRUNC) as file:
        file.write(json.dumps(asdict(head)).encode())
    fresh.replace(directory / _RECORD)
