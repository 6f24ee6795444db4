"""Moving: which partitions begin to move, and which members become backups.

What to aim at is `placement.plan`'s; this takes steps towards it that keep a
partition's ready backup wherever that can be.
"""

from collections.abc import Mapping

import numpy as np

from gridcache.cluster.placement import NOBODY, Int32s, plan_backups
from gridcache.cluster.table import Table

__all__ = ["BATCH", "choose_backups", "choose_moves"]

BATCH = 64
"""Moves under way to one target: what is frozen at a time is a small part."""


def choose_backups(
    table: Table,
    planned: Int32s,
    weights: Mapping[int, float],
    hosts: Mapping[int, str],
) -> Int32s:
    """Backup of every partition, chosen for the owner it is going to have.

    A partition on its way to its own backup keeps that until it arrives, and one
    whose only possible backup owns it still has none until it has moved.
    """
    lasting = np.where(table.backups == planned, NOBODY, table.backups).astype(np.int32)
    chosen = plan_backups(planned, weights, hosts, lasting)
    on_the_way = (table.backups == planned) & (planned != table.owners)
    chosen[on_the_way] = table.backups[on_the_way]
    chosen[chosen == table.owners] = NOBODY
    return chosen


def choose_moves(table: Table, planned: Int32s) -> list[tuple[int, int]]:
    """Moves to begin now, as (partition, target)."""
    wanted = np.flatnonzero((planned != table.heading()) & (table.owners != NOBODY))
    pairs = {int(one): int(planned[one]) for one in wanted}
    _avoid_backups(pairs, table)
    under_way: dict[int, int] = {}
    for move in table.moves.values():
        under_way[move.target] = under_way.get(move.target, 0) + 1
    chosen = []
    for partition, target in pairs.items():
        if partition not in table.moves and under_way.get(target, 0) < BATCH:
            under_way[target] = under_way.get(target, 0) + 1
            chosen.append((partition, target))
    return chosen


def _avoid_backups(pairs: dict[int, int], table: Table) -> None:
    """Exchange targets so that a partition does not move onto its own backup.

    There its backup would have to begin anew, elsewhere.
    """
    backups = table.backups
    if len(set(pairs.values())) == 1:
        return
    for one in [one for one, to in pairs.items() if backups[one] == to]:
        for other, target in pairs.items():
            if (
                target not in (pairs[one], backups[one])
                and backups[other] != pairs[one]
            ):
                pairs[one], pairs[other] = target, pairs[one]
                break
