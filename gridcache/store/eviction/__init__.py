"""Policies: they order entries; they never size, store or delete.

Contract. The caller guarantees that `records` are access records (dtype
`gridcache.store.access.RECORD`) of live entries of one namespace. The policy
must return one integer per record, the *score*; the entry with the lowest score
goes first, and equal scores go in any order. It keeps no state of its own but
what is in the records: several processes evict from one store.
"""

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from gridcache.errors import ConfigError
from gridcache.store.eviction.lfu import Lfu
from gridcache.store.eviction.lru import Lru
from gridcache.store.eviction.pinned import Pinned

__all__ = ["POLICIES", "Policy", "get_policy"]


class Policy(Protocol):
    """One order of entries."""

    name: ClassVar[str]
    evicts: ClassVar[bool]
    """False if nothing may go: a full namespace refuses."""
    stable: ClassVar[bool]
    """True if newcomers and touched entries always score above the others: then
    a once computed order stays right but for the entries touched since."""
    ages: ClassVar[bool]
    """True if frequencies must be halved now and then."""

    def scores(self, records: NDArray[np.void]) -> NDArray[np.uint64]:
        """The order; lowest goes first."""
        ...


POLICIES: dict[str, Policy] = {
    policy.name: policy for policy in (Lru(), Lfu(), Pinned())
}


def get_policy(name: str) -> Policy:
    """The policy of that name.

    Raises
    ------
    ConfigError
        There is none.
    """
    try:
        return POLICIES[name]
    except KeyError:
        known = ", ".join(sorted(POLICIES))
        message = f"policy {name!r} is unknown; choose one of {known}"
        raise ConfigError(message, policy=name) from None
