"""Hurry: leases of less than a second and large moves, so that much happens soon."""

from collections.abc import Iterator
from contextlib import contextmanager

from gridcache.cluster.actors import lease_keeper, mover
from gridcache.cluster.table import leases, moving

__all__ = ["GRACE_S", "LEASE_S", "hurried", "hurry"]

LEASE_S = 0.8
GRACE_S = 1.6
_RENEW_S = 0.15
_SETTINGS = (
    (leases, "LEASE_S", LEASE_S),
    (leases, "GRACE_S", GRACE_S),
    (leases, "MARGIN_S", 0.05),
    (leases, "RENEW_S", _RENEW_S),
    (lease_keeper, "RENEW_S", _RENEW_S),
    (mover, "_RETRY_S", 0.1),
    (moving, "BATCH", 512),
)


def hurry() -> None:
    """Go by these times in this process from now on."""
    for module, name, value in _SETTINGS:
        setattr(module, name, value)


@contextmanager
def hurried() -> Iterator[None]:
    """Go by them for a while."""
    before = [(module, name, getattr(module, name)) for module, name, _ in _SETTINGS]
    hurry()
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
