"""Recorder: what a client did, in a file that outlives a client that is killed.

A line when an operation begins and one when it ends, each written by one call.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cluster.history.ops import NEVER, Kind, Op

__all__ = ["Recorder", "read_history", "slowest"]

_WRITES = {"put", "compute"}


class Recorder:
    """Notes of one client."""

    def __init__(self, path: Path, who: str) -> None:
        self._who = who
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        self._count = 0

    def begin(self, kind: str, key: str, value: str | None = None) -> int:
        """Note what is about to be asked; `value` is what would be written."""
        self._count += 1
        self._note(["b", self._count, self._who, kind, key, value, _now()])
        return self._count

    def end(self, number: int, outcome: str, found: str | None = None) -> None:
        """Note an answer; `found` is a value's name, or why there is none.

        Parameters
        ----------
        outcome
            "done", "found", "miss", "unsaved" (computed, but storing it failed),
            "unknown" (it may take effect at any time) or "nothing".
        """
        self._note(["e", number, outcome, found, _now()])

    def wrong(self, text: str) -> None:
        """Note what must never happen."""
        self._note(["w", text, _now()])

    def _note(self, row: list[Any]) -> None:
        os.write(self._fd, json.dumps(row).encode() + b"\n")


def _now() -> int:
    return time.monotonic_ns()


def read_history(path: Path) -> tuple[list[Op], list[str]]:
    """Return the operations of a client, and what was wrong by its own notes."""
    begun: dict[int, list[Any]] = {}
    ended: dict[int, list[Any]] = {}
    wrong: list[str] = []
    for row in _rows(path):
        if row[0] == "b":
            begun[row[1]] = row[2:]
        elif row[0] == "e":
            ended[row[1]] = row[2:]
        else:
            wrong.append(f"{path.name}: {row[1]}")
    nothing = ["unknown", None, NEVER]
    found = [
        op
        for number, row in begun.items()
        for op in _ops(row, ended.get(number, nothing))
    ]
    return found, wrong


def slowest(path: Path) -> float:
    """Seconds of the longest operation that ended."""
    begun = {row[1]: row[6] for row in _rows(path) if row[0] == "b"}
    ended = {row[1]: row[4] for row in _rows(path) if row[0] == "e"}
    return max((ended[one] - begun[one] for one in ended), default=0) / 1e9


def _rows(path: Path) -> Iterator[list[Any]]:
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the last one, of a client that was killed


def _ops(begun: list[Any], answer: list[Any]) -> Iterator[Op]:
    who, kind, key, value, start = begun
    outcome, found, end = answer
    known = outcome != "unknown"
    if kind == "delete":
        until = end if known else NEVER
        yield Op(key, Kind.DELETE, None, start, until, known, who)
    if kind in _WRITES:
        ended = known and outcome != "unsaved"
        sure = ended and kind == "put"
        yield Op(key, Kind.WRITE, value, start, end if ended else NEVER, sure, who)
    if outcome == "found" and found != value:
        yield Op(key, Kind.READ, found, start, end, who=who)
    elif outcome == "miss":
        yield Op(key, Kind.READ, None, start, end, who=f"{who} ({found})")
