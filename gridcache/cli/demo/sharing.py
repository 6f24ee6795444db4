"""Act two: one large array, two processes, no copy."""

import time

import numpy as np

from gridcache.cli.demo.memory import process_memory
from gridcache.cli.demo.scene import Claim, Scene
from gridcache.cli.demo.stage import Stage, run_child
from gridcache.cli.report import Column, Kind, Section
from gridcache.units import format_bytes, format_duration

__all__ = ["TITLE", "play"]

TITLE = "Share: one large array in two processes, without a copy"

STORE = "array"
ARRAY_NBYTES = 256 * 2**20
ROOM_SHARE = 3
"""The array is there twice for a moment, before the first one is dropped."""
CAPACITIES = 3
"""Views of one process may hold half of a store; memory is taken as it is used."""
COPY_SHARE = 10
"""Own memory may grow by so much of the array's size (1/n) and yet be no copy."""

COLUMNS = (
    Column("step"),
    Column("seconds", Kind.SECONDS, "time"),
    Column("own_nbytes", Kind.BYTES, "own memory"),
    Column("shared_nbytes", Kind.BYTES, "shared memory touched"),
)


def play(stage: Stage) -> Scene:
    """Put an array here, read it in another process, compare sums and memory."""
    nbytes = min(ARRAY_NBYTES, stage.room_nbytes // ROOM_SHARE) // 8 * 8
    array = np.random.default_rng(seed=1).random(nbytes // 8)
    total = float(array.sum())
    copied_s = _seconds_of_copy(array)
    with stage.borrowed_cache(STORE, capacity=CAPACITIES * nbytes) as cache:
        start = time.perf_counter()
        cache["array"] = array
        put_s = time.perf_counter() - start
        del array
        here = process_memory()
        child = run_child("sharing_child", stage.directory / STORE)
    rows = [
        ("this process: put", put_s, here.own_nbytes, here.shared_nbytes),
        *((row["step"], *row["figures"]) for row in child["rows"]),
    ]
    get_s = child["get_s"]
    claims = (
        Claim("the other process sees the same numbers", child["total"] == total),
        Claim(
            "it made no copy of its own", child["grown_nbytes"] < nbytes // COPY_SHARE
        ),
        Claim(
            f"getting it took {format_duration(get_s)}, copying the same bytes takes "
            f"{format_duration(copied_s)}",
            get_s < copied_s,
        ),
        Claim("nobody can change it by accident (it is read-only)", child["read_only"]),
    )
    lesson = (
        f"Another process got an array of {format_bytes(nbytes)} in "
        f"{format_duration(get_s)} and used the very same memory."
    )
    return Scene(Section("sharing", COLUMNS, rows), claims, lesson)


def _seconds_of_copy(array: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    start = time.perf_counter()
    array.copy()
    return time.perf_counter() - start
