"""Attach: from a cache's arguments to its store and namespace, and back.

The one place that knows configuration, default directories, what happens when a
store or a namespace exists already with other settings, and how a store is let go
when its caches are closed, collected, or alive when the process ends.
"""

import atexit
import itertools
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from gridcache.advice import advise
from gridcache.config import Config, automatic_capacity, load_config
from gridcache.errors import (
    ConfigError,
    GridCacheError,
    NoAvailableNodesError,
    StoreAccessError,
)
from gridcache.store.layout import MINIMUM_CAPACITY
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store
from gridcache.units import format_bytes, parse_bytes

__all__ = ["UNSET", "Attachment", "Wishes", "attach", "default_store_path", "hold"]

_SMALL = 256 << 20


class _Unset:
    """Stands for an argument that was not given; None may be a value."""

    def __repr__(self) -> str:
        return "<default>"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller of `GridCache` asked for, as given."""

    name: Any
    capacity: float | str | None
    quota: float | str | None
    policy: str
    compression: str | None
    ttl: float | str | timedelta | None
    path: str | Path | None
    allow_pickle: bool
    durable: bool
    grid: str | None = "auto"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A store, a namespace of it and the settings of this process."""

    store: NodeStore
    space: Namespace
    config: Config
    grid: str = ""
    """Name of the grid that the store is a node's of; empty for none."""


def default_store_path(config: Config) -> Path:
    """Where the user's default store lies."""
    return config.directory / config.store


def attach(wishes: Wishes) -> Attachment:
    """Open or make what the wishes name; warns where they differ from it.

    Raises
    ------
    ConfigError, StoreAccessError, StoreFormatError
        Nothing was made or changed.
    """
    _release_dropped()
    config = load_config(**_given(wishes))
    wanted = Namespace(
        config.namespace,
        policy=config.policy,
        quota_nbytes=None if wishes.quota is None else parse_bytes(wishes.quota),
        compression=config.compression,
        ttl_s=config.ttl_s,
    )
    path, grid = _find(wishes, config)
    store = _open(path, config, durable=wishes.durable)
    try:
        space = store.namespace(wanted)
        _compare(space, wanted, wishes)
        _compare_store(store, wishes)
    except BaseException:  # a warning may be an error
        close_store(store)
        raise
    return Attachment(store, space, config, grid)


def _given(wishes: Wishes) -> dict[str, Any]:
    given = {
        "namespace": wishes.name,
        "policy": wishes.policy,
        "compression": wishes.compression,
        "ttl_s": wishes.ttl,
        "allow_pickle": wishes.allow_pickle,
    }
    if wishes.capacity is not None:
        given["capacity"] = wishes.capacity
    return {key: value for key, value in given.items() if value is not UNSET}


def _find(wishes: Wishes, config: Config) -> tuple[Path, str]:
    """Directory of the store, and the grid that it belongs to now."""
    if wishes.path is not None:
        if not str(wishes.path):
            message = "path='' names no directory; leave it out for the default store"
            raise ConfigError(message, path="")
        path = Path(wishes.path).expanduser()
        return path, _grid_at(path, wishes.grid)
    if wishes.grid is not None and _any_grid(config):
        named = "default" if wishes.grid == "auto" else wishes.grid
        found = _naming().find_standing(config, named)
        if found is not None:
            return found, named
    if wishes.grid not in {None, "auto"}:
        raise _in_no_grid(wishes.grid)
    return default_store_path(config), ""


def _grid_at(path: Path, wanted: str | None) -> str:
    """The grid that a store belongs to, if one is wanted; "" for none."""
    if wanted is None:
        return ""
    found = _grid_of(path)
    if wanted not in {"auto", found}:
        raise _in_no_grid(wanted)
    return found


def _in_no_grid(name: str) -> NoAvailableNodesError:
    message = f"this node is in no grid {name!r}; start it: grid up"
    return NoAvailableNodesError(message, grid=name)


