"""Handover: what a node does when a view gives or takes partitions.

Composes the parts: `intake` takes partitions over that `surrender` gives away at
the other end, `refill` fills copies that `copies` stores, `registration` tells new
homes of immutable entries, `farewell` gives those away that only a node that goes
has, `leftovers` removes what counts no more. Nothing here decides anything: the view does.
"""

from collections.abc import Callable
from threading import Event
from typing import Any

from gridcache.cluster.handover.copies import Copies
from gridcache.cluster.handover.farewell import Farewell, Given
from gridcache.cluster.handover.hosting import Hosting
from gridcache.cluster.handover.intake import Intake
from gridcache.cluster.handover.leftovers import Leftovers
from gridcache.cluster.handover.refill import Refill
from gridcache.cluster.handover.registration import Registration
from gridcache.cluster.handover.surrender import Surrender
from gridcache.cluster.home.backup import Backup
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.view import View
from gridcache.store.node_store import NodeStore

__all__ = ["Handover"]

Handler = Callable[..., Answer]


class Handover:
    """One node's part in every change of owners.

    `handlers` and `streams` are by operation, for the node's service.
    """

    def __init__(self, store: NodeStore, standing: Standing, peers: Peers) -> None:
        copies = Copies(store, Backup(store, standing))
        ended = self._ended = Event()
        self._intake = Intake(store, standing, peers, ended)
        self._refill = Refill(store, standing, peers, ended)
        self._registration = Registration(store, standing, peers, ended)
        self._farewell = Farewell(store, standing, peers, self._registration, ended)
        self._leftovers = Leftovers(store, standing)
        hosting = Hosting(store)
        self.handlers: dict[str, Handler] = {
            "surrender": Surrender(store, standing).answer,
            "copies": copies.take,
            "legacy": copies.take_legacy,
            "register_many": self._registration.register_many,
            "holders": hosting.holders,
            "keep_many": hosting.keep,
            "spare": hosting.room,
        }
        self.streams: dict[str, Any] = {}

    def pull_moves(self, view: View) -> list[tuple[int, int]]:
        """Take partitions over; returns (partition, term) of what has come."""
        return self._intake.pull(view)

    def fill_backups(self, view: View) -> list[tuple[int, int]]:
        """Fill copies; returns (partition, copy's term) of full ones."""
        return self._refill.fill(view)

    def reregister(self, view: View) -> bool:
        """Tell new homes of immutable entries, remove what counts no more.

        Returns
        -------
        bool
            False if there is more to do: call again in a while.
        """
        told = self._registration.reregister(view)
        return self.remove_leftovers(view) and told

    def remove_leftovers(self, view: View) -> bool:
        """Remove some of what counts no more; returns whether that was all."""
        return self._leftovers.remove(view)

    def hand_over_copies(self, time_limit_s: float) -> Given:
        """Give away the immutable entries that only this node has, before it goes."""
        return self._farewell.hand_over(time_limit_s)

    @property
    def given(self) -> Given:
        """How far `hand_over_copies` has come."""
        return self._farewell.given

    def stop(self) -> None:
        """Let what is under way in other threads come to an end soon, undone."""
        self._ended.set()
