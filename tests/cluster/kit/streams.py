"""Servers, and peers that misbehave, for the tests of streams."""

import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from gridcache.cluster.streams.auth import introduce
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Address, Answer, Meta
from gridcache.errors import KeyNotFoundError, PeerLostError

__all__ = [
    "KEY",
    "OTHER_KEY",
    "PATIENCE_S",
    "ServerProcess",
    "echo",
    "empty_file",
    "fake_server",
    "greet",
    "memory_file",
    "needs_proc",
    "nothing_left",
    "peak_nbytes",
    "reset_peak",
]

KEY = b"k" * 32
OTHER_KEY = b"o" * 32
PATIENCE_S = 60.0
ROOT = Path(__file__).parents[3]

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="measured through /proc"
)
_FDS = Path("/proc/self/fd")
_SHARED_MEMORY = Path("/dev/shm")

_ERRORS: dict[str, Exception] = {
    "miss": KeyNotFoundError("no value for 'k'", reason="evicted", path=Path("p")),
    "lose": PeerLostError("lost another one", sent=False),
}


def echo(session: Session, op: str, meta: Meta, buffers: list[memoryview]) -> Answer:
    """The handler of most tests."""
    if op == "echo":
        return Answer(meta, buffers)
    if op == "who":
        return Answer({"peer": session.peer, "port": session.address[1]})
    raise _ERRORS.get(op, LookupError(f"unknown op {op}"))


class ServerProcess:
    """`tests.cluster.workers.stream_server` in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.workers.stream_server", KEY.hex()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE_S), "the server does not start"
        self.address = ("127.0.0.1", int(self._process.stdout.readline()))

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()


def greet(address: Address, key: bytes = KEY, name: str = "raw") -> socket.socket:
    """Connect and prove the key; what follows is up to the test."""
    sock = socket.create_connection(address, PATIENCE_S)
    introduce(sock, key, name, PATIENCE_S)
    sock.settimeout(PATIENCE_S)
    return sock


@contextmanager
def fake_server(serve: Callable[[socket.socket], object]) -> Iterator[Address]:
    """Accept one connection and hand it to `serve`, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            sock, _ = listener.accept()
            with sock:
                serve(sock)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def memory_file(nbytes: int) -> tuple[int, bytes]:
    """Make a file without a name, with content that shows where a byte is from."""
    pattern = os.urandom(1 << 16)
    content = (pattern * (nbytes // len(pattern) + 1))[:nbytes]
    fd = empty_file()
    assert os.pwrite(fd, content, 0) == nbytes
    return fd, content


def empty_file() -> int:
    """Make a file without a name, in shared memory where there is some."""
    directory = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryFile(dir=directory) as file:
        return os.dup(file.fileno())


def reset_peak() -> None:
    """Measure `peak_nbytes` from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_nbytes() -> int:
    """Most memory that was resident in this process."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves a thread of a server, or a socket, behind."""
    before = _sockets()
    yield
    deadline = time.monotonic() + PATIENCE_S
    for thread in threading.enumerate():
        if thread.name == "gridcache-server":
            thread.join(deadline - time.monotonic())
            assert not thread.is_alive(), "a server's thread was left"
    assert _sockets() <= before, "a socket was left"


def _sockets() -> set[str]:
    found = set()
    for entry in list(_FDS.iterdir()) if _FDS.is_dir() else ():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found
