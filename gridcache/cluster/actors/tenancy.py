"""Tenancy: how the actor of a node comes to its store.

The store is adopted with all that is in it, or made. Without Ray.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gridcache.cluster.actors.posts import Post
from gridcache.cluster.home.naming import (
    GridFacts,
    StoreClaim,
    claim_store,
    read_facts,
    store_name,
    write_facts,
    write_private,
)
from gridcache.config import Config, automatic_capacity, load_config
from gridcache.errors import GridCacheError
from gridcache.store.layout import MINIMUM_CAPACITY, read_superblock
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store
from gridcache.store.room import check_capacity

__all__ = ["Tenancy", "capacity_of", "enter"]

KEY_FILE = "grid.key"
_logger = logging.getLogger("gridcache")


@dataclass(frozen=True, slots=True)
class Tenancy:
    """A store that is this node's, open."""

    store: NodeStore
    claim: StoreClaim
    facts: GridFacts
    """As found or written; `number` is the one of an earlier life of this node."""

    @property
    def path(self) -> Path:
        """Where the store lies."""
        return self.claim.path

    def leave(self) -> None:
        """Close the store and let others have it."""
        close_store(self.store)
        self.claim.release()


def capacity_of(post: Post) -> int:
    """Bytes that the store of a post has or will get.

    Raises
    ------
    ConfigError
        No store can be so large, or so small, here.
    """
    config = _settings(post)
    base = config.directory / store_name(config, post.grid)
    if post.capacity_nbytes is not None:
        check_capacity(post.capacity_nbytes, base)
        return post.capacity_nbytes
    own = base.with_name(f"{base.name}@{post.node}")
    for path in (own, base) if post.first else (own,):
        with suppress(OSError, GridCacheError):
            return read_superblock(path).capacity_nbytes
    return _new_capacity(config, base)


def enter(post: Post) -> Tenancy:
    """Hold and open the store of a post, and write into it whose it is.

    Raises
    ------
    GridCacheError, OSError
        It cannot be held, made or opened; nothing is left behind.
    """
    config = _settings(post)
    wanted = GridFacts(
        grid=post.grid,
        node=post.node,
        incarnation=post.incarnation,
        ray_node_id=post.ray_node_id,
        replicas=post.replicas,
    )
    base = store_name(config, post.grid)
    claim = claim_store(config.directory, base, wanted, first=post.first)
    try:
        store = _open(claim.path, post, config)
    except BaseException:
        claim.release()
        raise
    facts = _same_member(claim.path, wanted)
    write_private(claim.path / KEY_FILE, post.key)
    write_facts(claim.path, facts)
    return Tenancy(store, claim, facts)


def _same_member(path: Path, wanted: GridFacts) -> GridFacts:
    """Return the facts with the number of this node's earlier life, if it had one."""
    found = read_facts(path)
    if found is None or (found.incarnation, found.node) != (
        wanted.incarnation,
        wanted.node,
    ):
        return wanted
    return replace(wanted, number=found.number, port=found.port)


def _settings(post: Post) -> Config:
    if post.directory is None:
        return load_config()
    return load_config(directory=post.directory)


def _new_capacity(config: Config, path: Path) -> int:
    return config.capacity or max(automatic_capacity(path), MINIMUM_CAPACITY)


def _open(path: Path, post: Post, config: Config) -> NodeStore:
    exists = (path / "superblock").exists()
    capacity = post.capacity_nbytes or _new_capacity(config, path)
    store = open_store(
        path,
        capacity_nbytes=None if exists else capacity,
        stall_timeout_s=config.stall_timeout_s,
    )
    if exists and post.capacity_nbytes not in (None, store.capacity_nbytes):
        _resize(store, capacity)
    return store


def _resize(store: NodeStore, capacity_nbytes: int) -> None:
    """Give an adopted store the size that was asked for, if it can have it."""
    try:
        store.resize(capacity_nbytes)
    except GridCacheError as error:
        _logger.warning("%s keeps its capacity: %s", store.directory, error)
