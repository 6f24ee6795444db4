"""Gate: whether the private names of this Ray may be used.

By version, since what an operator is told and when could change without a name
changing, and then a part of a dataset could be taken for the whole of it. And by a
look at the names themselves: Ray Data may have been patched.
"""

import os
from importlib import import_module

import ray

from gridcache.ray_data.internals.contract import Tap

__all__ = ["OFF", "available", "reason", "streamed"]

OFF = "GRIDCACHE_RAY_DATA_INTERNALS"
"""Environment variable: "off" closes the gate."""

_TRIED = ((2, 60),)
"""Versions of Ray whose private names were read and run."""


def reason() -> str:
    """Why they may not be used; empty if they may."""
    if os.environ.get(OFF, "").lower() == "off":
        return f"{OFF}=off"
    if _version() not in _TRIED:
        tried = ", ".join(f"{major}.{minor}" for major, minor in _TRIED)
        return f"Ray is {ray.__version__}; its private names are known of {tried}"
    try:
        import_module("gridcache.ray_data.internals.logical").probe()
    except (ImportError, AttributeError, TypeError) as error:
        return f"Ray {ray.__version__} has other private names here: {error}"
    return ""


def available() -> bool:
    """True if they may be used."""
    return not reason()


def streamed(dataset: ray.data.Dataset, tap: Tap) -> ray.data.Dataset:
    """A dataset that gives the same rows, and streams them to a tap.

    The caller has looked that the private names are `available`.
    """
    logical = import_module("gridcache.ray_data.internals.logical")
    made: ray.data.Dataset = logical.streamed(dataset, tap)
    return made


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in ray.__version__.split(".")[:2])
