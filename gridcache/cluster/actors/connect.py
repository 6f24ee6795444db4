"""Connect: join a grid in a Ray cluster, and bring it up where there is none.

What is brought up is one actor, the membership; it makes all others.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from gridcache.cluster.actors.asking import ask
from gridcache.cluster.actors.grid import Grid
from gridcache.cluster.actors.joining import join_ray
from gridcache.cluster.actors.membership import Membership
from gridcache.cluster.actors.posts import GridPlan
from gridcache.cluster.actors.ray_nodes import (
    NAMESPACE,
    actor_name,
    head_id,
    here_id,
    pinned,
    ray_machines,
)
from gridcache.cluster.actors.status import GridStatus, NodeInfo
from gridcache.cluster.home.standing import is_installed
from gridcache.cluster_config import (
    ClusterConfig,
    RayNode,
    load_cluster_config,
    match_nodes,
)
from gridcache.errors import ConfigError, NoAvailableNodesError
from gridcache.units import parse_bytes

__all__ = ["aconnect", "connect"]

TIMEOUT_S = 60.0
_LOOK_S = 0.1
_UNSEEN_S = 2.0
"""Some looks of the membership: a node it has not named then gives no memory."""
_CONCURRENCY = 32
_NAME_ALPHABET = set("abcdefghijklmnopqrstuvwxyz0123456789._-")
_NAME_LENGTH = 48


def connect(  # noqa: PLR0913 - all but the first by name
    address: str | None = None,
    *,
    name: str | None = None,
    config: ClusterConfig | str | Path | None = None,
    capacity: float | str | None = None,
    disk: float | str | None = None,
    disk_directory: str | Path | None = None,
    create: bool = True,
    wait: bool = True,
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[str], None] | None = None,
) -> Grid:
    """Join the grid of a Ray cluster; it is brought up if there is none.

    Every node of the cluster, also one that comes later, gets an actor and a store;
    with a cluster file, those that it gives memory for. A store that the user has
    on a node already is taken in with its entries.

    Parameters
    ----------
    address
        Ray's `HOST:PORT`, `auto` for the Ray that runs here, or `local` to start
        one. None: what this process is connected to, else the file's, else that
        of the grid this machine is in, else `auto`.
    name
        Several grids can share a Ray cluster. None: the file's, else `default`.
    config
        A cluster file or its path.
    capacity
        Of each node's store, if the file does not say. None: as for a plain store.
    disk
        Of each node's disk, where values go that leave its memory. None: the
        file's, else none is used.
    disk_directory
        Holds the disk stores of each node. None: the file's, else the user's caches.
    create
        False: raise if the grid is not up.
    wait
        False: return at once, whether or not this process's node serves.
    timeout_s
        How long to wait until this process's node serves.
    progress
        Called with a line for each step.

    Raises
    ------
    NoAvailableNodesError
        There is no Ray or no grid, or this node cannot serve; says why.
    ConfigError
        The file does not fit the cluster, or Ray is reached by Ray Client.
    """
    told = progress or (lambda _line: None)
    plan = _plan(name, config, capacity)
    plan = _with_disk(plan, disk, disk_directory)
    where = address or (plan.config.gridcache.ray_address if config else None)
    told("connecting to Ray")
    ray_hold = join_ray(where, plan.name)
    try:
        _check_file(plan.config)
        told(f"looking for the grid {plan.name!r}")
        membership = _find(plan, create=create, timeout_s=timeout_s)
        if config is not None and create:
            ask(lambda: membership.amend.remote(plan), plan.name)
        here = _wait(membership, plan.name, timeout_s if wait else None, told)
    except BaseException:
        ray_hold.release()
        raise
    return Grid(plan.name, membership, ray_hold, here)


async def aconnect(address: str | None = None, **options: Any) -> Grid:
    """Join the grid of a Ray cluster, waiting in a thread; see `connect`."""
    return await asyncio.to_thread(connect, address, **options)


def _plan(
    name: str | None,
    config: ClusterConfig | str | Path | None,
    capacity: float | str | None,
) -> GridPlan:
    if isinstance(config, str | Path):
        config = load_cluster_config(config)
    config = config or ClusterConfig()
    name = name or config.gridcache.grid
    if not name or set(name) - _NAME_ALPHABET or len(name) > _NAME_LENGTH:
        message = (
            f"{name!r} cannot name a grid; use up to {_NAME_LENGTH} of a-z 0-9 . _ -"
        )
        raise ConfigError(message, name=name)
    nbytes = None if capacity is None else parse_bytes(capacity)
    return GridPlan(name=name, config=config, capacity_nbytes=nbytes)


def _with_disk(
    plan: GridPlan, disk: float | str | None, directory: str | Path | None
) -> GridPlan:
    settings = plan.config.gridcache
    if disk is not None:
        settings = replace(settings, disk_nbytes=parse_bytes(disk))
    if directory is not None:
        settings = replace(settings, disk_directory=Path(directory))
    return replace(plan, config=replace(plan.config, gridcache=settings))


def _check_file(config: ClusterConfig) -> None:
    """Raise if the file's nodes are not Ray's."""
    if config.nodes:
        here = here_id()
        nodes = [_seen_from(one.node, here) for one in ray_machines() if one.alive]
        match_nodes(config, nodes)


def _seen_from(node: RayNode, here: str) -> RayNode:
    return RayNode(
        node_id=node.node_id,
        name=node.name,
        host_name=node.host_name,
        address=node.address,
        labels=node.labels,
        here=node.node_id == here,
    )


# -- the membership ------------------------------------------------------------


def _find(plan: GridPlan, *, create: bool, timeout_s: float) -> Any:
    """Return the handle of the grid's membership, which answers."""
    if create:
        handle = _make(plan)
    else:
        try:
            handle = ray.get_actor(actor_name(plan.name), namespace=NAMESPACE)
        except ValueError:
            message = f"no grid {plan.name!r} runs in this Ray; start it with `grid up`"
            raise NoAvailableNodesError(message, grid=plan.name) from None
    ask(handle.key.remote, plan.name, timeout_s=timeout_s)
    return handle


