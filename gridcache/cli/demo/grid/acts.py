"""The acts: nodes, blocks, keys, and a node that is killed."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridcache.cache import GridCache
from gridcache.cli.demo.grid.tasks import compute_there, on, put_there, read_there
from gridcache.cli.demo.grid.two_nodes import NORTH, SOUTH, TwoNodes
from gridcache.cli.demo.scene import Claim, Scene
from gridcache.cli.report import Column, Kind, Section
from gridcache.cluster.actors.grid import Grid
from gridcache.cluster.actors.status import NodeInfo
from gridcache.errors import KeyNotFoundError
from gridcache.pool import DistributedMemoryPool
from gridcache.units import format_bytes, format_duration

__all__ = ["ACTS", "GridStage"]

BLOCK_NBYTES = 64 << 20
OFFSET = 12 << 20
PIECE = b"gridcache" * 1000
KEYS = 200
HANG_S = 5.0
_WAIT_S = 30.0
_STEPS = (Column("step"), Column("seconds", Kind.SECONDS, "time"))


@dataclass(frozen=True, slots=True)
class GridStage:
    """What the acts share."""

    nodes: TwoNodes
    grid: Grid

    def node(self, name: str) -> NodeInfo:
        """What is known of a node."""
        return next(one for one in self.grid.nodes() if one.name == name)


def nodes(stage: GridStage) -> Scene:
    """A pinned actor on each node."""
    columns = (
        Column("node"),
        Column("state"),
        Column("actor_pid", Kind.COUNT, "actor's process"),
        Column("capacity_nbytes", Kind.BYTES),
    )
    found = stage.grid.nodes()
    rows = [(one.name, one.state, one.pid, one.capacity_nbytes) for one in found]
    claims = (
        Claim(
            "each Ray node has its own actor, which serves",
            sorted(one.name for one in found) == [NORTH, SOUTH]
            and all(one.state == "serving" for one in found)
            and len({one.pid for one in found}) == len(found),
        ),
        Claim(
            "the grid found both without a file or a setting",
            stage.grid.here == NORTH and stage.grid.epoch > 0,
        ),
    )
    lesson = "One call, `gridcache.connect()`, made every node of Ray part of a cache."
    return Scene(Section("nodes", columns, rows), claims, lesson)


def blocks(stage: GridStage) -> Scene:
    """A block on the other node, written and read at an offset."""
    rows: list[tuple[object, ...]] = []

    def timed(step: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = call()
        rows.append((step, time.perf_counter() - start))
        return result

    with DistributedMemoryPool.sync(stage.grid) as pool:
        size = format_bytes(BLOCK_NBYTES)
        block_id = timed(
            f"allocate {size} on {SOUTH}", lambda: pool.allocate(BLOCK_NBYTES, SOUTH)
        )
        timed(
            f"write {format_bytes(len(PIECE))} at an offset",
            lambda: pool.write(block_id, PIECE, OFFSET),
        )
        read = timed("read it back", lambda: pool.read(block_id, len(PIECE), OFFSET))
        around = pool.read(block_id, len(PIECE) + 2, OFFSET - 1)
        listed = [block.node for block in pool.list_blocks()]
    claims = (
        Claim(
            f"the block is {block_id}, on the node that was named", listed == [SOUTH]
        ),
        Claim("what was written at the offset is read there", read == PIECE),
        Claim("and nothing beside it has changed", around == b"\0" + PIECE + b"\0"),
    )
    lesson = "Memory of another node is read and written like a file, without a task."
    return Scene(Section("blocks", _STEPS, rows), claims, lesson)


def keys(stage: GridStage) -> Scene:
    """One cache over both nodes, and an actor that is killed."""
    south = stage.node(SOUTH)
    values = {f"key {number}": number for number in range(KEYS)}
    array = np.arange(1 << 20)
    served = on(south.ray_node_id, put_there, "demo", values)
    with stage.grid.cache("demo") as cache:
        start = time.perf_counter()
        here = cache.get_many(values)
        here_s = time.perf_counter() - start
        cache.put("array", array, immutable=True)
        there, there_s = on(south.ray_node_id, read_there, "demo", ["array"])
        first = cache.get_or_compute("once", lambda: "computed here")
        second = on(south.ray_node_id, compute_there, "demo", "once")
        os.kill(south.pid or 0, signal.SIGKILL)
        after = _read_until(cache, values)
    rows = [
        (f"read {KEYS} keys that {SOUTH} has put", here_s),
        (f"{SOUTH} reads an array of {format_bytes(array.nbytes)}", there_s),
    ]
    claims = (
        Claim(f"all values that a task on {SOUTH} has put are here", here == values),
        Claim("and an array goes the other way", bool((there["array"] == array).all())),
        Claim("of two nodes that want a key one computes", first == second),
        Claim("the cache says what serves it", "2 nodes" in served),
        Claim("kill -9 of a node's actor loses no entry", after == values),
    )
    lesson = f"{KEYS} keys of both nodes came in {format_duration(here_s)}, by name."
    return Scene(Section("keys", _STEPS, rows), claims, lesson)


def _read_until(cache: GridCache, values: dict[str, int]) -> dict[str, int]:
    """Read until all is there; while an actor restarts its keys wait or are misses."""
    until, found = time.monotonic() + _WAIT_S, dict[str, int]()
    while found != values and time.monotonic() < until:
        found = cache.get_many(values)
    return found


def loss(stage: GridStage) -> Scene:
    """The other node is killed."""
    single = {f"single {number}": number for number in range(KEYS)}
    double = {f"double {number}": number for number in range(KEYS)}
    with stage.grid.cache("demo") as cache:
        cache.put_many(double, replicas=2)
        cache.put_many(single)
        _wait_until(lambda: stage.grid.status().replicated)
        start = time.perf_counter()
        stage.nodes.kill_south()
        worst, kept = _watch(cache, [*double, *single])
        reason = _reason(cache, single)
        seconds = time.perf_counter() - start
    there = {key: value for key, value in kept.items() if key in single}
    rows = [
        ("from the kill to an answer for every key", seconds),
        ("slowest read", worst),
    ]
    claims = (
        Claim(
            "no key with two copies is lost",
            {key: value for key, value in kept.items() if key in double} == double,
        ),
        Claim(
            f"{len(there)} of {KEYS} with one copy are left, and no value is wrong",
            all(single[key] == value for key, value in there.items()),
        ),
        Claim(f"a lost one says why: {reason}", reason in {"node_lost", "none lost"}),
        Claim(f"no read took longer than {HANG_S:.0f} s", worst < HANG_S),
    )
    lesson = (
        "A node died: what had two copies is there, the rest is a miss that says so."
    )
    return Scene(Section("loss", _STEPS, rows), claims, lesson)


def _watch(cache: GridCache, wanted: list[str]) -> tuple[float, dict[str, int]]:
    """Read all keys until the grid has settled on one node; the slowest round."""
    worst, until = 0.0, time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        start = time.perf_counter()
        cache.get_many(wanted)
        worst = max(worst, time.perf_counter() - start)
        if "1 node," in repr(cache):
            break
    return worst, cache.get_many(wanted)


def _reason(cache: GridCache, single: dict[str, int]) -> str:
    for key in single:
        try:
            cache[key]
        except KeyNotFoundError as error:
            return error.reason
    return "none lost"


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + _WAIT_S
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)


ACTS: tuple[tuple[str, Callable[[GridStage], Scene]], ...] = (
    ("Nodes: a pinned actor on each of two nodes", nodes),
    ("Blocks: memory of the other node, at an offset", blocks),
    ("Keys: one cache over both nodes", keys),
    ("Loss: the other node is killed", loss),
)
