"""A client on a node: works until its input ends, then reads every key once."""

import json
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from gridcache import GridCache
from gridcache.errors import ConfigError, NoAvailableNodesError
from tests.cluster.history.recorder import Recorder
from tests.cluster.history.workload import KEYS, Step, Worker, steps


def main() -> None:
    facts = json.loads(sys.argv[1])
    # By name: the node may have left the grid before this process is up.
    with suppress(ConfigError, NoAvailableNodesError):
        cache = GridCache("c", path=Path(facts["store"]), grid="default")
        with cache:
            work(cache, facts)


def work(cache: GridCache, facts: dict[str, Any]) -> None:
    who = facts["who"]
    worker = Worker(cache, Recorder(Path(facts["notes"]), who), who)
    for step in steps(facts["seed"]):
        worker.work(step)
        if select.select([sys.stdin], [], [], step.pause_s)[0]:
            break
    for key in KEYS:
        worker.work(Step("get", (key,), 0, 1, 0.0))


if __name__ == "__main__":
    main()
