"""The errors of gridcache: one small tree, grouped by what a handler would do.

::

    GridCacheError
    |-- KeyNotFoundError    (also a KeyError)         recompute; `.reason` says why
    |-- NotEncodableError   (also a TypeError)        store something else
    |-- NotKeyableError     (also a TypeError)        name the key yourself
    |-- CorruptFramesError  (also a ValueError)       drop the entry, recompute
    |-- UnsafeCodecError    (also a ValueError)       pickle met with allow_pickle=False
    |-- ValueTooLargeError  (also a ValueError)       larger store, or do not store
    |-- OutOfSpaceError     (also a MemoryError)      unpin, delete, resize
    |-- StoreStalledError   (also a TimeoutError)     continue or kill the named process
    |-- StoreAccessError    (also a PermissionError)  another directory or user
    |-- StoreFormatError    (also a ValueError)       another version wrote the store
    |-- ClosedError         (also a ValueError)       open it again
    |-- ConfigError         (also a ValueError)       correct the setting
    |-- ImmutableKeyError   (also a ValueError)       delete the key first
    |-- NameInUseError      (also a ValueError)       release the name, or overwrite it
    |-- NameNotFoundError   (also a KeyError)         publish it first
    |-- BlockNotFoundError  (also a KeyError)         freed or never allocated
    |-- BlockRangeError     (also an IndexError)      stay inside the block
    |-- AllocationError     (also a MemoryError)      smaller block, another node
    |-- NoAvailableNodesError (also a LookupError)    bring nodes up, correct the name
    |-- NodeLostError       (also a ConnectionError)  its memory is gone, allocate anew
    |-- PoolNotInitializedError (also a RuntimeError) call `initialize()` first
    |-- PeerError                                     the other node failed: read its log
    `-- PeerLostError       (also a ConnectionError)  another node; `.sent` says if safe

Every error carries `kind`, a stable text for programs, and `context`, the facts
of the case by name. All survive pickling.
"""

from typing import Any

__all__ = [
    "AllocationError",
    "BlockNotFoundError",
    "BlockRangeError",
    "CacheWarning",
    "ClosedError",
    "ConfigError",
    "CorruptFramesError",
    "GridCacheError",
    "ImmutableKeyError",
    "KeyNotFoundError",
    "NameInUseError",
    "NameNotFoundError",
    "NoAvailableNodesError",
    "NodeLostError",
    "NotEncodableError",
    "NotKeyableError",
    "OutOfSpaceError",
    "PeerError",
    "PeerLostError",
    "PoolNotInitializedError",
    "StoreAccessError",
    "StoreFormatError",
    "StoreStalledError",
    "UnsafeCodecError",
    "ValueTooLargeError",
]


class GridCacheError(Exception):
    """Base of everything gridcache raises on purpose.

    Parameters
    ----------
    message
        One line that ends with the cure.
    **context
        The facts of the case by name (sizes in bytes, paths, keys).
    """

    kind: str = "error"

    def __init__(self, message: str = "", **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.context = context

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.context)


def _rebuild(
    cls: type[GridCacheError], message: str, context: dict[str, Any]
) -> GridCacheError:
    return cls(message, **context)


class KeyNotFoundError(GridCacheError, KeyError):
    """The key has no value; `reason` says why (`never_stored`, `evicted`, ...)."""

    kind = "key_not_found"

    @property
    def reason(self) -> str:
        """Why the key is missing, one of `gridcache.store.outcome.MissReason`."""
        return str(self.context.get("reason", "never_stored"))


class NotEncodableError(GridCacheError, TypeError):
    """A value has no encoded form; names the type and the path to the part."""

    kind = "not_encodable"


class NotKeyableError(GridCacheError, TypeError):
    """No stable key can be made of an argument; names it."""

    kind = "not_keyable"


class CorruptFramesError(GridCacheError, ValueError):
    """Encoded bytes fail a check; the value is not returned."""

    kind = "corrupt"


class UnsafeCodecError(GridCacheError, ValueError):
    """Pickle was met where `allow_pickle=False`."""

    kind = "unsafe_codec"


class ValueTooLargeError(GridCacheError, ValueError):
    """A value can never fit, however much is evicted."""

    kind = "value_too_large"


class OutOfSpaceError(GridCacheError, MemoryError):
    """No room, and nothing that may be evicted: pins, leases or blocks hold it."""

    kind = "out_of_space"


class StoreStalledError(GridCacheError, TimeoutError):
    """Another process holds the store and does not move; `context` has its pid."""

    kind = "stalled"


class StoreAccessError(GridCacheError, PermissionError):
    """The store's directory cannot be used by this user."""

    kind = "access"


class StoreFormatError(GridCacheError, ValueError):
    """The directory holds a store of another format version, or no store."""

    kind = "format"


class ClosedError(GridCacheError, ValueError):
    """The cache or store was closed."""

    kind = "closed"


class ConfigError(GridCacheError, ValueError):
    """A setting is wrong; names it, its value and what is allowed."""

    kind = "config"


class BlockNotFoundError(GridCacheError, KeyError):
    """No memory block has this number or id; `reason` tells freed from unknown."""

    kind = "block_not_found"

    @property
    def reason(self) -> str:
        """`freed`, or `unknown`: never allocated, or forgotten since."""
        return str(self.context.get("reason", "unknown"))


class BlockRangeError(GridCacheError, IndexError, ValueError):
    """An offset or a size is outside a memory block; not a byte was touched."""

    kind = "block_range"


class AllocationError(GridCacheError, MemoryError):
    """A node cannot give a memory block of this size now."""

    kind = "allocation"


class NoAvailableNodesError(GridCacheError, LookupError):
    """No node, or not the one asked for, gives memory."""

    kind = "no_nodes"


class NodeLostError(GridCacheError, ConnectionError):
    """The node of a memory block is gone, and the block with it."""

    kind = "node_lost"


class ImmutableKeyError(GridCacheError, ValueError):
    """The key holds an immutable value, and another one was put under it."""

    kind = "immutable"


class NameInUseError(GridCacheError, ValueError):
    """A name was published for something else; it still stands for that."""

    kind = "name_in_use"


class NameNotFoundError(GridCacheError, KeyError):
    """Nothing is published under a name."""

    kind = "name_not_found"


class PoolNotInitializedError(GridCacheError, RuntimeError):
    """A memory pool was used before `initialize()` or after `shutdown()`."""

    kind = "pool_not_initialized"


class PeerError(GridCacheError):
    """Another node failed at a request in a way that has no class of its own."""

    kind = "peer"


class PeerLostError(GridCacheError, ConnectionError):
    """Another node cannot be reached, or went away before it had answered."""

    kind = "peer_lost"

    @property
    def sent(self) -> bool:
        """True if the request may have been carried out; False: certainly not."""
        return bool(self.context.get("sent", True))


class CacheWarning(UserWarning):
    """Something kept a value from being cached; the value itself is right."""
