"""Ray Data: what it needs, what of it works, and how Ray's memory and ours add up."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version

from gridcache.cli.doctor.finding import Finding, fail, ok, warn
from gridcache.cli.extras import install_command, missing_modules
from gridcache.cli.ray.object_store import object_stores
from gridcache.config import Config, automatic_capacity
from gridcache.machine import memory_nbytes
from gridcache.store.directory import list_stores
from gridcache.units import format_bytes

__all__ = ["check_ray_data"]

EXTRA = "ray-data"
HEAPS_SHARE = 0.25
"""Of the memory: what at least should be left for the heaps of Ray's workers."""

SMALLER = (
    "a smaller store on either side: ray start --object-store-memory=BYTES (what is "
    "persisted or spilled need not fit in it), or GRIDCACHE_CAPACITY"
)


def check_ray_data(config: Config) -> Iterator[Finding]:
    """Installed, importable, with what `tee` rests on; and the memory of both."""
    missing = missing_modules(EXTRA)
    if "ray" in missing:
        text = "not installed; only gridcache.ray_data needs it"
        yield ok("ray data", text, install_command(EXTRA))
        return
    if missing:
        text = f"cannot be imported without {', '.join(missing)}"
        yield warn("ray data", text, install_command(EXTRA))
        return
    yield from _working()
    yield from _memory(config)


def _working() -> Iterator[Finding]:
    # Ray Data is loaded here, which no other check and no other command does.
    try:
        import_module("gridcache.ray_data.datasink")
        from gridcache.ray_data.internals import gate  # noqa: PLC0415 - as above
    except ImportError as error:
        text = f"cannot be imported: {error}"
        yield fail("ray data", text, f"{install_command(EXTRA)} --upgrade")
        return
    yield ok("ray data", f"Ray {version('ray')}, pyarrow {version('pyarrow')}")
    yield _internals(gate.reason())


def _internals(fault: str) -> Finding:
    if not fault:
        return ok("ray data tee", "tee and stage fill the cache while they stream")
    text = f"tee and stage persist first, and stream then: {fault}"
    return warn("ray data tee", text, "a version of gridcache that knows this Ray")


def _memory(config: Config) -> Iterator[Finding]:
    """Ray's object stores and our store lie in the same memory."""
    theirs, whole = sum(object_stores()), memory_nbytes()
    if not theirs:
        return
    ours = _ours(config)
    text = (
        f"{format_bytes(theirs)} of Ray's object store and up to {format_bytes(ours)} "
        f"of gridcache, of {format_bytes(whole)} memory"
    )
    if theirs + ours > (1 - HEAPS_SHARE) * whole:
        yield warn("ray data memory", f"{text}: little is left for workers", SMALLER)
    else:
        yield ok("ray data memory", text)


def _ours(config: Config) -> int:
    """Bytes that the stores in memory may take; of the first one, if there is none."""
    stores = [one for one in list_stores(config.directory) if not one.on_disk]
    if stores:
        return sum(one.capacity_nbytes for one in stores)
    return config.capacity or automatic_capacity(config.directory)
