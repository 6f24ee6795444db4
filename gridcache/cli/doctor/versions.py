"""Versions of what gridcache stands on."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from gridcache.cli.doctor.finding import Finding, fail, ok
from gridcache.config import Config

__all__ = ["check_versions"]

LIBRARIES = ("lmdb", "lz4", "numpy", "cloudpickle", "cachetools", "xxhash", "rich")


def check_versions(_config: Config) -> Iterator[Finding]:
    """Interpreter, gridcache, libraries."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield ok("python", f"{python} on {platform.system()} {platform.machine()}")
    yield ok("gridcache", _version_of("gridcache") or "from a source tree")
    found = {name: _version_of(name) for name in LIBRARIES}
    missing = [name for name, text in found.items() if not text]
    if missing:
        names = " ".join(missing)
        yield fail("libraries", f"missing: {names}", f"pip install {names}")
    present = (f"{name} {text}" for name, text in found.items() if text)
    yield ok("libraries", ", ".join(present))


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
