"""A disk that loses power: what an arena's file may be then.

Records every write to an arena. Until a sync, each sector of 512 bytes holds what
any of the writes since the last sync left in it, or what it held then, and each
sector chooses for itself: nothing is promised about the order.
"""

import os
import random
from typing import Any

import pytest

from gridcache.store import arena as arena_module
from gridcache.store.arena import Arena
from gridcache.store.node_store import NodeStore

__all__ = ["Platter"]

_SECTOR = 512


class Platter:
    """The disk below the arena of one open store.

    `on_write` is called before each write and each sync: a power loss may come
    anywhere.
    """

    def __init__(self, store: NodeStore, patch: pytest.MonkeyPatch) -> None:
        parts = store._parts
        self._fd = parts.arena._fd
        self._durable = bytearray(os.pread(self._fd, 1 << 30, 0))
        self._versions: dict[int, list[bytes]] = {}
        self.syncs = 0
        self.on_write: Any = lambda: None
        patch.setattr(arena_module, "os", self)
        patch.setattr(Arena, "sync", lambda _: self.sync())
        patch.setattr(parts.retirement, "_sync_store", self.sync)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)  # what the arena needs of `os` and is no write

    def pwrite(self, fd: int, data: Any, offset: int) -> int:
        return self._record(fd, offset, len(data), lambda: os.pwrite(fd, data, offset))

    def pwritev(self, fd: int, pieces: Any, offset: int) -> int:
        nbytes = sum(len(piece) for piece in pieces)
        return self._record(fd, offset, nbytes, lambda: os.pwritev(fd, pieces, offset))

    def _record(self, fd: int, offset: int, nbytes: int, write: Any) -> int:
        if fd != self._fd:
            return int(write())
        self.on_write()
        sectors = range(offset // _SECTOR, (offset + nbytes - 1) // _SECTOR + 1)
        for sector in sectors:
            if sector not in self._versions:
                self._versions[sector] = [self._sector(sector)]
        done = int(write())
        for sector in sectors:
            now = os.pread(fd, _SECTOR, sector * _SECTOR).ljust(_SECTOR, b"\0")
            self._versions[sector].append(now)
        return done

    def _sector(self, sector: int) -> bytes:
        start = sector * _SECTOR
        return bytes(self._durable[start : start + _SECTOR]).ljust(_SECTOR, b"\0")

    def sync(self) -> None:
        """Make everything written so far last."""
        self.on_write()
        self.syncs += 1
        for sector, versions in self._versions.items():
            _put(self._durable, sector, versions[-1])
        self._versions.clear()

    def after_power_loss(self, chance: random.Random) -> bytes:
        """The file as it might be found."""
        image = bytearray(self._durable)
        eager = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for sector, versions in self._versions.items():
            last = chance.random() < eager
            _put(image, sector, versions[-1] if last else chance.choice(versions))
        return bytes(image)


def _put(image: bytearray, sector: int, content: bytes) -> None:
    start = sector * _SECTOR
    if len(image) < start:
        image.extend(bytes(start - len(image)))
    image[start : start + _SECTOR] = content
