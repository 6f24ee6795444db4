"""LMDB itself: what a look-up costs with nothing around it.

Same file system and flags as the index of a store; keys are bytes already.
"""

from collections.abc import Mapping
from pathlib import Path

import lmdb

__all__ = ["open_rival"]

_MAP_NBYTES = 4 << 30


class BareLmdb:
    """One environment, one table."""

    def __init__(self, directory: Path) -> None:
        self._env = lmdb.open(
            str(directory),
            map_size=_MAP_NBYTES,
            writemap=True,
            sync=False,
            metasync=False,
        )
        begin = self._env.begin

        def get(key: bytes) -> object:
            with begin() as txn:
                return txn.get(key)

        def put(key: bytes, value: bytes) -> object:
            with begin(write=True) as txn:
                return txn.put(key, value)

        self.get, self.put = get, put

    def key(self, text: str) -> bytes:
        """Encode before the clock runs: LMDB's own cost alone."""
        return text.encode()

    def fill(self, items: Mapping[str, bytes]) -> None:
        """In one transaction."""
        with self._env.begin(write=True) as txn:
            for name, value in items.items():
                txn.put(name.encode(), value)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()


def open_rival(directory: Path) -> BareLmdb:
    """Open it."""
    return BareLmdb(directory)
