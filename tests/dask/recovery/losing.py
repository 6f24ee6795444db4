"""A slow store of a worker that loses what it is told to lose."""

from collections.abc import Iterator, MutableMapping
from functools import partial
from typing import Any

import zict
from distributed import WorkerPlugin
from distributed.protocol.serialize import deserialize_bytes, serialize_bytelist
from distributed.spill import Slow, SpillBuffer, SpilledSize


class LosingStore(MutableMapping[Any, Any]):
    """Frames by key in this process.

    Parameters
    ----------
    forgets
        Whether a lost key is no longer in it, or in it without a value.
    """

    def __init__(self, *, forgets: bool = False) -> None:
        self.frames: dict[Any, bytes | None] = {}
        self.reads: list[Any] = []
        self.always: set[Any] = set()
        self.forgets = forgets

    def lose(self, keys: list[Any]) -> list[Any]:
        lost = [key for key in keys if self.frames.get(key) is not None]
        for key in lost:
            if self.forgets:
                del self.frames[key]
            else:
                self.frames[key] = None
        return lost

    def __setitem__(self, key: Any, frames: list[Any]) -> None:
        self.frames[key] = b"".join(bytes(memoryview(frame)) for frame in frames)

    def __getitem__(self, key: Any) -> bytearray:
        self.reads.append(key)
        frames = None if key in self.always else self.frames[key]
        if frames is None:
            raise KeyError(key)
        return bytearray(frames)

    def __delitem__(self, key: Any) -> None:
        del self.frames[key]

    def __contains__(self, key: object) -> bool:
        return key in self.frames

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)


class LosingSlow(Slow):
    """distributed's own bookkeeping over another store."""

    def __init__(self, store: LosingStore) -> None:
        dump = partial(serialize_bytelist, compression=False, on_error="raise")
        func: Any = zict.Func
        func.__init__(self, dump, deserialize_bytes, store)
        self.max_weight = False
        self.weight_by_key = {}
        self.total_weight = SpilledSize(0, 0)


class LosingSpill(WorkerPlugin):
    """Spills into a `LosingStore`."""

    name = "losing-spill"

    def __init__(self, *, forgets: bool = False) -> None:
        self.forgets = forgets

    def setup(self, worker: Any) -> None:
        assert isinstance(worker.data, SpillBuffer)
        slow = LosingSlow(LosingStore(forgets=self.forgets))
        worker.data.slow = zict.Cache(slow, zict.WeakValueMapping())


def store_of(dask_worker: Any) -> LosingStore:
    store = dask_worker.data.slow.data.d
    assert isinstance(store, LosingStore)
    return store


def spill_all(dask_worker: Any) -> int:
    """Spill everything; returns how many blocks only the store has."""
    data = dask_worker.data
    while data.fast and data.evict() != -1:
        pass
    return len(data.slow)


def lose(keys: list[Any] | None = None, *, dask_worker: Any) -> list[Any]:
    """Lose spilled blocks, all or some; returns which."""
    store = store_of(dask_worker)
    return store.lose(list(store.frames) if keys is None else keys)


def lose_always(key: Any, *, dask_worker: Any) -> None:
    store_of(dask_worker).always.add(key)


def reads(dask_worker: Any) -> list[Any]:
    return list(store_of(dask_worker).reads)
