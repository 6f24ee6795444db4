"""The time of `import gridcache`, and of the import with the first cache's code.

In a fresh interpreter each time, without what starting that takes. The second
row is what a program pays before it makes its first `GridCache`.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Goal, Of, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave

__all__ = ["measure"]

_GOAL = Goal(0.15, Of.VALUE)
_STATEMENTS = {
    "import": "import gridcache",
    "import and GridCache": "import gridcache; gridcache.GridCache",
}
_GOALS = {"import": _GOAL}
_CODE = (
    "import time; start = time.perf_counter(); {statement}; "
    "print(time.perf_counter() - start)"
)
_TIMEOUT_S = 60


def measure(run: Run) -> Iterator[Result]:
    """Start interpreters."""
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(_import_s, statement) for name, statement in _STATEMENTS.items()
    }
    series = interleave(run.scale.processes, contenders)
    for name, statement in _STATEMENTS.items():
        goals = {OURS: _GOALS[name]} if name in _GOALS else {}
        what = f"`{statement}` in a fresh interpreter"
        yield from Figure(name, what, Unit.SECONDS, goals).rows({OURS: series[name]})


def _import_s(statement: str, _number: int) -> float:
    done = subprocess.run(  # noqa: S603 - our own statement
        [sys.executable, "-c", _CODE.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    return float(done.stdout)
