"""A client on a node: works until its input ends, then reads every key once."""

import json
import select
import sys
import time
from itertools import chain
from pathlib import Path

from gridcache import GridCache
from tests.cluster.history.recorder import Recorder
from tests.cluster.history.workload import KEYS, Step, Worker, steps


def main() -> None:
    facts = json.loads(sys.argv[1])
    with GridCache("c", path=Path(facts["store"])) as cache:
        worker = Worker(
            cache, Recorder(Path(facts["notes"]), facts["who"]), facts["who"]
        )
        for step in steps(facts["seed"]):
            worker.work(step)
            if select.select([sys.stdin], [], [], step.pause_s)[0]:
                break
        for key in chain(KEYS, KEYS):
            worker.work(Step("get", (key,), 0, 1, 0.0))
        time.sleep(0)


if __name__ == "__main__":
    main()
