"""Namespaces: named parts of a store, their settings and their accounts."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from struct import Struct

import xxhash

from gridcache.errors import ConfigError, OutOfSpaceError
from gridcache.store.eviction import get_policy
from gridcache.store.transaction import WriteTxn

__all__ = [
    "Account",
    "Namespace",
    "add_namespace",
    "all_namespaces",
    "find_namespace",
    "load_account",
    "save_account",
]

_PACK = Struct("<QQQQ")
_MOST = 65_000
_NAME_MAX = 400
"""Bytes; a longer name is told apart by its digest."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A named part of a store with its own policy, quota and statistics."""

    name: str
    id: int = 0
    policy: str = "lru"
    quota_nbytes: int | None = None
    """Stored bytes its entries may take; None for a share of what is left."""
    compression: str | None = "auto"
    ttl_s: float | None = None
    """Of entries put without one."""

    @property
    def prefix(self) -> bytes:
        """How its entry keys begin."""
        return self.id.to_bytes(2, "big")


@dataclass(slots=True)
class Account:
    """What a namespace takes; changed and saved inside one transaction."""

    entries: int = 0
    raw_nbytes: int = 0
    stored_nbytes: int = 0
    pinned_nbytes: int = 0


def find_namespace(txn: WriteTxn, name: str) -> Namespace | None:
    """The namespace of that name."""
    packed = txn.get(_name_key(name), db=txn.tables.namespaces)
    return _unpack(packed) if packed else None


def add_namespace(txn: WriteTxn, wanted: Namespace) -> Namespace:
    """Make it, or replace its settings if `wanted` has an id.

    Raises
    ------
    ConfigError
        Its policy is unknown or its quota is not positive; nothing is changed.
    """
    get_policy(wanted.policy)
    if wanted.quota_nbytes is not None and wanted.quota_nbytes <= 0:
        message = (
            f"the quota of {wanted.name!r} is {wanted.quota_nbytes} bytes; give more"
        )
        raise ConfigError(message, quota=wanted.quota_nbytes)
    if not wanted.id:
        used = {namespace.id for namespace in all_namespaces(txn)}
        number = next((n for n in range(1, _MOST) if n not in used), None)
        if number is None:
            message = f"a store has at most {_MOST} namespaces; use another path="
            raise OutOfSpaceError(message)
        wanted = Namespace(**{**asdict(wanted), "id": number})
    packed = json.dumps(asdict(wanted)).encode()
    txn.put(_name_key(wanted.name), packed, db=txn.tables.namespaces)
    return wanted


def all_namespaces(txn: WriteTxn) -> Iterator[Namespace]:
    """Every namespace, by name."""
    with txn.txn.cursor(txn.tables.namespaces) as cursor:
        for packed in cursor.iternext(keys=False):
            yield _unpack(packed)


@lru_cache(maxsize=1024)
def _unpack(packed: bytes) -> Namespace:
    return Namespace(**json.loads(packed))


def _name_key(name: str) -> bytes:
    # LMDB's keys have 1 to 511 bytes; UTF-8 never contains 0xff.
    encoded = name.encode("utf-8", "surrogatepass")
    if 0 < len(encoded) <= _NAME_MAX:
        return encoded
    return encoded[:_NAME_MAX] + b"\xff" + xxhash.xxh3_128_digest(encoded)


def load_account(txn: WriteTxn, namespace_id: int) -> Account:
    """The account as of this transaction; one object for the whole of it."""
    account: Account | None = txn.accounts.get(namespace_id)
    if account is None:
        packed = txn.get(namespace_id.to_bytes(2, "big"), db=txn.tables.accounts)
        account = Account(*_PACK.unpack(packed)) if packed else Account()
        txn.accounts[namespace_id] = account
    return account


def save_account(txn: WriteTxn, namespace_id: int, account: Account) -> None:
    """Save it with the transaction; negative sizes are a bug and raise."""
    packed = _PACK.pack(
        account.entries,
        account.raw_nbytes,
        account.stored_nbytes,
        account.pinned_nbytes,
    )
    txn.put(namespace_id.to_bytes(2, "big"), packed, db=txn.tables.accounts)
