"""The error tree: its shape, its builtins, and that all survive pickling."""

import pickle

import pytest

from gridcache import errors
from gridcache.errors import (
    CacheWarning,
    GridCacheError,
    KeyNotFoundError,
    PeerLostError,
)

TREE: dict[str, tuple[type[Exception], str]] = {
    "AllocationError": (MemoryError, "allocation"),
    "BlockNotFoundError": (KeyError, "block_not_found"),
    "BlockRangeError": (IndexError, "block_range"),
    "ClosedError": (ValueError, "closed"),
    "ConfigError": (ValueError, "config"),
    "CorruptFramesError": (ValueError, "corrupt"),
    "KeyNotFoundError": (KeyError, "key_not_found"),
    "NoAvailableNodesError": (LookupError, "no_nodes"),
    "ImmutableKeyError": (ValueError, "immutable"),
    "NameInUseError": (ValueError, "name_in_use"),
    "NameNotFoundError": (KeyError, "name_not_found"),
    "NodeLostError": (ConnectionError, "node_lost"),
    "NotEncodableError": (TypeError, "not_encodable"),
    "NotKeyableError": (TypeError, "not_keyable"),
    "OutOfSpaceError": (MemoryError, "out_of_space"),
    "PeerError": (Exception, "peer"),
    "PeerLostError": (ConnectionError, "peer_lost"),
    "PoolNotInitializedError": (RuntimeError, "pool_not_initialized"),
    "StoreAccessError": (PermissionError, "access"),
    "StoreFormatError": (ValueError, "format"),
    "StoreStalledError": (TimeoutError, "stalled"),
    "UnsafeCodecError": (ValueError, "unsafe_codec"),
    "ValueTooLargeError": (ValueError, "value_too_large"),
}


def test_the_tree_is_complete() -> None:
    assert set(errors.__all__) == {*TREE, "GridCacheError", "CacheWarning"}


@pytest.mark.parametrize("name", TREE)
def test_an_error_is_also_the_builtin_a_user_expects(name: str) -> None:
    cls = getattr(errors, name)
    builtin, kind = TREE[name]
    assert issubclass(cls, GridCacheError)
    assert issubclass(cls, builtin)
    assert cls.kind == kind


@pytest.mark.parametrize("name", ["GridCacheError", *TREE])
def test_an_error_survives_pickling_with_message_and_context(name: str) -> None:
    error = getattr(errors, name)("what happened; the cure", key="k", nbytes=3)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == again.message == "what happened; the cure"
    assert again.context == {"key": "k", "nbytes": 3}


def test_a_missing_key_says_why_and_prints_without_quotes() -> None:
    error = KeyNotFoundError("no value for 'k'", reason="evicted")
    assert error.reason == "evicted"
    assert str(error) == "no value for 'k'"
    assert KeyNotFoundError("k").reason == "never_stored"


def test_a_lost_peer_counts_as_asked_unless_it_is_known_not_to_be() -> None:
    assert PeerLostError("gone").sent
    assert not PeerLostError("gone", sent=False).sent


def test_each_error_stands_in_the_drawing() -> None:
    assert errors.__doc__ is not None
    assert all(f"-- {name} " in errors.__doc__ for name in TREE)


def test_the_warning_is_a_user_warning() -> None:
    assert issubclass(CacheWarning, UserWarning)
