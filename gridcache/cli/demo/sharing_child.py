"""The reader of act two: gets the array, sums it, tells its memory at each step."""

import json
import sys
import time
from typing import Any

from gridcache.cache import GridCache
from gridcache.cli.demo.memory import process_memory

__all__ = ["main"]


def main(path: str) -> None:
    """Read the array at a path; print times and memory as JSON."""
    rows: list[dict[str, Any]] = []

    def step(name: str, start: float) -> float:
        seconds = time.perf_counter() - start
        memory = process_memory()
        figures = [seconds, memory.own_nbytes, memory.shared_nbytes]
        rows.append({"step": f"other process: {name}", "figures": figures})
        return seconds

    with GridCache("demo", path=path) as cache:
        cache.get("no such key")  # what a first call loads is no part of a get
        step("before", time.perf_counter())
        start = time.perf_counter()
        array = cache["array"]
        get_s = step("get", start)
        start = time.perf_counter()
        total = float(array.sum())
        step("sum over all of it", start)
        read_only = not array.flags.writeable
        del array
    grown = rows[-1]["figures"][1] - rows[0]["figures"][1]
    found = {
        "rows": rows,
        "get_s": get_s,
        "total": total,
        "grown_nbytes": grown,
        "read_only": read_only,
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
