"""Search: whether a key is a register, with losses only where they are told.

Goes through the history by time and keeps every state that could be: the value, and
which operations under way have taken effect already (Wing and Gong; Lowe's "just in
time"). An operation takes effect at the latest when it ends. Three facts keep the
states few:

- A read that fits takes effect at once: it is in nobody's way.
- A value that is still to be read cannot go, since none comes back.
- Of two states that differ only in what need not happen, the one in which less has
  happened can go on in every way that the other can.
"""

from collections.abc import Iterable, Sequence

from tests.cluster.history.ops import NEVER, Kind, Op
from tests.cluster.history.verdict import Verdict, unfounded, worth_a_look

__all__ = ["check_exact"]

_State = tuple[str | None, frozenset[int]]
"""The value, and the operations under way that have taken effect."""


def check_exact(history: Sequence[Op], *, losing: bool = False) -> Verdict | None:
    """Find a violation in the history of one key.

    Parameters
    ----------
    losing
        The value may be lost at any time, as for `check_losing`.
    """
    ops = worth_a_look(history)
    return unfounded(ops) or _Search(ops, losing=losing).run(history)


class _Search:
    def __init__(self, ops: Sequence[Op], *, losing: bool) -> None:
        self._ops = ops
        self._losing = losing
        self._under_way: set[int] = set()
        self._to_read: dict[str, set[int]] = {}
        """Reads of each value that have not ended."""
        for number, op in enumerate(ops):
            if op.kind is Kind.READ and op.value is not None:
                self._to_read.setdefault(op.value, set()).add(number)
        self._states: set[_State] = {(None, frozenset())}

    def run(self, history: Sequence[Op]) -> Verdict | None:
        for _, is_end, number in self._events():
            if not is_end:
                self._under_way.add(number)
                continue
            before, self._states = self._states, self._after(number)
            if not self._states:
                values = sorted({value or "a miss" for value, _ in before})
                text = f"the last operation has no place; there could be {values}"
                return Verdict(text, (self._ops[number],), history)
        return None

    def _events(self) -> Iterable[tuple[int, bool, int]]:
        ops = list(enumerate(self._ops))
        events = [(op.start, False, number) for number, op in ops]
        events += [(op.end, True, number) for number, op in ops if op.end != NEVER]
        return sorted(events)

    def _after(self, number: int) -> set[_State]:
        """The states in which an operation has ended."""
        op, found = self._ops[number], self._closure()
        if op.sure:
            found = {state for state in found if number in state[1]}
        self._under_way.discard(number)
        if op.value is not None:
            self._to_read.get(op.value, set()).discard(number)
        return self._fewest({(value, done - {number}) for value, done in found})

    def _closure(self) -> set[_State]:
        """All states that operations under way can lead to."""
        found: set[_State] = set()
        left = list(self._states)
        while left:
            state = self._with_reads(left.pop())
            if state not in found:
                found.add(state)
                left += self._next(*state)
        return found

    def _with_reads(self, state: _State) -> _State:
        value, done = state
        fit = {
            number
            for number in self._under_way - done
            if self._ops[number].kind is Kind.READ and self._ops[number].value == value
        }
        return (value, done | fit)

    def _next(self, value: str | None, done: frozenset[int]) -> Iterable[_State]:
        if value is not None and not self._to_read.get(value, set()) <= done:
            return
        endless = False
        for number in sorted(self._under_way - done):
            op = self._ops[number]
            if op.value is None and op.end == NEVER:
                if endless:  # one is as good as the other
                    continue
                endless = True
            if self._changes(op, value):
                yield op.value, done | {number}

    def _changes(self, op: Op, value: str | None) -> bool:
        if op.kind is Kind.READ:
            return self._losing and op.value is None
        return op.sure or op.value != value

    def _fewest(self, states: set[_State]) -> set[_State]:
        """Leave out states in which more has happened than need be."""
        groups: dict[tuple[str | None, frozenset[int]], list[frozenset[int]]] = {}
        for value, done in states:
            must = frozenset(number for number in done if self._ops[number].sure)
            groups.setdefault((value, must), []).append(done - must)
        return {
            (value, must | one)
            for (value, must), maybe in groups.items()
            for one in maybe
            if not any(other < one for other in maybe)
        }
