"""The stores that exist: whether they open, and who stands still in them."""

from collections.abc import Iterator
from pathlib import Path

from gridcache.cli.doctor.finding import Finding, fail, ok, warn
from gridcache.cli.people import printable
from gridcache.config import Config
from gridcache.errors import GridCacheError, StoreFormatError
from gridcache.store.clients import Clients
from gridcache.store.directory import StoreSummary, list_stores
from gridcache.store.layout import read_superblock
from gridcache.store.opening import close_store, open_store
from gridcache.units import format_bytes

__all__ = ["check_stores", "stopped_clients"]

PROC = Path("/proc")
STOPPED = frozenset("Tt")
"""States of a process that a signal or a debugger has stopped, in `/proc/PID/stat`."""


def check_stores(config: Config) -> Iterator[Finding]:
    """Every store below the stores' directory."""
    stores = list_stores(config.directory)
    unreadable = list(_unreadable(config.directory))
    yield from unreadable
    if not (stores or unreadable):
        yield ok("stores", f"none below {config.directory} yet")
    for store in stores:
        yield from _stopped(store)
        yield _opened(store)


def stopped_clients(path: Path) -> list[tuple[int, str]]:
    """Pid and command of the processes that have a store open and do not run."""
    clients = Clients(path)
    try:
        pids = {row.pid for row in clients.read() if clients.alive(row.row)}
    finally:
        clients.close()
    return [(pid, command) for pid in sorted(pids) if (command := _if_stopped(pid))]


def _unreadable(directory: Path) -> Iterator[Finding]:
    """Stores of another format, which the listing leaves out."""
    for path in sorted(directory.glob("*")):
        try:
            read_superblock(path)
        except StoreFormatError as error:
            yield fail(f"store {printable(path.name)}", str(error), f"rm -r '{path}'")
        except OSError:
            continue


def _stopped(store: StoreSummary) -> Iterator[Finding]:
    for pid, command in stopped_clients(Path(store.path)):
        text = (
            f"process {pid} ({printable(command)}) is stopped; what it holds in "
            f"{store.path} stays taken, and writers wait if it stopped in a write"
        )
        yield warn("stalled process", text, f"kill -CONT {pid}, or kill -9 {pid}")


def _opened(store: StoreSummary) -> Finding:
    subject = f"store {printable(store.name)}"
    try:
        close_store(open_store(Path(store.path)))
    except (GridCacheError, OSError) as error:
        return fail(subject, str(error), f"grid rm-store {store.path}")
    taken = format_bytes(store.directory_nbytes)
    capacity = format_bytes(store.capacity_nbytes)
    text = (
        f"{store.entries:,} entries, {taken} of {capacity}, {store.clients} processes"
    )
    return ok(subject, text)


def _if_stopped(pid: int) -> str:
    """Command of a process if it is stopped, else nothing."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return ""
    head, _, tail = text.rpartition(")")
    return head.partition("(")[2] if tail.split()[0] in STOPPED else ""
