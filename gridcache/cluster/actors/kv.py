"""Saved state: what the membership must find again after it was killed.

In Ray's internal key-value store, which lives where Ray's own knowledge of the
cluster does. That is no public interface: where a release of Ray lacks it, files
beside the stores of the head node, to which the membership is pinned, do.
"""

from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Protocol

from gridcache.cluster.home.naming import write_private

__all__ = ["FileState", "RayState", "SavedState", "open_state"]

_NAMESPACE = b"gridcache"
_CALLS = ("_internal_kv_get", "_internal_kv_put", "_internal_kv_del")


class SavedState(Protocol):
    """Named bytes that outlive the process; a put is whole or not at all."""

    def get(self, name: str) -> bytes | None:
        """Return what was put last; None: nothing."""

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes under a name. Returns when they are kept."""

    def clear(self, name: str) -> None:
        """Forget what is kept under a name."""


def open_state(grid: str, directory: Path) -> SavedState:
    """Open the state of a grid.

    Parameters
    ----------
    directory
        Of the stores on this machine, for where Ray keeps nothing for us.
    """
    calls = _find_calls()
    return RayState(grid, calls) if calls is not None else FileState(grid, directory)


def _find_calls() -> ModuleType | None:
    try:
        from ray.experimental import internal_kv  # noqa: PLC0415 - may be missing
    except ImportError:
        return None
    return internal_kv if all(hasattr(internal_kv, one) for one in _CALLS) else None


class RayState:
    """State in Ray's key-value store."""

    def __init__(self, grid: str, calls: ModuleType) -> None:
        self._prefix = f"{grid}/"
        self._calls = calls

    def get(self, name: str) -> bytes | None:
        """Return what was put last; None: nothing."""
        found = self._calls._internal_kv_get(self._key(name), namespace=_NAMESPACE)
        return None if found is None else bytes(found)

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes under a name."""
        self._calls._internal_kv_put(
            self._key(name), content, overwrite=True, namespace=_NAMESPACE
        )

    def clear(self, name: str) -> None:
        """Forget what is kept under a name."""
        self._calls._internal_kv_del(self._key(name), namespace=_NAMESPACE)

    def _key(self, name: str) -> bytes:
        return f"{self._prefix}{name}".encode()


class FileState:
    """State in files of mode 0600."""

    def __init__(self, grid: str, directory: Path) -> None:
        self._directory = directory / f".grid-{grid}.state"

    def get(self, name: str) -> bytes | None:
        """Return what was put last; None: nothing."""
        with suppress(FileNotFoundError):
            return (self._directory / name).read_bytes()
        return None

    def put(self, name: str, content: bytes) -> None:
        """Keep bytes under a name."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._directory / name, content)

    def clear(self, name: str) -> None:
        """Forget what is kept under a name."""
        (self._directory / name).unlink(missing_ok=True)
