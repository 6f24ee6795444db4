"""View: who is in the grid and who owns what, as of one epoch.

The membership publishes views; nodes and clients only read them. A view is
immutable: its arrays are read-only, another epoch is another object. `pack`
gives the bytes that lie in every node's store and travel to nodes.

Arrays have one element per partition (`gridcache.cluster.table.placement`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcache.cluster.table.placement import NOBODY, PARTITIONS
from gridcache.errors import StoreFormatError

__all__ = ["Member", "Move", "View"]

_MAGIC = b"gcview1\n"
_HEAD = Struct("<8sII")
_ARRAYS: dict[str, np.dtype[Any]] = {
    "owners": np.dtype("<i4"),
    "terms": np.dtype("<i8"),
    "backups": np.dtype("<i4"),
    "backup_terms": np.dtype("<i8"),
    "ready": np.dtype("?"),
    "spares": np.dtype("<i4"),
    "spare_terms": np.dtype("<i8"),
    "lost_at": np.dtype("<f8"),
    "lost_epochs": np.dtype("<i8"),
    "empty_epochs": np.dtype("<i8"),
}
_MEMBERS = {"owners", "backups", "spares"}
_ARRAYS_NBYTES = PARTITIONS * sum(dtype.itemsize for dtype in _ARRAYS.values())


@dataclass(frozen=True, slots=True)
class Member:
    """A node in the grid."""

    number: int
    """Given at its join, never to another, nor to this one after a removal."""
    name: str
    host: str
    port: int
    """Of its server."""
    ray_node_id: str
    store: str
    """Directory of its store."""
    capacity_nbytes: int
    labels: Mapping[str, str]
    draining: bool = False

    @property
    def address(self) -> tuple[str, int]:
        """Where its server listens."""
        return self.host, self.port


@dataclass(frozen=True, slots=True)
class Move:
    """A partition on its way; `source` owns it until the move is done."""

    partition: int
    source: int
    target: int
    term: int
    """Of the target's ownership, once it is the owner; never given again."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Members and partition table of one epoch."""

    grid: str
    epoch: int
    """Higher is newer. A node never goes back to an older one."""
    members: tuple[Member, ...]
    """By number."""
    owners: NDArray[np.int32]
    """Member that owns it; `NOBODY` in a grid without members."""
    terms: NDArray[np.int64]
    """Term of this ownership; never 0 where there is an owner."""
    backups: NDArray[np.int32]
    """Member that backs it up, or `NOBODY`."""
    backup_terms: NDArray[np.int64]
    """What the backup writes entries under; its term if it is promoted. 0: none."""
    ready: NDArray[np.bool_]
    """Whether the backup has everything that is replicated."""
    spares: NDArray[np.int32]
    """Member that is being filled to replace a ready backup, or `NOBODY`."""
    spare_terms: NDArray[np.int64]
    """What the spare writes entries under: its backup term once it replaces."""
    lost_at: NDArray[np.float64]
    """Time of day when its owner was last lost; 0.0: never."""
    lost_epochs: NDArray[np.int64]
    """Epoch in which its owner was last lost, and with it what had one copy."""
    empty_epochs: NDArray[np.int64]
    """Epoch in which it last began empty: owner lost, no ready backup."""
    moves: tuple[Move, ...] = ()
    _by_number: dict[int, Member] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_number = {one.number: one for one in self.members}
        object.__setattr__(self, "_by_number", by_number)

    def member(self, number: int) -> Member | None:
        """Return the member of this number; None if it is not in the grid (any more)."""
        return self._by_number.get(number)

    def by_name(self, name: str) -> Member | None:
        """Return the member of this name."""
        return next((one for one in self.members if one.name == name), None)

    def owner(self, partition: int) -> Member | None:
        """Return the member that owns a partition."""
        return self.member(int(self.owners[partition]))

    def copies(self, partition: int) -> tuple[tuple[int, int], ...]:
        """Who stores a replicated write before its owner does, as (member, term)."""
        pairs = (
            (int(self.backups[partition]), int(self.backup_terms[partition])),
            (int(self.spares[partition]), int(self.spare_terms[partition])),
        )
        return tuple(pair for pair in pairs if pair[0] != NOBODY)

    def copy_terms(self, number: int) -> NDArray[np.int64]:
        """What a member stores copies under; 0 where it is neither backup nor spare."""
        backed = np.where(self.backups == number, self.backup_terms, 0)
        return np.where(self.spares == number, self.spare_terms, backed)

    def unfilled(self, number: int) -> NDArray[np.intp]:
        """Partitions of this owner with a copy that has not got everything yet."""
        lacking = (self.spares != NOBODY) | ((self.backups != NOBODY) & ~self.ready)
        return np.flatnonzero((self.owners == number) & lacking)

    def moves_from(self, number: int) -> tuple[Move, ...]:
        """Moves whose source is this member."""
        return tuple(move for move in self.moves if move.source == number)

    def moves_to(self, number: int) -> tuple[Move, ...]:
        """Moves whose target is this member."""
        return tuple(move for move in self.moves if move.target == number)

    @property
    def replicated(self) -> bool:
        """Whether every partition has a backup that has everything."""
        return bool(self.ready.all())

    def pack(self) -> bytes:
        """Return the view as bytes."""
        facts = {
            "grid": self.grid,
            "epoch": self.epoch,
            "members": [asdict(member) for member in self.members],
            "moves": [
                (move.partition, move.source, move.target, move.term)
                for move in self.moves
            ],
        }
        text = json.dumps(facts, separators=(",", ":")).encode()
        arrays = [
            getattr(self, name).astype(dtype, copy=False).tobytes()
            for name, dtype in _ARRAYS.items()
        ]
        return b"".join((_HEAD.pack(_MAGIC, len(text), PARTITIONS), text, *arrays))

    @classmethod
    def unpack(cls, packed: bytes | memoryview) -> "View":
        """Read what `pack` made.

        Raises
        ------
        StoreFormatError
            The bytes are no view, or not a whole one.
        """
        facts, rest = _split(memoryview(packed))
        arrays: dict[str, Any] = {}
        for name, dtype in _ARRAYS.items():
            nbytes = PARTITIONS * dtype.itemsize
            # A copy: the caller may write over the buffer, and read-only.
            array = np.frombuffer(rest[:nbytes], dtype).copy()
            array.flags.writeable = False
            arrays[name], rest = array, rest[nbytes:]
        return cls(
            grid=facts["grid"],
            epoch=facts["epoch"],
            members=tuple(Member(**member) for member in facts["members"]),
            moves=tuple(Move(*move) for move in facts["moves"]),
            **arrays,
        )

    @classmethod
    def empty(cls, grid: str) -> "View":
        """Return the view of a grid without members."""
        arrays: dict[str, Any] = {}
        for name, dtype in _ARRAYS.items():
            blank = NOBODY if name in _MEMBERS else 0
            array = np.full(PARTITIONS, blank, dtype)
            array.flags.writeable = False
            arrays[name] = array
        return cls(grid=grid, epoch=0, members=(), **arrays)

    def __repr__(self) -> str:
        return (
            f"<View {self.grid!r}, epoch {self.epoch}, {len(self.members)} members, "
            f"{len(self.moves)} moves>"
        )


def _split(packed: memoryview) -> tuple[dict[str, Any], memoryview]:
    """Facts of a view and the bytes of its arrays."""
    if len(packed) < _HEAD.size:
        raise StoreFormatError(_BROKEN)
    magic, text_nbytes, partitions = _HEAD.unpack_from(packed)
    arrays_at = _HEAD.size + text_nbytes
    whole = arrays_at + _ARRAYS_NBYTES == len(packed)
    if magic != _MAGIC or partitions != PARTITIONS or not whole:
        raise StoreFormatError(_BROKEN)
    return json.loads(bytes(packed[_HEAD.size : arrays_at])), packed[arrays_at:]


_BROKEN = "these bytes are not a view of a grid; restart the node, it fetches a new one"

assert [one.name for one in fields(View)][3:-2] == list(_ARRAYS)  # noqa: S101
