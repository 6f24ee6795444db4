"""The child's side of `processes.Child`."""

import sys

__all__ = ["listen", "say"]


def say(line: str) -> None:
    """Tell the test something."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def listen() -> str:
    """Wait for the test; empty at its end."""
    return sys.stdin.readline().strip()
