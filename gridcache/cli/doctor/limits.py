"""Limits of the process that a store can run into."""

import resource
from collections.abc import Iterator

from gridcache.cli.doctor.finding import Finding, ok, warn
from gridcache.config import Config
from gridcache.units import format_bytes

__all__ = ["check_limits"]

FEW_FILES = 1024
"""A store takes about ten descriptors; Ray and Dask take hundreds."""


def check_limits(_config: Config) -> Iterator[Finding]:
    """Open files and the size of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{soft} (up to {hard})"
    if soft < FEW_FILES:
        yield warn("open files", text, f"ulimit -n {max(FEW_FILES, hard)}")
    else:
        yield ok("open files", text)
    size, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if size == resource.RLIM_INFINITY:
        yield ok("file size", "unlimited")
    else:
        text = f"{format_bytes(size)}: a store that grows past it dies (SIGXFSZ)"
        yield warn("file size", text, "ulimit -f unlimited")
