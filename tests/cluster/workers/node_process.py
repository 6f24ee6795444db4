"""A node of a grid in a process of its own; the test installs its views.

Says its port, and `inside` when a request stands at the gate, which it leaves when
it is told a line.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster.kit.nodes import Node


def say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def gated(handler: Callable[..., Any], part: str, skip: int) -> Callable[..., Any]:
    left = skip

    def handle(session: Any, meta: dict[str, Any], body: Any) -> Any:
        nonlocal left
        if not part or meta.get("part") == part:
            left -= 1
            if left < 0:
                say("inside")
                sys.stdin.readline()
        return handler(session, meta, body)

    return handle


def main(directory: str, number: str, gate: str, skip: str) -> None:
    node = Node(Path(directory), int(number))
    op, _, part = gate.partition(":")
    handlers = node.service.handlers
    if op in handlers:
        handlers[op] = gated(handlers[op], part, int(skip))
    say(node.address[1])
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
