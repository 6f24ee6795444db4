"""Ray: its object store (`ray.put`, `ray.get`) and a dict held by an actor.

A cluster of its own on this machine, whatever `RAY_ADDRESS` says.
"""

import logging
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

__all__ = ["ActorDict", "open_rival"]

_OBJECT_STORE_NBYTES = 1 << 30
_CPUS = 2
_WARM_NBYTES = 64 << 20
_WARM_SHARE = 0.75


class _Dict:
    """What the actor runs."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def fill(self, items: dict[str, bytes]) -> None:
        self._values.update(items)

    def get(self, key: str) -> bytes | None:
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        self._values[key] = value


class Ray:
    """One local cluster; `put` and `get` are those of Ray's objects."""

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        # Not in the run's own place: socket paths end at 107 bytes.
        self._logs = TemporaryDirectory(prefix="gcb-", ignore_cleanup_errors=True)
        self._ray = import_module("ray")
        try:
            self._start()
        except BaseException:  # Ctrl-C too: some of its processes may run already
            self.close()
            raise
        self.put: Callable[[Any], Any] = self._ray.put
        self.get: Callable[[Any], Any] = self._ray.get
        self._touch_memory()

    def _start(self) -> None:
        self._ray.init(
            address="local",
            num_cpus=_CPUS,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
            object_store_memory=_OBJECT_STORE_NBYTES,
            _temp_dir=self._logs.name,
        )

    def _touch_memory(self) -> None:
        """Use most of the object store once, as ours is: first touch is slow."""
        count = int(_OBJECT_STORE_NBYTES * _WARM_SHARE) // _WARM_NBYTES
        kept = [self.put(np.ones(_WARM_NBYTES, np.uint8)) for _ in range(count)]
        del kept

    def actor_dict(self) -> "ActorDict":
        """A new actor with a dict."""
        return ActorDict(self._ray)

    def close(self) -> None:
        """Stop the cluster."""
        self._ray.shutdown()
        self._logs.cleanup()


class ActorDict:
    """A dict in an actor: what people build when they want a shared cache."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._actor = actor = ray.remote(_Dict).options(num_cpus=0).remote()
        fetch = ray.get

        def get(key: str) -> object:
            return fetch(actor.get.remote(key))

        def put(key: str, value: bytes) -> object:
            return fetch(actor.put.remote(key, value))

        self.get, self.put = get, put

    def key(self, text: str) -> str:
        """Return the text as it is."""
        return text

    def fill(self, items: Mapping[str, bytes]) -> None:
        """In one call."""
        self._ray.get(self._actor.fill.remote(dict(items)))

    def close(self) -> None:
        """End the actor."""
        self._ray.kill(self._actor)


def open_rival(_directory: Path) -> Ray:
    """Start it."""
    return Ray()
