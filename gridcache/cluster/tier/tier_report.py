"""Tier report: what the spill ladder has done, of one node and of all of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from gridcache.cluster.tier.ladder import DISK, NODE
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.cluster.tier.tier_figures import Figures
from gridcache.stats import TierStats
from gridcache.store.node_store import NodeStore

__all__ = ["merged_tiers", "tier_report"]


def tier_report(store: NodeStore) -> dict[str, int]:
    """Give a node's counts, as they travel."""
    tier = tier_of(store).open()
    counts = _figures(store).counts()
    return counts | (tier.sizes() if tier is not None else {})


def merged_tiers(
    store: NodeStore, others: Iterable[Mapping[str, Any]]
) -> TierStats | None:
    """Add what other nodes told to this node's; None if nobody has anything."""
    told = [tier_report(store), *others]
    names = {name for one in told for name in one}
    sums = {name: sum(one.get(name, 0) for one in told) for name in names}
    if not any(sums.values()):
        return None
    node, disk = _figures(store).speed(NODE), _figures(store).speed(DISK)
    return TierStats(
        **sums,
        node_latency_s=node.latency_s,
        node_nbytes_per_s=node.nbytes_per_s,
        disk_latency_s=disk.latency_s,
        disk_nbytes_per_s=disk.nbytes_per_s,
    )


def _figures(store: NodeStore) -> Figures:
    figures = store.beside.get("figures")
    if figures is None:
        figures = store.beside.setdefault("figures", Figures(store.directory))
    return figures  # type: ignore[no-any-return]
