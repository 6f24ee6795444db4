"""Child processes of tests: started as people start them, met without sleeps.

A child is a module of `tests.store.workers`. It says lines on stdout (`ready`,
`inside`), which the test waits for, and waits itself for a line on stdin.
"""

import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["ROOT", "Child", "wait_until_stopped"]

ROOT = Path(__file__).parents[3]
_PATIENCE_S = 60.0


class Child:
    """A worker module in a process of its own; killed at the end of the block."""

    package = "tests.store.workers"

    def __init__(self, worker: str, *args: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{self.package}.{worker}", *map(str, args)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._buffer = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def hear(self, wanted: str | None = None) -> str:
        """The next line the child says; must be `wanted` if given."""
        while b"\n" not in self._buffer:
            self._buffer += self._receive()
        line, self._buffer = self._buffer.split(b"\n", 1)
        said = line.decode()
        assert wanted is None or said == wanted, f"heard {said!r}, not {wanted!r}"
        return said

    def _receive(self) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            assert selector.select(_PATIENCE_S), "the child says nothing"
        piece = os.read(self._out.fileno(), 1 << 16)
        assert piece, f"the child ended with {self._process.wait(_PATIENCE_S)}"
        return piece

    def tell(self, line: str = "") -> None:
        """Let the child go on."""
        self._in.write(line.encode() + b"\n")

    def stop(self) -> None:
        """SIGSTOP, and wait until it stands."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_until_stopped(self.pid)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait(_PATIENCE_S)

    def wait(self) -> int:
        """Wait for its own end; returns the exit code."""
        self._in.close()
        return self._process.wait(_PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._in.close()
        self._out.close()


def wait_until_stopped(pid: int) -> None:
    """Block until a child of ours is stopped by a signal."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), f"process {pid} ended instead of stopping"
