"""Directory: which nodes hold copies of an immutable entry, kept by its home.

A record per key in the home's index. What it lacks is at worst a miss, so it may be
lost with the home: holders register again. A delete is the exception: it must reach
holders that are cut off, when they come back. So a deleted key keeps its record for
a day, with an *edition* one higher; a holder that registers an older edition is told
to drop its copy.
"""

import time
from dataclasses import dataclass, replace
from struct import Struct

from gridcache.store.transaction import WriteTxn

__all__ = [
    "DELETED_S",
    "EVERY_EDITION",
    "Record",
    "add_holder",
    "drop_holder",
    "forget_old",
    "load",
    "note_deleted",
    "save",
]

_HEAD = Struct("<QQQd")
_HOLDER = Struct("<I")
EVERY_EDITION = 1 << 62
"""Above every edition: a copy is taken back whatever its edition, not deleted."""
DELETED_S = 86400.0
"""How long a delete waits for holders that are cut off."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the home knows of one immutable key."""

    edition: int = 0
    """How often it was deleted."""
    digest: int = 0
    """Of its frames; 0 if whoever put it did not say."""
    nbytes: int = 0
    deleted: float = 0.0
    """Seconds since the epoch; 0.0 while it is there."""
    holders: tuple[int, ...] = ()
    """Members."""

    def pack(self) -> bytes:
        """Return it as bytes."""
        head = _HEAD.pack(self.edition, self.digest, self.nbytes, self.deleted)
        return head + b"".join(map(_HOLDER.pack, self.holders))

    @classmethod
    def unpack(cls, packed: bytes) -> "Record":
        """Read what `pack` made."""
        edition, digest, nbytes, deleted = _HEAD.unpack_from(packed)
        rest = _HOLDER.iter_unpack(packed[_HEAD.size :])
        holders = tuple(number for (number,) in rest)
        return cls(edition, digest, nbytes, deleted, holders)


def load(txn: WriteTxn, key: bytes) -> Record | None:
    """Return the record of an entry key."""
    packed = txn.get(key, db=txn.tables.holders)
    return Record.unpack(packed) if packed is not None else None


def save(txn: WriteTxn, key: bytes, record: Record) -> None:
    """Write a record; one that says nothing goes."""
    if record.holders or record.deleted or record.edition:
        txn.put(key, record.pack(), db=txn.tables.holders)
    else:
        txn.txn.delete(key, db=txn.tables.holders)


def add_holder(
    txn: WriteTxn, key: bytes, member: int, found: Record, *, new: bool
) -> Record | None:
    """Note a holder of the copy that `found` describes.

    Parameters
    ----------
    new
        True for a value that was made just now: it is of the present edition.

    Returns
    -------
    Record | None
        None if the key was deleted since that copy was made.
    """
    known = load(txn, key) or Record(found.edition)
    if found.edition < known.edition and not new:
        return None
    record = replace(
        known,
        edition=max(found.edition, known.edition),
        digest=found.digest or known.digest,
        nbytes=found.nbytes or known.nbytes,
        deleted=0.0,
        holders=(*(one for one in known.holders if one != member), member),
    )
    if record != known:
        save(txn, key, record)
    return record


def drop_holder(txn: WriteTxn, key: bytes, member: int) -> None:
    """Forget a holder that has no copy any more."""
    known = load(txn, key)
    if known is not None and member in known.holders:
        left = tuple(one for one in known.holders if one != member)
        save(txn, key, replace(known, holders=left))


def note_deleted(txn: WriteTxn, key: bytes, *, unknown: bool) -> Record | None:
    """Delete a key.

    Parameters
    ----------
    unknown
        True if nodes may hold copies that this home has not heard of: the delete
        leaves its record then, whether or not anything is known.

    Returns
    -------
    Record | None
        What was known of it, with the edition just below that of the delete; None if
        it was not there.
    """
    known = load(txn, key) or Record()
    if not known.holders and not unknown:
        return None
    # Above every edition so far, also above those that another home has given.
    edition = max(known.edition + 1, int(time.time()))
    save(txn, key, Record(edition, deleted=time.time()))
    return replace(known, edition=edition - 1) if known.holders else None


def forget_old(txn: WriteTxn, now: float, most: int = 64) -> int:
    """Drop records of deletes that have waited long enough."""
    old = []
    with txn.txn.cursor(txn.tables.holders) as cursor:
        for key, packed in cursor:
            record = Record.unpack(packed)
            if record.deleted and record.deleted + DELETED_S < now:
                old.append(key)
            if len(old) == most:
                break
    for key in old:
        txn.txn.delete(key, db=txn.tables.holders)
    return len(old)
