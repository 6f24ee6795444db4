"""Knows a name and nothing else; says what it found.

Arguments: the store's directory, the name, the scheduler.
"""

import sys

import numpy as np

import gridcache.dask
from gridcache import GridCache


def main(path: str, name: str, scheduler: str) -> None:
    with GridCache("dask", path=path) as cache:
        found = gridcache.dask.load(name, cache=cache)
        value = np.asarray(found.compute(scheduler=scheduler))
        sys.stdout.write(f"{type(found).__name__} {value.sum()} {value.shape}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
