"""A process on a node that reads as fast as it can, told when and how long.

`python -m gridcache.bench.grid.reader_process STORE HOME COUNT` reads values whose
home is the node HOME; for its lines see `gridcache.bench.reader_process`.
"""

import random
import sys
from pathlib import Path

from gridcache.bench.grid.site import SPACE, keys_at
from gridcache.bench.reader_process import read_on_command
from gridcache.cache import GridCache

__all__ = ["serve"]


def serve(store: Path, home: str, count: int) -> None:
    """Read on command until stdin ends."""
    keys = keys_at(store, count, node=home)
    random.shuffle(keys)
    with GridCache(SPACE, path=store) as cache:
        read_on_command(cache, keys)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
