"""The machine a run was made on: without it a figure means nothing."""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from subprocess import run as run_program

from gridcache.machine import memory_nbytes

__all__ = ["MachineFacts", "machine_facts"]

_PACKAGES = (
    "gridcache",
    "lmdb",
    "numpy",
    "lz4",
    "xxhash",
    "redis",
    "hiredis",
    "pymemcache",
    "diskcache",
    "joblib",
    "ray",
    "dask",
    "distributed",
    "zarr",
    "pandas",
    "pyarrow",
)
_SERVERS = ("redis-server", "memcached")
_CPUINFO = Path("/proc/cpuinfo")
_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What a reader needs to judge a figure."""

    date: str
    """UTC, ISO 8601."""
    cpus: int
    """That this process may use."""
    cpu_model: str
    memory_nbytes: int
    kernel: str
    python: str
    load: float
    """Load average of the last minute at the start: above 0.5, others were at work."""
    versions: dict[str, str]
    """Of what is installed; the others were not measured."""

    def as_json(self) -> dict[str, object]:
        """By field."""
        return asdict(self)


def machine_facts() -> MachineFacts:
    """Look around."""
    return MachineFacts(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cpus=_cpus(),
        cpu_model=_cpu_model(),
        memory_nbytes=memory_nbytes(),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load=round(os.getloadavg()[0], 2),
        versions=_versions(),
    )


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(names, platform.processor() or "unknown")


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {name: text for name in _SERVERS if (text := _server_version(name))}


def _server_version(name: str) -> str:
    program = which(name)
    if program is None:
        return ""
    done = run_program(  # noqa: S603 - found on the user's PATH
        [program, "--version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    return done.stdout.strip()