def _any_grid(config: Config) -> bool:
    """True if a node of a grid may have its store here: one look at a directory."""
    try:
        return any(one.name.startswith(".grid-") for one in config.directory.iterdir())
    except OSError:
        return False


def _grid_of(path: Path) -> str:
    if not (path / "grid.json").exists():
        return ""
    naming = _naming()
    facts = naming.read_facts(path)
    return facts.grid if facts is not None and naming.is_served(path) else ""


def _naming() -> Any:
    # Most processes have no grid here and need not know what one is.
    return import_module("gridcache.cluster.home.naming")


def _open(path: Path, config: Config, *, durable: bool) -> NodeStore:
    try:
        exists = (path / "superblock").exists()
        return open_store(
            path,
            capacity_nbytes=None if exists else config.capacity or _automatic(path),
            durable=durable,
            stall_timeout_s=config.stall_timeout_s,
        )
    except StoreAccessError:
        raise
    except PermissionError as error:
        message = f"cannot use {path}: {error.strerror}; choose another path="
        raise StoreAccessError(message, path=str(path)) from error


def _automatic(path: Path) -> int:
    capacity = max(automatic_capacity(path), MINIMUM_CAPACITY)
    if capacity < _SMALL:
        advise(
            f"the new store at {path} gets {format_bytes(capacity)} only: a quarter of "
            f"the memory, at most half of what is free there. Mount it larger "
            f"(containers: --shm-size), or choose another directory (path= or "
            f"GRIDCACHE_DIRECTORY)"
        )
    return capacity


# -- what is there already -----------------------------------------------------


def _compare(space: Namespace, wanted: Namespace, wishes: Wishes) -> None:
    """Warn of settings that were asked for and are not those of the namespace."""
    asked = {
        "policy": wishes.policy is not UNSET,
        "compression": wishes.compression is not UNSET,
        "ttl_s": wishes.ttl is not UNSET,
        "quota_nbytes": wishes.quota is not None,
    }
    odd = [
        f"{field}={getattr(space, field)!r}, not {getattr(wanted, field)!r}"
        for field, was_asked in asked.items()
        if was_asked and getattr(space, field) != getattr(wanted, field)
    ]
    if odd:
        advise(
            f"namespace {space.name!r} exists and keeps {'; '.join(odd)}. Use another "
            f"name, a store of its own (path=), or reconfigure() it"
        )


def _compare_store(store: NodeStore, wishes: Wishes) -> None:
    if wishes.durable and not store.durable:
        why = "exists and is not" if store.on_disk else "is in memory and cannot be"
        advise(f"the store at {store.directory} {why} durable; use another path=")
    if wishes.capacity is None:
        return
    wanted, found = parse_bytes(wishes.capacity), store.capacity_nbytes
    if wanted != found:
        advise(
            f"the store at {store.directory} exists and keeps its capacity of "
            f"{format_bytes(found)}, not {format_bytes(wanted)}. Use resize(), limit "
            f"this namespace (quota=), or a store of its own (path=)"
        )


# -- letting go ----------------------------------------------------------------

_held: dict[int, NodeStore] = {}
_dropped: deque[int] = deque()
_numbers = itertools.count()


def hold(owner: object, store: NodeStore) -> Callable[[], None]:
    """Let a store go with its owner; returns what lets it go now, once.

    The owner may be collected inside a transaction, where nothing can be closed:
    that store goes at the next `attach`, or when the process ends.
    """
    number = next(_numbers)
    _held[number] = store
    finalizer = weakref.finalize(owner, _dropped.append, number)
    finalizer.atexit = False

    def release() -> None:
        finalizer.detach()
        _release(number)

    return release


def _release(number: int) -> None:
    store = _held.pop(number, None)
    if store is not None:
        close_store(store)


def _release_dropped() -> None:
    with suppress(IndexError):
        while True:
            _release(_dropped.popleft())


@atexit.register
def _release_all() -> None:
    for number in list(_held):
        with suppress(GridCacheError, OSError):
            _release(number)
