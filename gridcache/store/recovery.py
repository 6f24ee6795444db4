"""Recovery: may the index of a store on disk be trusted, and what if not.

Decided by whoever opens a store that nobody else has open; others wait.

- Closed by its last user, and the index has the checksum it had then: trusted.
- Not closed, but the same run of the machine: the files are as the processes left
  them, since the page cache outlives processes. A child process walks the index;
  if that goes well it is trusted, else it is rebuilt from the arena.
- Not closed, and the machine has started anew: what reached the disk did so in
  any order. A durable store is rebuilt from the arena, where what was
  acknowledged is whole. Any other starts empty: an overwrite or a delete may be
  lost while the older value is not, and that must not come back.

Stores in memory need none of this: they go with the machine.
"""

import fcntl
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridcache.errors import StoreStalledError
from gridcache.processes import stat_fields
from gridcache.store import marks, rebuild
from gridcache.store.access import AccessTable
from gridcache.store.clients import ROW_NBYTES, ClientRow, Clients
from gridcache.store.files import open_private, reserve_file
from gridcache.store.gone import Gone
from gridcache.store.index import IndexFullError
from gridcache.store.layout import Superblock
from gridcache.store.parts import Parts
from gridcache.store.transaction import WriteTxn

__all__ = ["adopt", "leaving", "mark_new", "mend", "prepare", "serialised"]

_logger = logging.getLogger("gridcache")
_PAUSE_S = 2e-3
_LEAVE_TIMEOUT_S = 2.0
_WALK_TIMEOUT_S = 60.0
_WALK_NBYTES_PER_S = 4e6


@contextmanager
def serialised(
    directory: Path, block: Superblock, timeout_s: float | None = None
) -> Iterator[bool]:
    """Hold off others who open or close the store; False if the time ran out.

    Who waits for a long recovery waits as long as it takes.

    Raises
    ------
    StoreStalledError
        The process that recovers the store was stopped.
    """
    if not block.on_disk:
        yield True
        return
    fd = open_private(directory / "opening")
    try:
        held = _wait(fd, timeout_s)
        if held:
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield held
        if held:  # explicit: a child forked meanwhile shares the open file
            fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def _wait(fd: int, timeout_s: float | None) -> bool:
    started = time.monotonic()
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited_s = time.monotonic() - started
            if timeout_s is not None and waited_s > timeout_s:
                return False
            _refuse_stopped(fd)
            time.sleep(_PAUSE_S)
        else:
            return True


def _refuse_stopped(fd: int) -> None:
    pid = os.pread(fd, 20, 0).decode(errors="replace")
    if not pid.isdecimal():
        return
    fields = stat_fields(int(pid))
    if fields and fields[0] in {"T", "t"}:
        message = (
            f"process {pid} is opening the store and was stopped; continue it "
            f"(kill -CONT {pid}) or end it (kill -9 {pid}): nothing is lost"
        )
        raise StoreStalledError(message, pid=int(pid))


def mend(directory: Path, block: Superblock) -> None:
    """Make lost side files anew; what they held is advice or starts anew."""
    if not block.on_disk:
        return
    (directory / "locks").mkdir(mode=0o700, exist_ok=True)
    wanted = {
        "access": AccessTable.nbytes(AccessTable.STEP),
        "clients": ROW_NBYTES,
        "gone": Gone.nbytes(block.capacity_nbytes),
    }
    for name, nbytes in wanted.items():
        path = directory / name
        fd = open_private(path)
        try:
            reserve_file(fd, nbytes, path)
        finally:
            os.close(fd)


def mark_new(directory: Path) -> None:
    """Mark a store just made as closed."""
    marks.save_namespaces(directory, ())
    _mark_clean(directory, sync=True)


