"""Leaving: when a node may not be sent away from a grid."""

from gridcache.cluster.actors.ledger import Ledger
from gridcache.cluster.table.view import Member, View
from gridcache.errors import ConfigError, NoAvailableNodesError

__all__ = ["refuse_last", "refuse_unknown"]


def refuse_last(view: View, leaving: Member) -> None:
    """Raise `NoAvailableNodesError` if nobody stays who could take what it has."""
    if all(one.draining or one.number == leaving.number for one in view.members):
        message = (
            f"no other node could take what {leaving.name!r} has; add one, or take "
            f"the grid down (grid down)"
        )
        raise NoAvailableNodesError(message, node=leaving.name)


def refuse_unknown(view: View, ledger: Ledger, name: str) -> None:
    """Raise `ConfigError` unless a node of this name was sent away before."""
    if name in {ledger.name_of(one) for one in ledger.drained()}:
        return
    names = ", ".join(one.name for one in view.members) or "none"
    message = f"no node {name!r} in this grid; it has {names}"
    raise ConfigError(message, node=name)
