"""State: the counters of a store, read and written in every write transaction."""

from struct import Struct

__all__ = ["State"]

_PACK = Struct("<QQQQQQQQQQQ")


class State:
    """Mutable inside one transaction, saved with it; never shared."""

    __slots__ = (
        "arena_nbytes",
        "capacity_nbytes",
        "free_nbytes",
        "free_slots",
        "fresh_nbytes",
        "generation",
        "index_nbytes",
        "next_slot",
        "retired",
        "reused_nbytes",
        "top",
    )

    def __init__(self, capacity_nbytes: int) -> None:
        self.capacity_nbytes = capacity_nbytes
        self.generation = 0
        """The last one given."""
        self.next_slot = 0
        """Slots ever used; free ones are in a table."""
        self.top = 0
        """Extents lie below; above is memory never used."""
        self.arena_nbytes = 0
        """Length of the arena's file."""
        self.index_nbytes = 0
        """Length of the index's file."""
        self.free_slots = 0
        """Slots below `next_slot` that no entry has."""
        self.retired = 0
        """Extents that wait for their last lease."""
        self.free_nbytes = 0
        """Free below the top."""
        self.reused_nbytes = 0
        self.fresh_nbytes = 0

    @classmethod
    def unpack(cls, packed: bytes) -> "State":
        """Read what `pack` made."""
        state = cls.__new__(cls)
        (
            state.capacity_nbytes,
            state.generation,
            state.next_slot,
            state.top,
            state.arena_nbytes,
            state.index_nbytes,
            state.free_slots,
            state.retired,
            state.free_nbytes,
            state.reused_nbytes,
            state.fresh_nbytes,
        ) = _PACK.unpack(packed)
        return state

    def pack(self) -> bytes:
        """Fixed size, little-endian."""
        return _PACK.pack(
            self.capacity_nbytes,
            self.generation,
            self.next_slot,
            self.top,
            self.arena_nbytes,
            self.index_nbytes,
            self.free_slots,
            self.retired,
            self.free_nbytes,
            self.reused_nbytes,
            self.fresh_nbytes,
        )
