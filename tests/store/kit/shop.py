"""A store as tests use it: keys and numbers in, numbers or misses out."""

from dataclasses import dataclass
from typing import Any

from gridcache.codec import Frames
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit, Miss
from gridcache.store.writer import Order
from tests.store.kit.values import frames, read_number

__all__ = ["Shop"]


@dataclass
class Shop:
    """One namespace of a store, with checked values."""

    store: NodeStore
    space: Namespace

    def put(self, key: str, number: int, nbytes: int, **order: Any) -> int | None:
        """Store the value of a number."""
        viewable = order.pop("viewable", True)
        header_nbytes = order.pop("header_nbytes", 0)
        value = frames(number, nbytes, viewable=viewable, header_nbytes=header_nbytes)
        return self.put_frames(key, value, **order)

    def put_frames(self, key: str, value: Frames, **order: Any) -> int | None:
        """Store frames."""
        return self.store.put(Order(self.space, key, value, **order))

    def look_up(self, key: str, *, view: bool = True) -> Hit | Miss:
        """The outcome as the store gives it."""
        return self.store.look_up(self.space, key, view=view)

    def hit(self, key: str, *, view: bool = True) -> Hit:
        """A hit, or the test fails."""
        found = self.look_up(key, view=view)
        assert isinstance(found, Hit), f"{key}: {found}"
        return found

    def miss(self, key: str) -> Miss:
        """A miss, or the test fails."""
        found = self.look_up(key)
        assert isinstance(found, Miss), f"{key}: a hit"
        return found

    def number(self, key: str) -> int | None:
        """The number under a key, every byte checked; None for a miss."""
        found = self.look_up(key)
        return read_number(found) if isinstance(found, Hit) else None

    def delete(self, *keys: str) -> int:
        """Delete keys."""
        return self.store.delete(self.space, list(keys))

    def forget(self) -> None:
        """Drop the store: pytest keeps its fixtures beyond the leak check."""
        del self.store

    def keys(self) -> list[str]:
        """All keys."""
        return list(self.store.keys(self.space))
