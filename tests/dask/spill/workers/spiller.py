"""Spills values into a store, and from there to other nodes; waits to be killed."""

import sys
import tempfile

import numpy as np

from gridcache.dask.spill.buffer import GridSpillBuffer
from gridcache.dask.spill.figures import figures_of
from tests.store.kit.child import listen, say


def main(store: str, max_bytes: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        buffer = GridSpillBuffer(directory, "100kB", path=store, max_bytes=max_bytes)
        for number in range(8):
            buffer[f"key{number}"] = np.full(7_500, number, np.float64)
        assert "ray" not in sys.modules
        figures = figures_of(buffer)
        say(f"{figures.grid_own_count} {figures.grid_others_count}")
        listen()


if __name__ == "__main__":
    main(*sys.argv[1:])
