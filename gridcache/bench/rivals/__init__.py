"""The rivals: what can be measured beside gridcache, opened if it is there.

Each is optional. One that is missing, or that does not start, is an `Absent`
with the command that installs it, never an error.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, Self

from gridcache.bench.result import Absent

__all__ = ["RIVALS", "Needs", "Rivals", "SmallStore"]


class SmallStore(Protocol):
    """A rival that keeps small values under keys."""

    get: Callable[[Any], object]
    put: Callable[[Any, bytes], object]

    def key(self, text: str) -> Any:
        """The form of a key that it takes; made before the clock runs."""
        ...

    def fill(self, items: Mapping[str, bytes]) -> None:
        """Store everything, the fastest way it has."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What a rival takes, and how to get it."""

    module: str
    """Under `gridcache.bench.rivals`; its `open_rival(directory)` opens it."""
    modules: tuple[str, ...] = ()
    program: str = ""
    cure: str = ""

    def missing(self) -> Absent | None:
        """The first thing that is not there."""
        for name in self.modules:
            if find_spec(name) is None:
                return Absent(f"{name} is not installed", self.cure)
        if self.program and shutil.which(self.program) is None:
            return Absent(f"{self.program} is not installed", self.cure)
        return None


RIVALS: dict[str, Needs] = {
    "redis": Needs(
        "redis",
        ("redis", "hiredis"),
        "redis-server",
        "apt install redis-server; pip install redis hiredis",
    ),
    "memcached": Needs(
        "memcached",
        ("pymemcache",),
        "memcached",
        "apt install memcached; pip install pymemcache",
    ),
    "diskcache": Needs("diskcache", ("diskcache",), cure="pip install diskcache"),
    "joblib": Needs("joblib", ("joblib",), cure="pip install joblib"),
    "ray": Needs("ray", ("ray",), cure='pip install "gridcache[ray]"'),
    "lmdb": Needs("lmdb", ("lmdb",)),
    "dask": Needs(
        "dask", ("dask", "distributed"), cure='pip install "gridcache[dask]"'
    ),
}
"""By the name that results and `--without` use."""


class Rivals:
    """The rivals of one benchmark, opened when first asked for, closed together.

    Parameters
    ----------
    directory
        Where they may put their files and sockets.
    without
        Names that are not to be opened.
    """

    def __init__(self, directory: Path, without: frozenset[str]) -> None:
        self._directory = directory
        self._without = without
        self._stack = ExitStack()
        self._known: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._known.clear()
        self._stack.close()

    def open(self, name: str) -> Any:
        """The rival, or an `Absent`."""
        if name not in self._known:
            self._known[name] = self._open(name)
        return self._known[name]

    def _open(self, name: str) -> Any:
        if name in self._without:
            return Absent("left out by --without")
        needs = RIVALS[name]
        missing = needs.missing()
        if missing is not None:
            return missing
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        try:
            module = import_module(f"{__name__}.{needs.module}")
            rival = module.open_rival(directory)
        except Exception as error:  # noqa: BLE001 - whatever ails it, we go on
            return Absent(f"{name} did not start: {type(error).__name__}: {error}")
        self._stack.callback(rival.close)
        return rival
