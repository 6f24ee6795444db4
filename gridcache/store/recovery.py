"""Recovery of a store on disk after a death or a power loss. Not here yet."""

from pathlib import Path

from gridcache.store.clients import ClientRow, Clients
from gridcache.store.layout import Superblock

__all__ = ["prepare"]


def prepare(
    directory: Path, block: Superblock, clients: Clients, row: ClientRow
) -> None:
    """See that the index can be trusted before anybody opens it."""