def _make(plan: GridPlan) -> Any:
    """Make the membership, unless there is one; of several at once one does."""
    head = head_id(ray_machines())
    if head is None:
        message = "Ray shows no head node, where the membership belongs; try again"
        raise NoAvailableNodesError(message)
    actor: Any = ray.remote(Membership)
    return actor.options(
        name=actor_name(plan.name),
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_restarts=-1,
        max_concurrency=_CONCURRENCY,
        scheduling_strategy=pinned(head),
    ).remote(plan)


# -- waiting until this node serves -----------------------------------------------


def _wait(
    membership: Any, grid: str, timeout_s: float | None, told: Callable[[str], None]
) -> NodeInfo | None:
    """Wait for this process's node; None if it gives no memory but others serve.

    Without a time limit it is not waited for.
    """
    here, began_s, said = here_id(), time.monotonic(), ""
    while True:
        status: GridStatus = ask(membership.status.remote, grid)
        node = _own(status, here)
        if node is not None and _serves(node):
            return node
        waited_s = time.monotonic() - began_s
        elsewhere = node is None and waited_s > _UNSEEN_S and _any_serves(status)
        drained = node is not None and node.state == "drained"
        if elsewhere or drained or timeout_s is None:
            return None
        line = _described(node, status)
        if line != said:
            told(line)
            said = line
        failed = node is not None and node.state == "failed"
        if failed or waited_s > timeout_s:
            raise _not_serving(line, grid, here)
        time.sleep(_LOOK_S)


def _serves(node: NodeInfo) -> bool:
    """True if this process's node serves, and has been told of the others.

    The membership counts it in a moment before it has the view by which clients go.
    """
    if node.state not in {"serving", "draining"}:
        return False
    store = Path(node.store)
    return is_installed(store) or not store.exists()


def _own(status: GridStatus, here: str) -> NodeInfo | None:
    return next((one for one in status.nodes if one.ray_node_id == here), None)


def _any_serves(status: GridStatus) -> bool:
    return any(one.state == "serving" for one in status.nodes)


def _described(node: NodeInfo | None, status: GridStatus) -> str:
    if node is not None:
        return (
            f"node {node.name!r} is {node.state}: {node.reason or 'its actor starts'}"
        )
    listed = ", ".join(f"{one.name} ({one.state})" for one in status.nodes) or "none"
    return f"nodes of the grid: {listed}"


def _not_serving(line: str, grid: str, here: str) -> NoAvailableNodesError:
    message = f"this node does not serve the grid {grid!r}: {line}"
    return NoAvailableNodesError(message, grid=grid, ray_node_id=here)
