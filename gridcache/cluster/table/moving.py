"""Moving: which partitions begin to move, and which members become backups.

What to aim at is `placement`'s; these are the steps towards it. A ready backup is
given up only for another one that has everything: until then that one is a spare.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from gridcache.cluster.table.placement import NOBODY, Int32s, plan_backups
from gridcache.cluster.table.table import Table

__all__ = ["BATCH", "change_backups", "start_moves"]

BATCH = 64
"""Moves under way to one target, and spares of one member that are being filled."""


def change_backups(
    table: Table,
    planned: Int32s,
    weights: Mapping[int, float],
    hosts: Mapping[int, str],
) -> None:
    """Choose backups for the owners that partitions are going to have.

    A partition whose only possible backup still owns it has none until it moved.
    """
    wanted = plan_backups(planned, weights, hosts, table.heading_backups())
    wanted[wanted == table.owners] = NOBODY
    kept = table.ready | (table.backups == planned)
    kept &= (wanted != NOBODY) | np.isin(table.backups, list(weights))
    kept &= (table.backups != NOBODY) & (table.backups != table.owners)
    table.set_backups(np.where(kept, table.backups, wanted).astype(np.int32))
    replaced = table.ready & (wanted != table.backups)
    spares = np.where(replaced, wanted, NOBODY)
    # Where a partition moves to its own spare, the spare's term is the move's.
    arriving = (table.spares == planned) & (table.spares != NOBODY)
    spares[arriving] = table.spares[arriving]
    table.set_spares(_limited(spares.astype(np.int32), table.spares))


def start_moves(table: Table, planned: Int32s) -> None:
    """Begin to move, those last that would move onto their own backup.

    By then a spare may have replaced it.
    """
    wanted = np.flatnonzero((planned != table.heading()) & (table.owners != NOBODY))
    onto_backup = planned[wanted] == table.backups[wanted]
    under_way = _counts(move.target for move in table.moves.values())
    for partition in wanted[np.argsort(onto_backup, kind="stable")].tolist():
        target = int(planned[partition])
        if partition not in table.moves and under_way.get(target, 0) < BATCH:
            under_way[target] = under_way.get(target, 0) + 1
            table.start(partition, target)


def _limited(wanted: Int32s, present: Int32s) -> Int32s:
    """The wanted spares, new ones only as far as `BATCH` per member goes."""
    limited = np.where(wanted == present, present, NOBODY).astype(np.int32)
    fresh = np.flatnonzero((wanted != NOBODY) & (wanted != present))
    being_filled = _counts(limited[limited != NOBODY].tolist())
    for partition in fresh.tolist():
        spare = int(wanted[partition])
        if being_filled.get(spare, 0) < BATCH:
            being_filled[spare] = being_filled.get(spare, 0) + 1
            limited[partition] = spare
    return limited


def _counts(numbers: Iterable[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for number in numbers:
        counts[number] = counts.get(number, 0) + 1
    return counts
