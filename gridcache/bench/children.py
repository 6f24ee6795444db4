"""Children: processes of a benchmark that are told what to do line by line.

Each runs one of our modules, answers every line with a line, and ends with its
stdin.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Self

__all__ = ["Child", "rates"]

_LEAD_S = 0.005
"""From the command to the start: all have read their line by then."""
_WAIT_S = 30.0


class Child:
    """One process; ends with the block.

    Parameters
    ----------
    module
        Run as `python -m`; says a line when it is ready.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.greeting = ""
        """What it said when it was ready."""

    def __enter__(self) -> Self:
        self.greeting = self.hear().strip()
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def tell(self, line: str) -> None:
        """Send a command."""
        assert self._process.stdin is not None  # noqa: S101 - for the types
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Its next line.

        Raises
        ------
        ChildProcessError
            It died.
        """
        assert self._process.stdout is not None  # noqa: S101 - for the types
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait(_WAIT_S)
            message = f"a process of the benchmark died with code {code}"
            raise ChildProcessError(message)
        return line


def rates(children: Sequence[Child], seconds: float) -> list[float]:
    """What all do per second, at the same time."""
    start = time.monotonic() + _LEAD_S
    for child in children:
        child.tell(f"{start!r} {seconds!r}")
    return [float(child.hear()) for child in children]
