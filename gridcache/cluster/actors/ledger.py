"""Ledger: what the membership knows besides its roster, saved with it.

The grid's incarnation and key, what its nodes are called, which were sent away,
and which numbers were given to blocks. Without Ray.
"""

import json
import pickle
import secrets
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from gridcache.cluster.actors.kv import SavedState
from gridcache.cluster.actors.posts import GridPlan
from gridcache.cluster.home.naming import name_node

__all__ = ["Ledger"]

_FACTS, _PLAN, _NUMBERS = "facts", "plan", "numbers"
_KEY_NBYTES = 32


@dataclass(kw_only=True)
class _Facts:
    incarnation: str = field(default_factory=lambda: secrets.token_hex(7))
    """Fits a signed word, see `standing`."""
    key: str = field(default_factory=lambda: secrets.token_hex(_KEY_NBYTES))
    names: dict[str, str] = field(default_factory=dict)
    """Ray node id by name."""
    firsts: dict[str, str] = field(default_factory=dict)
    """Ray node id of the first node by host."""
    drained: list[str] = field(default_factory=list)
    """Ray node ids."""


class Ledger:
    """What is saved; every change is kept before it is told.

    Parameters
    ----------
    plan
        For a grid that is new.
    """

    def __init__(self, state: SavedState, plan: GridPlan) -> None:
        self._state = state
        self._lock = threading.RLock()
        saved = state.get(_FACTS)
        self._facts = _Facts() if saved is None else _Facts(**json.loads(saved))
        kept = state.get(_PLAN)
        # Written by this class into a store that only this Ray cluster can write.
        self.plan: GridPlan = plan if kept is None else pickle.loads(kept)  # noqa: S301
        if saved is None:
            self._save()
            self.amend(plan)

    @property
    def incarnation(self) -> str:
        """Of the grid."""
        return self._facts.incarnation

    @property
    def key(self) -> bytes:
        """What members and clients prove to each other that they have."""
        return bytes.fromhex(self._facts.key)

    def amend(self, plan: GridPlan) -> None:
        """Go by another plan from now on."""
        self._state.put(_PLAN, pickle.dumps(plan))
        self.plan = plan

    # -- names ---------------------------------------------------------------

    def name(self, ray_node_id: str, wanted: str, alive: Iterable[str]) -> str:
        """Name a Ray node: as before, or as wanted, or with a number.

        Parameters
        ----------
        alive
            Ray node ids whose names are taken; dead ones leave theirs to others.
        """
        with self._lock:
            living = {*alive, ray_node_id}
            names = self._facts.names
            taken = {name: one for name, one in names.items() if one in living}
            known = next((one for one in taken if taken[one] == ray_node_id), None)
            if known is not None:
                return known
            name = name_node(wanted, taken, ray_node_id)
            names[name] = ray_node_id
            self._save()
            return name

    def name_of(self, ray_node_id: str) -> str | None:
        """Name of a Ray node, if it has one."""
        with self._lock:
            found = self._facts.names.items()
            return next((name for name, one in found if one == ray_node_id), None)

    def first_of(self, host: str, ray_node_id: str, alive: Iterable[str]) -> bool:
        """Whether a Ray node is the first of its machine, of those that live."""
        with self._lock:
            firsts = self._facts.firsts
            if firsts.get(host) not in {*alive, ray_node_id}:
                firsts[host] = ray_node_id
                self._save()
            return firsts[host] == ray_node_id

    # -- nodes that were sent away ---------------------------------------------

    def drained(self) -> frozenset[str]:
        """Ray nodes that get no actor."""
        with self._lock:
            return frozenset(self._facts.drained)

    def send_away(self, ray_node_id: str) -> None:
        """Have a Ray node get no actor any more."""
        with self._lock:
            if ray_node_id not in self._facts.drained:
                self._facts.drained.append(ray_node_id)
                self._save()

    def take_back(self, ray_node_id: str) -> None:
        """Undo `send_away`."""
        with self._lock:
            if ray_node_id in self._facts.drained:
                self._facts.drained.remove(ray_node_id)
                self._save()

    # -- numbers ---------------------------------------------------------------

    def new_numbers(self, count: int) -> int:
        """Give so many numbers in a row, never given before; returns the first."""
        with self._lock:
            first = int(self._state.get(_NUMBERS) or b"0")
            self._state.put(_NUMBERS, str(first + count).encode())
            return first

    def skip_numbers(self, below: int) -> None:
        """Give none of these any more: stores outlive grids, and blocks have them."""
        with self._lock:
            if int(self._state.get(_NUMBERS) or b"0") < below:
                self._state.put(_NUMBERS, str(below).encode())

    def clear(self) -> None:
        """Forget everything: the grid is down."""
        for name in (_FACTS, _PLAN, _NUMBERS):
            self._state.clear(name)

    def _save(self) -> None:
        self._state.put(_FACTS, json.dumps(asdict(self._facts)).encode())
