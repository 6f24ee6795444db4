"""From the options to the cache or store they mean.

A command that looks must not make: it opens what exists and says so (exit 3) where
nothing does. `grid put` alone makes a store.
"""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.notices import set_log_level
from gridcache.cli.options import Options
from gridcache.cli.people import printable
from gridcache.config import Config, load_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcache.cache import GridCache
    from gridcache.cluster_config import ClusterConfig
    from gridcache.store.directory import StoreSummary
    from gridcache.store.node_store import NodeStore

__all__ = [
    "cluster_config",
    "find_store",
    "load_settings",
    "open_cache",
    "store_path",
    "stores_directory",
]


def load_settings(options: Options) -> Config:
    """Settings, the flags above all."""
    given: dict[str, Any] = {}
    if options.namespace is not None:
        given["namespace"] = options.namespace
    if options.config is not None:
        given |= _of_the_grid(cluster_config(options))
    config = load_config(**given)
    set_log_level(config.log_level)
    return config


def cluster_config(options: Options) -> "ClusterConfig":
    """What the cluster file says; without `--config` what holds without a file.

    Raises
    ------
    ConfigError
        The file cannot be read or is wrong (exit 2).
    """
    from gridcache.cluster_config import (  # noqa: PLC0415 - loads yaml
        ClusterConfig,
        load_cluster_config,
    )

    return load_cluster_config(options.config) if options.config else ClusterConfig()


def _of_the_grid(config: "ClusterConfig") -> dict[str, Any]:
    """Settings by which a grid's store on this machine is found."""
    given: dict[str, Any] = {}
    if config.gridcache.grid != "default":  # which takes the user's default store
        given["store"] = config.gridcache.grid
    if config.gridcache.directory is not None:
        given["directory"] = config.gridcache.directory
    return given


def stores_directory(options: Options) -> Path:
    """Directory of the stores that have names."""
    return load_settings(options).directory


def store_path(options: Options) -> Path:
    """Directory of the store that the options mean."""
    if options.path is not None:
        return Path(options.path).expanduser().absolute()
    settings = load_settings(options)
    return _node_store(options, settings) or settings.directory / settings.store


def _node_store(options: Options, settings: Config) -> Path | None:
    """Directory of this node's store, where a machine has several (`GRIDCACHE_NODE`)."""
    if options.config is None:
        return None
    from gridcache.cluster.home.naming import find_standing  # noqa: PLC0415 - for grids alone

    return find_standing(settings, cluster_config(options).gridcache.grid)


def open_cache(options: Options, *, create: bool = False) -> "GridCache":
    """Open the cache that the options mean.

    Raises
    ------
    Failure
        There is no such store or namespace and `create` is false (exit 3).
    """
    from gridcache.cache import GridCache  # noqa: PLC0415 - loads lmdb and numpy

    name = load_settings(options).namespace
    if not create:
        with open_store_of(options) as store:
            _refuse_absent(name, [space.name for space in store.namespaces()])
    path = options.path if options.config is None else store_path(options)
    return GridCache(name, path=path)


@contextmanager
def open_store_of(options: Options) -> "Iterator[NodeStore]":
    """Open the store that the options mean, whatever its namespaces.

    Raises
    ------
    Failure
        There is none (exit 3).
    """
    from gridcache.store.opening import (  # noqa: PLC0415 - loads lmdb
        close_store,
        open_store,
    )

    path = store_path(options)
    try:
        store = open_store(path)
    except FileNotFoundError as error:
        message = f"no store at {path}; the first put makes it: grid put KEY FILE"
        raise Failure(message, ExitCode.NO_STORE) from error
    try:
        yield store
    finally:
        close_store(store)


def _refuse_absent(name: str, present: list[str]) -> None:
    if name not in present:
        there = ", ".join(map(printable, present)) or "none yet"
        message = f"no namespace {printable(name)!r} in this store; there are: {there}"
        raise Failure(message, ExitCode.NO_STORE)


def find_store(options: Options, name: str) -> "StoreSummary":
    """Find a store by its name or its directory.

    Raises
    ------
    Failure
        There is none (exit 3).
    """
    from gridcache.store.directory import list_stores  # noqa: PLC0415 - loads lmdb

    path = stores_directory(options) / Path(name).expanduser()
    for store in list_stores(path.parent):
        if Path(store.path) == path:
            return store
    message = f"no store {name!r} under {path.parent}; see `grid stores`"
    raise Failure(message, ExitCode.NO_STORE)
