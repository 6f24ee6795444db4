"""Verdict: what is wrong with the history of a key, and where to look."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.cluster.history.ops import Kind, Op

__all__ = ["Verdict", "unfounded", "worth_a_look"]

_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Verdict:
    """One violation."""

    text: str
    ops: tuple[Op, ...]
    """Those that cannot be put in order."""
    history: Sequence[Op] = ()

    def __str__(self) -> str:
        lines = [f"key {self.ops[0].key!r}: {self.text}"]
        lines += [f"  !! {op}" for op in self.ops]
        lines += [f"     {op}" for op in self._around()]
        return "\n".join(lines)

    def _around(self) -> Sequence[Op]:
        before = [op for op in self.history if op.start <= self.ops[-1].end]
        after = [op for op in self.history if op.start > self.ops[-1].end]
        return before[-_SHOWN:] + after[: _SHOWN // 3]


def worth_a_look(ops: Sequence[Op]) -> list[Op]:
    """Leave out what may have happened or not, and which nobody saw."""
    read = {op.value for op in ops if op.kind is Kind.READ}
    return [
        op for op in ops if op.sure or op.kind is not Kind.WRITE or op.value in read
    ]


def unfounded(ops: Sequence[Op]) -> Verdict | None:
    """Find a read of what was never put, or not yet."""
    writes = {op.value: op for op in ops if op.kind is Kind.WRITE}
    for op in ops:
        if op.kind is not Kind.READ or op.value is None:
            continue
        write = writes.get(op.value)
        if write is None:
            return Verdict("a value that nobody put was read", (op,), ops)
        if op.end < write.start:
            text = "a value was read before its put had begun"
            return Verdict(text, (write, op), ops)
    return None
