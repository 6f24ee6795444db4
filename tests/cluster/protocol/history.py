"""What clients saw, and whether some order of the writes explains it.

One key. A put or delete that was not acknowledged may have happened at any time
after it began, or never. A loss is an event of the model: a value that was at one
place only may be gone from then on, and if it is, it never comes back.
"""

from dataclasses import dataclass, field

__all__ = ["MISS", "History", "Op"]

MISS = None
_State = tuple[str | None, int]
"""The value, and how many copies its put asked for."""


@dataclass(slots=True, eq=False)
class Op:
    """One operation of a client, or a loss."""

    kind: str
    """put, delete, read; `loses all`, `loses single`."""
    value: str | None
    copies: int
    start: int
    end: int | None = None
    """None: not acknowledged."""


@dataclass(slots=True)
class History:
    """Operations in the order in which they began."""

    ops: list[Op] = field(default_factory=list)
    now: int = 0

    def begin(self, kind: str, value: str | None = None, copies: int = 1) -> Op:
        """An operation begins."""
        self.now += 1
        self.ops.append(Op(kind, value, copies, self.now))
        return self.ops[-1]

    def end(self, op: Op, value: str | None = None) -> None:
        """It is acknowledged; a read with what it found."""
        self.now += 1
        op.end = self.now
        if op.kind == "read":
            op.value = value

    def forget(self, op: Op) -> None:
        """A read that says nothing: its miss was an eviction."""
        self.ops.remove(op)

    def loss(self, *, all_copies: bool) -> None:
        """The owner is lost, and with it every copy, or what had one copy."""
        self.end(self.begin("loses all" if all_copies else "loses single"))

    def acknowledged(self, value: str) -> bool:
        """Whether the put of this value has ended."""
        return any(op.value == value and op.kind == "put" and op.end for op in self.ops)

    @property
    def legal(self) -> bool:
        """Whether some order of all this explains every read."""
        ops = [op for op in self.ops if op.end is not None or op.kind != "read"]
        return _Search(ops).explains(0, (None, 1))

    def __str__(self) -> str:
        return "\n".join(
            f"{op.start:3}-{op.end or '':<3} {op.kind} {op.value or '-'} x{op.copies}"
            for op in self.ops
        )


class _Search:
    """Wing and Gong's search with a memory of what failed."""

    def __init__(self, ops: list[Op]) -> None:
        self._ops = ops
        self._failed: set[tuple[int, _State]] = set()

    def explains(self, done: int, state: _State) -> bool:
        """Whether the operations not in the bit set `done` can follow `state`."""
        if (done, state) in self._failed:
            return False
        left = [(i, op) for i, op in enumerate(self._ops) if not done >> i & 1]
        ends = [op.end for _, op in left if op.end is not None]
        if not ends:
            return True
        for index, op in left:
            if op.start < min(ends) and any(
                self.explains(done | 1 << index, after) for after in _after(op, state)
            ):
                return True
        self._failed.add((done, state))
        return False


def _after(op: Op, state: _State) -> list[_State]:
    """States in which `op` may leave the key; none if it cannot happen here."""
    if op.kind == "read":
        return [state] if op.value == state[0] else []
    if op.kind == "put":
        return [(op.value, op.copies)]
    if op.kind == "delete":
        return [(MISS, 1)]
    if op.kind == "loses single" and state[1] > 1:
        return [state]
    return [state, (MISS, 1)]