def prepare(
    directory: Path, block: Superblock, clients: Clients, row: ClientRow
) -> bool:
    """See that the index can be trusted before anybody opens it.

    The caller holds `serialised`.

    Returns
    -------
    bool
        True if nobody else has the store open.
    """
    if _others(clients, row):
        marks.remove_mark(directory, marks.CLEAN)
        return False
    boot = marks.boot_id()
    clean = marks.read_mark(directory, marks.CLEAN)
    left = clean or marks.read_mark(directory, marks.OPEN) or {}
    same_boot = bool(boot) and left.get("boot") == boot
    if not _trusted(directory, clean, same_boot=same_boot):
        _recover(directory, block, same_boot=same_boot)
    if left.get("boot") != boot or clean is not None:
        # Not synced: lost with the power, it is not of the next boot either. But
        # the removal that follows must last, or an old index would be trusted.
        marks.write_mark(directory, marks.OPEN, {"boot": boot}, sync=False)
    marks.remove_mark(directory, marks.CLEAN)
    return True


def adopt(parts: Parts) -> None:
    """Take over what all clients of before had reserved; the caller is alone.

    By the index's own list: after a power loss their rows may be anything.
    """

    def work(txn: WriteTxn) -> None:
        with txn.txn.cursor(txn.tables.reserved) as cursor:
            rows = {
                int.from_bytes(key[:4], "big") for key in cursor.iternext(values=False)
            }
        for row in rows:
            parts.claims.reap(txn, row)

    try:
        parts.index.transact(work)
    except IndexFullError:
        return  # the housekeeping takes them over, row by row
    for row in range(parts.clients.rows):
        if row != parts.row.row:
            parts.clients.clear_pins(row)


def _others(clients: Clients, row: ClientRow) -> bool:
    return any(
        other.row != row.row and clients.alive(other.row) for other in clients.read()
    )


def _trusted(
    directory: Path, clean: dict[str, object] | None, *, same_boot: bool
) -> bool:
    if not (directory / "data.mdb").exists() or not (directory / "arena").exists():
        return False
    if clean is not None:
        return clean == {**_facts(directory), "boot": clean.get("boot")}
    return same_boot and _walk(directory)


def _facts(directory: Path) -> dict[str, object]:
    index = directory / "data.mdb"
    nbytes = index.stat().st_size
    return {
        "access_nbytes": (directory / "access").stat().st_size,
        "arena_nbytes": (directory / "arena").stat().st_size,
        "index_nbytes": nbytes,
        "index_checksum": marks.file_checksum(index, nbytes),
    }


def _mark_clean(directory: Path, *, sync: bool) -> None:
    content = {**_facts(directory), "boot": marks.boot_id()}
    marks.write_mark(directory, marks.CLEAN, content, sync=sync)


def _walk(directory: Path) -> bool:
    """Walk the index in a child: a damaged page may crash it, or hang it."""
    nbytes = (directory / "data.mdb").stat().st_size
    package = str(Path(__file__).parents[2])
    paths = [path for path in sys.path if path and path != package]
    command = (sys.executable, "-P", "-m", "gridcache.store.walk", str(directory))
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, this package
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WALK_TIMEOUT_S + nbytes / _WALK_NBYTES_PER_S,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*paths, package])},
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    if done.returncode:
        what = done.stderr.decode(errors="replace").strip()
        _logger.warning("the index of %s is damaged: %s", directory, what)
    return done.returncode == 0


def _recover(directory: Path, block: Superblock, *, same_boot: bool) -> None:
    if not same_boot and not block.durable:
        _logger.warning(
            "%s was open when the machine stopped and is not durable: it starts empty",
            directory,
        )
        rebuild.start_empty(directory, block)
        return
    started = time.monotonic()
    count = rebuild.rebuild_index(directory, block, torn=not same_boot)
    _logger.warning(
        "rebuilt the index of %s from its arena: %d entries in %.1f s",
        directory,
        count,
        time.monotonic() - started,
    )


@contextmanager
def leaving(parts: Parts) -> Iterator[None]:
    """Close the index inside this: the last user of a store marks it clean."""
    directory, block = parts.directory, parts.superblock
    if not block.on_disk:
        yield
        return
    with serialised(directory, block, _LEAVE_TIMEOUT_S) as alone:
        last = alone and not _others(parts.clients, parts.row)
        if last and block.durable:
            parts.arena.sync()
            parts.index.sync()
        yield
        if last:
            _mark_clean(directory, sync=block.durable)
