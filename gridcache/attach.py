"""Attach: from a cache's arguments to its store and namespace.

The one place that knows configuration, default directories and what happens
when a store or a namespace exists already with other settings.
"""

import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from gridcache.config import Config, automatic_capacity, load_config
from gridcache.errors import CacheWarning, ConfigError
from gridcache.store.layout import MINIMUM_CAPACITY
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import open_store
from gridcache.units import format_bytes, parse_bytes

__all__ = ["UNSET", "Attachment", "Wishes", "attach", "default_store_path"]

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

    name: str
    capacity: float | str | None
    quota: float | str | None
    policy: str
    compression: str | None
    ttl: float | str | timedelta | None
    path: str | Path | None
    allow_pickle: bool
    durable: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """A store, a namespace of it and the settings of this process."""

    store: NodeStore
    space: Namespace
    config: Config


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
    config = load_config(**_given(wishes))
    quota = None if wishes.quota is None else parse_bytes(wishes.quota)
    if not isinstance(wishes.name, str) or not wishes.name:
        message = f"a cache's name is a text, not {wishes.name!r}"
        raise ConfigError(message, name=wishes.name)
    path = default_store_path(config)
    if wishes.path is not None:
        path = Path(wishes.path).expanduser()
    store = _open(path, config, durable=wishes.durable)
    wanted = Namespace(
        wishes.name,
        policy=config.policy,
        quota_nbytes=quota,
        compression=config.compression,
        ttl_s=config.ttl_s,
    )
    space = store.namespace(wanted)
    _compare(space, wanted, wishes)
    _compare_capacity(store, wishes)
    return Attachment(store, space, config)


def _given(wishes: Wishes) -> dict[str, Any]:
    given = {
        "policy": wishes.policy,
        "compression": wishes.compression,
        "ttl_s": wishes.ttl,
        "allow_pickle": wishes.allow_pickle,
    }
    if wishes.capacity is not None:
        given["capacity"] = wishes.capacity
    return {key: value for key, value in given.items() if value is not UNSET}


def _open(path: Path, config: Config, *, durable: bool) -> NodeStore:
    if (path / "superblock").exists():
        return open_store(path, stall_timeout_s=config.stall_timeout_s)
    capacity = config.capacity
    if capacity is None:
        capacity = _automatic(path)
    return open_store(
        path,
        capacity_nbytes=capacity,
        durable=durable,
        stall_timeout_s=config.stall_timeout_s,
    )


def _automatic(path: Path) -> int:
    capacity = automatic_capacity(path)
    if capacity < _SMALL:
        message = (
            f"the new store at {path} gets {format_bytes(capacity)} only, half of what "
            f"is free there; mount it larger (containers: --shm-size), or choose "
            f"another directory (path= or GRIDCACHE_DIRECTORY)"
        )
        warnings.warn(message, CacheWarning, stacklevel=5)
    return max(capacity, MINIMUM_CAPACITY)


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
        message = (
            f"namespace {space.name!r} exists and keeps {'; '.join(odd)}. Use another "
            f"name, a store of its own (path=), or reconfigure() it"
        )
        warnings.warn(message, CacheWarning, stacklevel=4)


def _compare_capacity(store: NodeStore, wishes: Wishes) -> None:
    if wishes.capacity is None:
        return
    wanted, found = parse_bytes(wishes.capacity), store.capacity_nbytes
    if wanted != found:
        message = (
            f"the store at {store.directory} exists and keeps its capacity of "
            f"{format_bytes(found)}, not {format_bytes(wanted)}. Use resize(), limit "
            f"this namespace (quota=), or a store of its own (path=)"
        )
        warnings.warn(message, CacheWarning, stacklevel=4)
