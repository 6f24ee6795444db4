"""A node: what its actor is in Ray, with the membership at the end of a pipe."""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterable
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

from gridcache.cluster.actors.posts import Joined, NodeReport, Post, Renewal
from gridcache.cluster.actors.serving import ServingNode
from tests.cluster.history.hurry import hurry

INCARNATION = "c0ffee"
KEY = b"k" * 32


class PipeBoss:
    """The membership of the test, asked through a pipe."""

    def __init__(self, address: str) -> None:
        self._pipe = Client(address, "AF_UNIX")
        self._lock = threading.Lock()

    def _ask(self, name: str, *arguments: Any) -> Any:
        with self._lock:
            self._pipe.send((name, arguments))
            return self._pipe.recv()

    def join(self, report: NodeReport) -> Joined:
        return self._ask("join", report)  # type: ignore[no-any-return]

    def renew(self, number: int, report: NodeReport) -> Renewal:
        return self._ask("renew", number, report)  # type: ignore[no-any-return]

    def moved(self, number: int, moves: Iterable[tuple[int, int]]) -> None:
        self._ask("moved", number, list(moves))

    def backed_up(self, number: int, filled: Iterable[tuple[int, int]]) -> None:
        self._ask("backed_up", number, list(filled))

    def drain(self, name: str) -> bool:
        return self._ask("drain", name)  # type: ignore[no-any-return]


def main() -> None:
    facts = json.loads(sys.argv[1])
    hurry()
    logging.basicConfig(filename=facts["log"], level=logging.DEBUG)
    post = Post(
        grid="default",
        node=facts["name"],
        incarnation=INCARNATION,
        key=KEY,
        ray_node_id=facts["node_id"],
        first=False,
        capacity_nbytes=facts["capacity_nbytes"],
        directory=Path(facts["directory"]),
    )
    node = ServingNode(post, PipeBoss(facts["membership"]), "none")
    for line in sys.stdin:
        word, *arguments = json.loads(line)
        if word == "wake":
            node.wake()
        elif word == "stop":
            node.stop()
            return
        else:
            _between(node, word, *arguments)
    os._exit(1)  # the test is gone


def _between(node: ServingNode, word: str, name: str, host: str, port: int) -> None:
    """Cut or mend all streams between this node and another, with its clients."""
    getattr(node._server, word)(name)
    getattr(node._peers, word)((host, port))


if __name__ == "__main__":
    main()
