"""Block nodes: the memory of a grid, as its membership has it now.

This process's own node is answered for by its store, the others over streams.
"""

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from gridcache.cache import GridCache
from gridcache.cluster.blocks.keeper import Keeper
from gridcache.cluster.blocks.local import LocalNode
from gridcache.cluster.blocks.protocol import BlockNode
from gridcache.cluster.blocks.remote import RemoteNode
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.wire import Address
from gridcache.cluster.table.view import View
from gridcache.store.node_store import NodeStore

__all__ = ["GridAccess", "GridBlocks"]


class GridAccess(Protocol):
    """What is needed of a grid that was joined."""

    @property
    def name(self) -> str:
        """Of the grid."""

    @property
    def here(self) -> str | None:
        """Name of this process's node, None on a machine that has none."""

    @property
    def store(self) -> NodeStore | None:
        """The store of that node."""

    @property
    def peers(self) -> Peers:
        """The way to the others."""

    def view(self) -> View:
        """The members now."""

    def cache(self, name: str) -> GridCache:
        """A cache on all of its nodes."""

    def new_block_numbers(self, count: int) -> int:
        """The first of so many numbers in a row that the grid never gave."""


class GridBlocks:
    """The nodes of a grid, as `BlockNodes`."""

    def __init__(self, grid: GridAccess) -> None:
        self.grid = grid.name
        self._access = grid
        self._known: dict[str, BlockNode] = {}
        self._keeper = Keeper(grid.peers, self._addresses)

    def nodes(self) -> Mapping[str, BlockNode]:
        """All that are in the grid now, by name."""
        return {
            member.name: self._node(member.name)
            for member in self._access.view().members
        }

    def giving(self) -> tuple[str, ...]:
        """Names of those that take new blocks."""
        members = self._access.view().members
        return tuple(member.name for member in members if not member.draining)

    def _addresses(self) -> dict[str, Address]:
        return {one.name: one.address for one in self._access.view().members}

    def _node(self, name: str) -> BlockNode:
        node = self._known.get(name)
        if node is None:
            node = self._known[name] = self._new(name)
        return node

    def _new(self, name: str) -> BlockNode:
        store = self._access.store
        if name == self._access.here and store is not None:
            return LocalNode(name, store.blocks)
        return RemoteNode(
            name,
            self._access.peers,
            lambda: self._addresses().get(name),
            partial(self._keeper.keep, name),
        )

    def new_numbers(self, count: int) -> int:
        """Of the grid's counter."""
        return self._access.new_block_numbers(count)

    def cache(self, name: str) -> GridCache:
        """A cache of the grid."""
        return self._access.cache(name)

    def open(self, pool: str) -> None:
        """Where there is a store of this process's node, it knows of the pool."""
        store = self._access.store
        if store is not None:
            store.blocks.own(pool)

    def forget(self, pool: str) -> None:
        """A pool is no more."""
        self._keeper.forget(pool)

    def close(self) -> None:
        """End what was opened for this."""
        self._keeper.close()
