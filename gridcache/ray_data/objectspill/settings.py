"""Settings: what a Ray cluster is started with so that it spills to the store.

They belong to each node's start: a cluster that runs cannot be given them any more.
"""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridcache.errors import ConfigError
from gridcache.ray_data.objectspill.hook import HOOK
from gridcache.ray_data.objectspill.internals import HOOK_VARIABLE, unfit
from gridcache.ray_data.objectspill.place import Place
from gridcache.units import parse_bytes

__all__ = ["ObjectSpilling", "object_spilling"]


@dataclass(frozen=True, slots=True)
class ObjectSpilling:
    """Settings of a node of Ray; made by `object_spilling`."""

    place: Place = field(default_factory=Place)
    fallback_directory: str = ""
    """Where what the store does not take goes; empty for Ray's choice."""

    @property
    def env(self) -> dict[str, str]:
        """The environment that a node is started in, beside what there is."""
        return {HOOK_VARIABLE: HOOK, **self.place.environment()}

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Have it as this process's environment, for `ray.init` inside.

        Raises
        ------
        ConfigError
            Another function is called in each worker already.
        """
        before = {name: os.environ.get(name) for name in self.env}
        _check_free(os.environ)
        os.environ.update(self.env)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def init_kwargs(self) -> dict[str, Any]:
        """What `ray.init` takes, beside the environment."""
        directory = self.fallback_directory
        return {"object_spilling_directory": directory} if directory else {}

    def start_args(self) -> list[str]:
        """What `ray start` takes, beside the environment."""
        directory = self.fallback_directory
        return [f"--object-spilling-directory={directory}"] if directory else []

    def __str__(self) -> str:
        """The command, as a shell takes it; for each node of the cluster."""
        variables = (f"{name}={shlex.quote(text)}" for name, text in self.env.items())
        arguments = map(shlex.quote, self.start_args())
        return " ".join([*variables, "ray start", *arguments])


def object_spilling(
    *,
    path: str | Path | None = None,
    capacity: float | str | None = None,
    max_bytes: float | str | None = None,
    grid: str | None = "auto",
    fallback_directory: str | Path | None = None,
) -> ObjectSpilling:
    """Make the settings with which Ray spills its objects to gridcache's store.

    Experimental: it leans on names of Ray that are not public. Where they differ, and
    whenever the store does not take an object, Ray spills to files as ever.

    Parameters
    ----------
    path, grid
        Which store, as for `GridCache`; each node's own unless given. It must be in
        memory.
    capacity
        Of the store, if there is none yet.
    max_bytes
        Objects go to files while the store's blocks take as much. Below that they push
        cache entries out.
    fallback_directory
        Where those files lie; Ray's choice unless given.

    Returns
    -------
    ObjectSpilling
        For `ray.init`, in its `environment()` and with its `init_kwargs()`, or as text
        for `ray start`.

    Raises
    ------
    ConfigError
        This Ray, or this system, is not one that can be taught.
    """
    _check_possible()
    place = Place(
        path="" if path is None else str(Path(path).expanduser().absolute()),
        grid=grid or "",
        capacity_nbytes=_nbytes(capacity),
        max_nbytes=_nbytes(max_bytes),
    )
    directory = "" if fallback_directory is None else str(fallback_directory)
    return ObjectSpilling(place, directory)


def _nbytes(size: float | str | None) -> int:
    return 0 if size is None else parse_bytes(size)


def _check_possible() -> None:
    if not sys.platform.startswith("linux"):
        message = "Ray spills objects to the store on Linux only"
        raise ConfigError(message, platform=sys.platform)
    reason = unfit()
    if reason:
        message = f"{reason}; use object_spilling_directory= of ray.init"
        raise ConfigError(message)


def _check_free(environment: Mapping[str, str]) -> None:
    other = environment.get(HOOK_VARIABLE, HOOK)
    if other != HOOK:
        message = (
            f"{HOOK_VARIABLE} is {other!r}, and there can be one function only; start "
            f"Ray without it"
        )
        raise ConfigError(message, hook=other)
