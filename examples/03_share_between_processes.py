"""One array, several processes, no copy; one computation, however many ask.

The processes find the cache by its name: nothing is passed to them but a key.
"""

import multiprocessing
import os
import time

import numpy as np

from gridcache import GridCache


def part_sum(part: int) -> tuple[int, float]:
    """Sum a part of the shared array; runs in a worker."""
    array = GridCache("examples")["shared array"]
    rows = array[part * 250_000 : (part + 1) * 250_000]
    return os.getpid(), float(rows.sum())


def slow() -> dict[str, int]:
    """Compute what everybody wants."""
    time.sleep(0.3)
    return {"computed by": os.getpid()}


def ask(_: int) -> int:
    """Ask for it, in a worker."""
    return GridCache("examples").get_or_compute("wanted", slow)["computed by"]


def main() -> None:
    """Start workers and compare what they say."""
    cache = GridCache("examples")
    cache["shared array"] = np.ones(1_000_000)
    cache.delete_many(["wanted"])
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sums = pool.map(part_sum, range(4))
        print("workers", {pid for pid, _ in sums}, "sum", sum(s for _, s in sums))
        computers = set(pool.map(ask, range(4), chunksize=1))
        print("asked by all, computed by", len(computers), "process")
    saved = cache.stats().namespace
    print(f"hits {saved.hits}, misses {sum(saved.misses.values())}")


if __name__ == "__main__":
    main()
