"""Faults: what happens to a grid under load, one after another, by a seed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tests.cluster.history.chaos_grid import ChaosGrid, Host
from tests.cluster.history.hurry import GRACE_S, LEASE_S

__all__ = ["FAULTS", "Fault", "play"]

Fault = Callable[[ChaosGrid, Random], None]
_FEWEST, _MOST = 3, 4
"""Nodes."""


def restart_node(grid: ChaosGrid, random: Random) -> None:
    """Kill a node's process; it comes back and adopts its store."""
    grid.restart(_any(grid, random))


def kill_client(grid: ChaosGrid, random: Random) -> None:
    """Kill a client in the middle of whatever it does."""
    for _ in range(3):
        host = _any(grid, random)
        grid.kill_client(host, random.choice(host.clients))
        time.sleep(random.uniform(0.0, 0.2))


def pause_node(grid: ChaosGrid, random: Random) -> None:
    """Stop a node's process past its lease; it is still a member."""
    with _paused(_any(grid, random).process.pid):
        time.sleep(random.uniform(LEASE_S / 2, GRACE_S * 0.9))


def pause_node_for_long(grid: ChaosGrid, random: Random) -> None:
    """Stop a node's process until it is removed; it joins anew."""
    host = _any(grid, random)
    with _paused(host.process.pid):
        grid.until(lambda: grid.member(host.name) is None, f"{host.name} to be removed")
        time.sleep(random.uniform(0.0, 0.5))
    grid.settle()


def pause_client(grid: ChaosGrid, random: Random) -> None:
    """Stop a client in the middle of whatever it does, past a lease."""
    with _paused(random.choice(_any(grid, random).clients).process.pid):
        time.sleep(random.uniform(LEASE_S / 2, GRACE_S))


def cut(grid: ChaosGrid, random: Random) -> None:
    """Cut the streams between two nodes."""
    one, other = random.sample(list(grid.hosts.values()), 2)
    with grid.cut(one, other):
        time.sleep(random.uniform(0.3, 1.5))


def lose_node(grid: ChaosGrid, random: Random) -> None:
    """Lose a machine, maybe while partitions move; another of its name comes later."""
    if random.random() < 0.5:
        grid.settle()
    host = _any(grid, random)
    grid.lose(host)
    grid.until(lambda: grid.member(host.name) is None, f"{host.name} to be missed")
    time.sleep(random.uniform(0.0, 0.5))
    grid.add(host.name)
    grid.settle()


def join_or_drain(grid: ChaosGrid, random: Random) -> None:
    """One node more, or one less."""
    if len(grid.hosts) < _MOST:
        grid.add(next(name for name in "abcdefgh" if name not in grid.hosts))
    else:
        grid.drain(_any(grid, random))
    if random.random() < 0.5:
        grid.settle()


def restart_membership(grid: ChaosGrid, _random: Random) -> None:
    """Kill the membership; it goes on from what it saved."""
    grid.membership.restart()


FAULTS: tuple[Fault, ...] = (
    restart_node,
    kill_client,
    pause_node,
    pause_node_for_long,
    pause_client,
    cut,
    lose_node,
    join_or_drain,
    restart_membership,
)


def play(grid: ChaosGrid, seed: int, seconds: float) -> None:
    """Have one fault after another happen, all of them before any comes again."""
    random, until = Random(seed), time.monotonic() + seconds
    waiting: list[Fault] = []
    while time.monotonic() < until:
        waiting = waiting or random.sample(FAULTS, len(FAULTS))
        fault = waiting.pop()
        grid.note(f"{fault.__name__}; nodes {' '.join(grid.hosts)}")
        fault(grid, random)
        time.sleep(random.uniform(0.1, 0.6))


def _any(grid: ChaosGrid, random: Random) -> Host:
    return grid.hosts[random.choice(sorted(grid.hosts))]


@contextmanager
def _paused(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
