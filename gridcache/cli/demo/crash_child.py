"""The writer of act four: says what it begins and what is acknowledged, for ever."""

import os
import sys
from hashlib import blake2b
from itertools import count

from gridcache.cache import GridCache

__all__ = ["main"]


def main(path: str, number: str, nbytes: str) -> None:
    """Put one value of `nbytes` after another until killed."""
    with GridCache("demo", path=path) as cache:
        for place in count():
            value = os.urandom(int(nbytes))
            line = f"{number}:{place} {blake2b(value, digest_size=16).hexdigest()}"
            _say(f"begin {line}")
            cache[f"{number}:{place}"] = value
            _say(f"done {line}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
