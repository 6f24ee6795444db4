"""Naming: what a node of a grid is called, which store is its, and how it is found.

A store is named by grid and node. The first node of a machine takes the grid's
plain name, for the grid `default` the user's default store with all it holds;
further ones, which a machine has only where nodes are simulated, take `GRID@NODE`.
Beside each store lies a lock that its actor holds while it lives, and in it
`grid.json`, by which a process without Ray finds the grid.

No Ray here. Ray's node ids are incarnations of a node, not names: see `ray_nodes`.
"""

import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from gridcache.cluster.home.facts import (
    FACTS,
    GridFacts,
    beat,
    read_facts,
    write_facts,
    write_private,
)
from gridcache.config import Config
from gridcache.errors import ConfigError, GridCacheError, StoreStalledError
from gridcache.store.files import open_private

__all__ = [
    "FACTS",
    "NODE_VARIABLE",
    "GridFacts",
    "StoreClaim",
    "beat",
    "claim_store",
    "find_standing",
    "forget_grid",
    "is_served",
    "name_node",
    "read_facts",
    "store_name",
    "write_facts",
    "write_private",
]

NODE_VARIABLE = "GRIDCACHE_NODE"
"""Environment: the node of a process without Ray, where a machine has several."""

_STALE_S = 30.0
"""A node without a living actor is in no grid from then on: a restart takes 2 s."""
_CLAIM_S = 5.0
"""How long a restarted actor waits for the one before it to be gone."""
_TRY_S = 0.05


def store_name(config: Config, grid: str) -> str:
    """Name of the store of a grid's first node on a machine."""
    return config.store if grid == "default" else grid


def name_node(wanted: str, taken: Mapping[str, str], ray_node_id: str) -> str:
    """Name of a Ray node in the grid: the wanted one, or with a number if it is taken.

    Parameters
    ----------
    taken
        Ray node id by name, of all nodes that are named already.

    Examples
    --------
    >>> name_node("gpu2", {"gpu2": "ab"}, "cd"), name_node("gpu2", {"gpu2": "ab"}, "ab")
    ('gpu2-1', 'gpu2')
    """
    name, number = wanted, 0
    while taken.get(name, ray_node_id) != ray_node_id:
        number += 1
        name = f"{wanted}-{number}"
    return name


# -- the store of a node -------------------------------------------------------


class StoreClaim:
    """A node's hold on its store, for the life of its actor."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    def release(self) -> None:
        """Let the store go; idempotent."""
        fd, self._lock_fd = self._lock_fd, -1
        if fd >= 0:
            os.close(fd)


def claim_store(
    directory: Path, base: str, facts: GridFacts, *, first: bool = True
) -> StoreClaim:
    """Choose the store of a node and hold it against all other nodes.

    The one it had before; else for the first node of a machine the plain name,
    unless another node of this grid or one that lives has it; else the name with
    the node's.

    Raises
    ------
    StoreStalledError
        The process that had the node before lives and does not let go.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    until = time.monotonic() + _CLAIM_S
    while True:
        for path in _candidates(directory, base, facts, first=first):
            fd = _try_lock(path)
            if fd is None:
                continue
            if _may_take(path, facts):
                return StoreClaim(path, fd)
            os.close(fd)
        if time.monotonic() > until:
            raise _stalled(directory, facts)
        time.sleep(_TRY_S)


def _candidates(
    directory: Path, base: str, facts: GridFacts, *, first: bool
) -> Iterator[Path]:
    names = [base, f"{base}@{facts.node}"]
    own = [name for name in names if _is_of(directory / name, facts)]
    if own:
        # Only that: while the process before is still dying its lock is held.
        yield directory / own[0]
        return
    yield from (directory / name for name in names[0 if first else 1 :])
    yield directory / f"{base}@{facts.node}-{facts.incarnation[:8]}"


def _is_of(path: Path, facts: GridFacts) -> bool:
    """Whether the store is this node's, and no other grid's that lives."""
    found = read_facts(path)
    if found is None or (found.grid, found.node) != (facts.grid, facts.node):
        return False
    return found.incarnation == facts.incarnation or not _is_held(path)


def _may_take(path: Path, facts: GridFacts) -> bool:
    found = read_facts(path)
    same_grid = found is not None and found.incarnation == facts.incarnation
    return found is None or not same_grid or found.node == facts.node


def _lock_path(store: Path) -> Path:
    return store.with_name(f".grid-{store.name}.lock")


def _try_lock(store: Path) -> int | None:
    fd = open_private(_lock_path(store))
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _is_held(store: Path) -> bool:
    """Whether a living actor holds the store."""
    try:
        fd = open_private(_lock_path(store), os.O_RDWR)
    except (OSError, GridCacheError):
        return False
    try:
        # Shared, so that two askers are not taken for an actor by each other.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _stalled(directory: Path, facts: GridFacts) -> StoreStalledError:
    message = (
        f"another process holds the store of node {facts.node!r} of the grid "
        f"{facts.grid!r} in {directory} and does not let go; end it "
        f"(grid doctor names it)"
    )
    return StoreStalledError(message, node=facts.node, path=str(directory))


def forget_grid(store: Path) -> None:
    """Make the store a plain one again; its entries stay."""
    for name in (FACTS, "grid.key", "view"):
        (store / name).unlink(missing_ok=True)
    with suppress(OSError):
        _lock_path(store).unlink()


# -- finding it again ----------------------------------------------------------


def find_standing(config: Config, grid: str = "default") -> Path | None:
    """Find the store of this process's node, if it is in a grid now.

    Asks no network: a Ray worker's node is its Ray node; else the environment's
    `GRIDCACHE_NODE`; else the node that has the plain name.

    Raises
    ------
    ConfigError
        `GRIDCACHE_NODE` names none of several nodes on this machine.
    """
    base = store_name(config, grid)
    found = dict(_stores_of(config.directory, base, grid))
    if not found:
        return None
    here, named = _ray_node_id(), os.environ.get(NODE_VARIABLE, "").strip()
    for path, facts in found.items():
        if here is not None and facts.ray_node_id == here:
            return path
        if here is None and named and facts.node == named:
            return path
    if here is None and named:
        names = ", ".join(sorted(facts.node for facts in found.values()))
        message = f"{NODE_VARIABLE}={named} is no node here; there is {names}"
        raise ConfigError(message, node=named)
    # Also for a process of a Ray node that is not in the grid: it is this machine's.
    plain = config.directory / base
    return plain if plain in found else None


def _stores_of(
    directory: Path, base: str, grid: str
) -> Iterator[tuple[Path, GridFacts]]:
    """Stores of nodes on this machine that are in the grid now."""
    if not directory.is_dir():
        return
    for path in sorted(directory.glob(f"{base}*")):
        if path.name != base and not path.name.startswith(f"{base}@"):
            continue
        facts = read_facts(path)
        if facts is not None and facts.grid == grid and _lives(path):
            yield path, facts


def _lives(store: Path) -> bool:
    """Whether an actor holds the store, or did a moment ago."""
    if _is_held(store):
        return True
    try:
        return time.time() - (store / FACTS).stat().st_mtime < _STALE_S
    except OSError:
        return False


def is_served(store: Path) -> bool:
    """Whether a store is a node's of a grid that lives."""
    return _lives(store)


def _ray_node_id() -> str | None:
    """Return the Ray node of this process, if it is connected to Ray at all."""
    ray = sys.modules.get("ray")
    if ray is None or not getattr(ray, "is_initialized", bool)():
        return None
    with suppress(Exception):
        return str(ray.get_runtime_context().get_node_id())
    return None
