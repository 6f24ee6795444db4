"""Helpers over the memory pool: objects and arrays in blocks, data under keys.

A stored object is one block: a head, the codec's header, the codec's body. Data
under keys is an ordinary cache of the grid, so it may be evicted, and every
process of the grid finds it.
"""

import asyncio
import secrets
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridcache.cache import GridCache
from gridcache.codec import ALIGNMENT, align, decode, encode
from gridcache.errors import BlockRangeError, CorruptFramesError
from gridcache.pool import DistributedMemoryPool, SyncDistributedMemoryPool

__all__ = ["CACHE_NAME", "DistributedMemoryHelper"]

CACHE_NAME = "memory_helper"
"""Of the cache that `cache_large_data` fills."""
_DATA, _PLACED, _NOTE = "data", "placed", "note"
"""What a key of the cache begins with: data that lies where the cache wants it, or
on a node by name, and then a note that says under which name."""
_HEAD = Struct("<8sQQ")
_MAGIC = b"gcobject"


class DistributedMemoryHelper:
    """Python objects in a memory pool.

    Parameters
    ----------
    pool
        An initialized pool. Objects are freed with it, or by `pool.deallocate`.
    allow_pickle
        False: what only pickle can encode is refused, and not read.
    """

    def __init__(
        self,
        pool: DistributedMemoryPool | SyncDistributedMemoryPool,
        *,
        allow_pickle: bool = True,
    ) -> None:
        if isinstance(pool, DistributedMemoryPool):
            pool = pool.synchronous
        self._pool: SyncDistributedMemoryPool = pool
        self._allow_pickle = allow_pickle
        self._data: GridCache | None = None

    # -- objects -----------------------------------------------------------

    async def store_object(self, obj: Any, preferred_node: str | None = None) -> str:
        """Store any object in a block of its own; returns the block's id.

        Raises
        ------
        NotEncodableError
            The object has no encoded form.
        NoAvailableNodesError, AllocationError
            As `pool.allocate`.
        """
        return await asyncio.to_thread(self._store, obj, preferred_node)

    def _store(self, obj: Any, node: str | None) -> str:
        frames = encode(obj, allow_pickle=self._allow_pickle)
        header, body_nbytes = frames.header, frames.body_nbytes
        start = align(_HEAD.size + len(header))
        block_id = self._pool.allocate(start + body_nbytes, node)
        head = _HEAD.pack(_MAGIC, len(header), body_nbytes)
        items: list[tuple[str, Any, int]] = [(block_id, head + header, 0)]
        for buffer in frames.buffers:
            items.append((block_id, buffer, start))
            start = align(start + buffer.nbytes)
        try:
            self._pool.write_many(items)
        except BaseException:
            self._pool.deallocate(block_id)
            raise
        return block_id

    async def retrieve_object(self, block_id: str) -> Any:
        """A private copy of a stored object.

        Raises
        ------
        BlockNotFoundError, NodeLostError
            It is not there any more.
        CorruptFramesError
            The block holds no stored object.
        """
        return await asyncio.to_thread(self._retrieve, block_id)

    def _retrieve(self, block_id: str) -> Any:
        try:
            first = self._pool.read(block_id, ALIGNMENT)
            header_nbytes, start, end = _places(first)
            whole = self._pool.read(block_id, end)
        except (BlockRangeError, ValueError) as error:
            message = (
                f"{block_id} holds no stored object; read it with pool.read, or store "
                f"one with store_object"
            )
            raise CorruptFramesError(message, block_id=block_id) from error
        header = whole[_HEAD.size : _HEAD.size + header_nbytes]
        body = memoryview(whole)[start:end]
        return decode(header, body, allow_pickle=self._allow_pickle, copy=True)

    async def store_numpy_array(
        self, array: ArrayLike, preferred_node: str | None = None
    ) -> str:
        """Store an array with its shape and dtype; returns the block's id."""
        return await self.store_object(np.asanyarray(array), preferred_node)

    async def retrieve_numpy_array(self, block_id: str) -> NDArray[Any]:
        """A private, writable copy of a stored array.

        Raises
        ------
        TypeError
            The block holds another object.
        """
        found = await self.retrieve_object(block_id)
        if not isinstance(found, np.ndarray):
            kind = type(found).__name__
            message = f"{block_id} holds a {kind}, no array; use retrieve_object"
            raise TypeError(message)
        return found

    # -- data under keys ---------------------------------------------------

    async def cache_large_data(
        self, key: str, data: Any, preferred_node: str | None = None
    ) -> None:
        """Cache data under a key, for every process of the grid.

        Parameters
        ----------
        preferred_node
            Where it is to lie; other nodes keep copies as they read it.
        """
        await asyncio.to_thread(self._cache_data, key, data, preferred_node)

    def _cache_data(self, key: str, data: Any, node: str | None) -> None:
        cache, token = self._cache(), None
        if node is not None:
            # Only what never changes lies where one wants, so each has its own name.
            token = secrets.token_hex(8)
            cache.put((_PLACED, key, token), data, node=node, immutable=True)
        before = cache.get((_NOTE, key))
        if token is not None:
            cache[_NOTE, key] = token
            cache.pop((_DATA, key), None)
        else:
            cache[_DATA, key] = data
            cache.pop((_NOTE, key), None)
        if before is not None:
            cache.pop((_PLACED, key, before), None)

    async def get_cached_data(self, key: str) -> Any:
        """What was cached under a key; None if it is absent, evicted or lost."""
        return await asyncio.to_thread(self._get_data, key)

    def _get_data(self, key: str) -> Any:
        found = self._cache().get_many([(_NOTE, key), (_DATA, key)])
        token = found.get((_NOTE, key))
        if token is not None:
            return self._cache().get((_PLACED, key, token))
        return found.get((_DATA, key))

    async def clear_cache(self, key: str | None = None) -> None:
        """Forget what was cached under a key, or all that was cached here."""
        await asyncio.to_thread(self._clear, key)

    def _clear(self, key: str | None) -> None:
        cache = self._cache()
        if key is None:
            cache.clear()
            return
        token = cache.pop((_NOTE, key), None)
        cache.delete_many([(_DATA, key), (_PLACED, key, token or "")])

    def _cache(self) -> GridCache:
        if self._data is None:
            self._data = self._pool.cache(CACHE_NAME)
        return self._data

    # -- sizes -------------------------------------------------------------

    async def get_memory_usage_summary(self) -> dict[str, Any]:
        """The pool's statistics, and the number of keys cached."""
        return await asyncio.to_thread(self._summary)

    def _summary(self) -> dict[str, Any]:
        cached = sum(name[0] != _NOTE for name in self._cache())
        return {**self._pool.get_stats(), "cached_keys": cached}


def _places(first: bytes) -> tuple[int, int, int]:
    """Bytes of the header, and where the body begins and ends."""
    magic, header_nbytes, body_nbytes = _HEAD.unpack_from(first)
    if magic != _MAGIC:
        message = "not the head of an object"
        raise ValueError(message)
    start = align(_HEAD.size + header_nbytes)
    return header_nbytes, start, start + body_nbytes
