"""Tier access: how the processes of a node come to its disk tier.

The node's actor makes the disk store and says where it is in `tier.json` in the
node's own store. A client looks there when it misses something: a check of one file,
and none at all for a hit. One access per open store; it goes with the store.
"""

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gridcache.cluster.actors.takeover import note_end, take_over
from gridcache.cluster.home.naming import write_private
from gridcache.cluster.tier.tier import Tier
from gridcache.errors import ConfigError, GridCacheError, StoreStalledError
from gridcache.store.files import open_private
from gridcache.store.filesystem import is_memory
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store

__all__ = ["TierAccess", "make_tier", "tier_of"]

_FILE = "tier.json"
_BESIDE = "tier"
_RETRY_S = 5.0
_CLAIM_S = 5.0
_TRY_S = 0.05
_lock = threading.Lock()
_logger = logging.getLogger("gridcache")


class TierAccess:
    """The disk tier of one open store, as far as there is one."""

    def __init__(self, memory: NodeStore) -> None:
        self._memory = memory
        self._file = memory.directory / _FILE
        self._path = str(self._file)
        self._joining = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._tier: Tier | None = None
        self._retry_at = 0.0
        memory.closing.append(self.close)

    def open(self) -> Tier | None:
        """Return the tier as it is now; None where the node has none."""
        if not os.access(self._path, os.F_OK):
            return None
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return None
        seen = stat.st_mtime_ns, stat.st_ino
        if seen == self._seen and (self._tier or time.monotonic() < self._retry_at):
            return self._tier
        return self._join(seen)

    def _join(self, seen: tuple[int, int]) -> Tier | None:
        with self._joining:
            if seen == self._seen and self._tier is not None:
                return self._tier
            self._leave()
            self._seen, self._retry_at = seen, time.monotonic() + _RETRY_S
            try:
                path = Path(json.loads(self._file.read_bytes())["path"])
                self._tier = Tier(self._memory, open_store(path))
            except (GridCacheError, OSError, ValueError, KeyError) as error:
                # Without it everything works; what is on disk is a miss meanwhile.
                _logger.warning(
                    "the disk tier of %s: %s", self._memory.directory, error
                )
            return self._tier

    def _leave(self) -> None:
        tier, self._tier = self._tier, None
        if tier is not None:
            with suppress(OSError):  # it was removed with its grid
                close_store(tier.store)

    def close(self) -> None:
        """Close it; the store beside it is closed, too."""
        with self._joining:
            self._leave()


def tier_of(memory: NodeStore) -> TierAccess:
    """Find the access of an open store; the same for all who ask."""
    access = memory.beside.get(_BESIDE)
    if access is None:
        with _lock:
            access = memory.beside.setdefault(_BESIDE, TierAccess(memory))
    return access  # type: ignore[no-any-return]


def make_tier(
    memory: NodeStore, path: Path, capacity_nbytes: int
) -> Callable[[], None]:
    """As the node's actor: make the disk store, or take over what is there.

    Returns
    -------
    Callable
        Ends the tier; what is on disk stays.

    Raises
    ------
    ConfigError
        The path is in memory, or the size does not fit.
    StoreStalledError
        Another node's actor uses it.
    GridCacheError, OSError
        The store cannot be opened; nothing is left behind.
    """
    path = path.expanduser().absolute()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if is_memory(path.parent):
        message = (
            f"the disk tier at {path} would be in memory; give a directory on a disk "
            f"(disk_directory)"
        )
        raise ConfigError(message, path=str(path))
    lock_fd = _claim(path)
    try:
        store = open_store(path, capacity_nbytes=capacity_nbytes, durable=True)
    except BaseException:
        os.close(lock_fd)
        raise
    _resize(store, capacity_nbytes)
    take_over(memory, store)
    write_private(memory.directory / _FILE, json.dumps({"path": str(path)}).encode())

    def end() -> None:
        (memory.directory / _FILE).unlink(missing_ok=True)
        note_end(memory, store)
        close_store(store)
        os.close(lock_fd)

    return end


def _resize(store: NodeStore, capacity_nbytes: int) -> None:
    if store.capacity_nbytes == capacity_nbytes:
        return
    with suppress(GridCacheError):
        store.resize(capacity_nbytes)
        return
    _logger.warning("%s keeps its capacity", store.directory)


def _claim(path: Path) -> int:
    """Hold the tier for this node; an actor that was killed has let go of it."""
    fd = open_private(path.with_name(f".{path.name}.lock"))
    until = time.monotonic() + _CLAIM_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(fd)
                message = (
                    f"another process has the disk tier {path}; end it, or give this "
                    f"node another disk_directory"
                )
                raise StoreStalledError(message, path=str(path)) from None
            time.sleep(_TRY_S)
        else:
            return fd
