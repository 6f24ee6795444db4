"""Simulate: load of homes and traffic of changes in a large grid, on paper.

The production code of `placement` and `balance` on a grid that nobody has at hand:
no nodes, no network, no clock. `grid bench grid` shows the figures.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcache.cluster.table.balance import LONGEST_PAUSE_S, Balance
from gridcache.cluster.table.placement import PARTITIONS, Int32s, plan, plan_backups
from gridcache.cluster.table.view import Member

__all__ = ["Simulation", "simulate"]

_Sizes = NDArray[np.float64]

KEYS = 1_000_000
CAPACITY_NBYTES = 1 << 40
"""Of each member; only ratios count."""
MEAN_FILL = 0.6
HEAVY, TIMES = 0.02, 4.0
"""Part of the partitions that hold so many times more than the others."""
MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Simulation:
    """What was found. Loads are relative to the mean, traffic to all bytes stored."""

    members: int
    joins: int
    losses: int
    home_load: float
    """Of the member that is home of most keys; 1.0: the mean."""
    backup_load: float
    """Of the member that backs up most keys."""
    join_moved: float
    """Traffic of one join, mean; the newcomer's share is the least possible."""
    join_share: float
    """A newcomer's share."""
    loss_refilled: float
    """Traffic of one loss until all has a backup again; homes move without any."""
    loss_load: float
    """Of the most loaded home after all losses."""
    balance_rounds: int
    """Rounds of balancing until it came to rest."""
    balance_moved: float
    """Traffic of all of them."""
    fullest_before: float
    """Bytes a member would have to hold, by its capacity, before balancing."""
    fullest_after: float


def simulate(
    members: int = 1000,
    *,
    joins: int = 10,
    losses: int = 10,
    random: np.random.Generator | None = None,
) -> Simulation:
    """Place a million keys, then let members join, be lost, and run full.

    Parameters
    ----------
    members
        Of equal memory, each on its own host; more than `losses`, at least 2.
    joins, losses
        How many, one after another.
    random
        Where keys fall and who is lost.
    """
    random = random or np.random.default_rng(0)
    keys = random.multinomial(KEYS, np.full(PARTITIONS, 1 / PARTITIONS)).astype(float)
    weights = dict.fromkeys(range(members), 1.0)
    owners = plan(weights)
    backups = plan_backups(owners, weights, _hosts(weights))
    home_load, backup_load = _load(keys, owners), _load(keys, backups)
    joined = _join(weights, owners, keys, joins)
    lost, loss_load = _lose(weights, backups, keys, (losses, random))
    balanced = _balance(members, random)
    return Simulation(
        members,
        joins,
        losses,
        home_load,
        backup_load,
        joined,
        1 / (members + (joins + 1) / 2),
        lost,
        loss_load,
        *balanced,
    )


def _hosts(weights: dict[int, float]) -> dict[int, str]:
    return {member: f"host-{member}" for member in weights}


def _load(sizes: _Sizes, members: Int32s) -> float:
    """Load of the most loaded member, by the mean of those that have any."""
    loads = np.bincount(members, weights=sizes)
    return float(loads.max() / (sizes.sum() / len(np.unique(members))))


def _join(
    weights: dict[int, float], owners: Int32s, sizes: _Sizes, joins: int
) -> float:
    """Mean traffic of a join."""
    weights, moved = dict(weights), 0.0
    for _ in range(joins):
        weights[max(weights) + 1] = 1.0
        planned = plan(weights, owners)
        moved += float(sizes[planned != owners].sum())
        owners = planned
    return float(moved / max(joins, 1) / sizes.sum())


def _lose(
    weights: dict[int, float],
    backups: Int32s,
    sizes: _Sizes,
    what: tuple[int, np.random.Generator],
) -> tuple[float, float]:
    """Mean traffic of a loss, and the load of the most loaded home after all."""
    losses, random = what
    weights, filled = dict(weights), 0.0
    owners = plan(weights)
    for _ in range(losses):
        gone = int(random.choice(list(weights)))
        del weights[gone]
        owners = np.where(owners == gone, backups, owners).astype(np.int32)
        left = np.where((backups == gone) | (backups == owners), -1, backups)
        backups = plan_backups(owners, weights, _hosts(weights), left.astype(np.int32))
        filled += float(sizes[backups != left].sum())
    return float(filled / max(losses, 1) / sizes.sum()), _load(sizes, owners)


def _balance(
    members: int, random: np.random.Generator
) -> tuple[int, float, float, float]:
    """Rounds, traffic, and the fullest member before and after."""
    sizes = np.where(random.random(PARTITIONS) < HEAVY, TIMES, 1.0)
    sizes *= MEAN_FILL * CAPACITY_NBYTES * members / sizes.sum()
    everybody = [_member(number) for number in range(members)]
    balance = Balance()
    for member in everybody:
        balance.add(member)
    owners = plan(balance.weights)
    before, moved, rounds = _fullest(sizes, owners), 0.0, 0
    while rounds < MOST_ROUNDS:
        held = np.bincount(owners, weights=sizes, minlength=members)
        for number, nbytes in enumerate(held.tolist()):
            balance.report(number, max(CAPACITY_NBYTES - int(nbytes), 0))
        owned = dict(enumerate(np.bincount(owners, minlength=members).tolist()))
        if not balance.shift(everybody, owned, rounds * LONGEST_PAUSE_S):
            break
        planned = plan(balance.weights, owners)
        moved += float(sizes[planned != owners].sum())
        owners = planned
        rounds += 1
    return rounds, float(moved / sizes.sum()), before, _fullest(sizes, owners)


def _fullest(sizes: _Sizes, owners: Int32s) -> float:
    return float(np.bincount(owners, weights=sizes).max() / CAPACITY_NBYTES)


def _member(number: int) -> Member:
    name = f"node-{number}"
    return Member(number, name, name, 0, name, "", CAPACITY_NBYTES, {})
