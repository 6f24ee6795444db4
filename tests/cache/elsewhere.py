"""Another Python process with a cache of its own, which does what it is told.

`ask` sends code and returns what it evaluates to; `tell` does not wait, `answer`
takes the reply later. So tests order what processes do by words, not by time.
"""

import ast
import json
import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

__all__ = ["Elsewhere", "run_script"]

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0
_PROGRAM = """
import json, os, sys, threading, time
import numpy as np
import gridcache
names = dict(globals())
for line in sys.stdin:
    code = json.loads(line)
    try:
        try:
            reply = {"value": repr(eval(code, names))}
        except SyntaxError:
            exec(code, names)
            reply = {"value": "None"}
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
"""


class RemoteError(AssertionError):
    """What the code raised there."""


class Elsewhere:
    """A process; killed at the end of the block."""

    def __init__(self, path: Path, name: str = "contract") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.ask(f"cache = gridcache.GridCache({name!r}, path={str(path)!r})")

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, code: str) -> Self:
        """Have it run code."""
        self._in.write(json.dumps(code).encode() + b"\n")
        return self

    def answer(self) -> Any:
        """The value of the code told first among those not answered yet."""
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                assert selector.select(_PATIENCE_S), "no answer"
                piece = os.read(self._out.fileno(), 1)
                assert piece, "it ended"
                line += piece
        reply = json.loads(line)
        if "error" in reply:
            raise RemoteError(reply["error"])
        return ast.literal_eval(reply["value"])

    def ask(self, code: str) -> Any:
        """Have it run code, and wait for what that gives."""
        return self.tell(code).answer()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait(_PATIENCE_S)

    def end(self) -> None:
        """Let it end as programs do."""
        self._in.close()
        assert self._process.wait(_PATIENCE_S) == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._in.close()
        self._out.close()


def run_script(script: str, *args: object) -> str:
    """What a script prints, run by an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)],
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        check=True,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
    )
    return done.stdout.strip()
