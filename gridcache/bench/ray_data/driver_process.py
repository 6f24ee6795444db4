"""A driver of Ray, told line by line what to do, until its stdin ends.

`python -m gridcache.bench.ray_data.driver_process CLUSTER JSON` goes to one of the
clusters of `cluster`, whose arguments and the benchmark's sizes are in the JSON, and
says its address. A line `["module", "function", {arguments}]` names one of `work`; the
answer is what that returned, or `{"error": text}`.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from gridcache.bench.ray_data import cluster
from gridcache.bench.ray_data.work import Bench
from gridcache.bench.scale import RayDataScale

__all__ = ["serve"]

_WORK = "gridcache.bench.ray_data.work"


def serve(name: str, arguments: dict[str, Any], sizes: RayDataScale) -> None:
    """Answer lines until stdin ends."""
    with _own_stdout() as answers, _seat(name, arguments) as seat:
        for one in (signal.SIGINT, signal.SIGTERM):
            # To all of us: who started it ends, and stdin with it.
            signal.signal(one, signal.SIG_IGN)
        bench = Bench(seat, sizes)
        _say(answers, {"address": seat.address})
        for line in sys.stdin:
            _say(answers, _answer(bench, line))


@contextmanager
def _own_stdout() -> Iterator[TextIO]:
    """Keep stdout for answers: what Ray prints goes to stderr."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        yield answers


def _seat(name: str, arguments: dict[str, Any]) -> Any:
    directory = Path(arguments.pop("directory"))
    return getattr(cluster, name)(directory, **arguments)


def _answer(bench: Bench, line: str) -> dict[str, Any]:
    module, function, arguments = json.loads(line)
    try:
        work = getattr(import_module(f"{_WORK}.{module}"), function)
        return dict(work(bench, **arguments))
    except Exception as error:  # noqa: BLE001 - who asked has the row to say so
        return {"error": f"{type(error).__name__}: {error}"}


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    serve(sys.argv[1], given["arguments"], RayDataScale(**given["sizes"]))
