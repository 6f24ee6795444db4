"""Judge: which rules hold for which key of the workload."""

from collections.abc import Iterable, Iterator, Sequence

from tests.cluster.history.ops import Kind, Op, by_key
from tests.cluster.history.search import check_exact
from tests.cluster.history.verdict import Verdict
from tests.cluster.history.workload import fixed_value, is_fixed
from tests.cluster.history.zones import check_losing

__all__ = ["judge"]


def judge(ops: Iterable[Op], *, evicting: bool = False) -> Iterator[Verdict]:
    """Find what is wrong with the histories of all keys.

    Parameters
    ----------
    evicting
        Stores are so small that any value may go at any time.
    """
    check_mutable = check_losing if evicting else check_exact
    for key, history in by_key(ops).items():
        check = check_fixed if is_fixed(key) else check_mutable
        verdict = check(history)
        if verdict is not None:
            yield verdict


def check_fixed(history: Sequence[Op]) -> Verdict | None:
    """An immutable key has its one value or none.

    A holder that is cut off may show it after a delete: when it is back, it hears.
    """
    (key,) = {op.key for op in history}
    first = min((op.start for op in history if op.kind is Kind.WRITE), default=None)
    for op in history:
        if op.kind is not Kind.READ or op.value is None:
            continue
        if op.value != fixed_value(key) or first is None or op.end < first:
            return Verdict("what was read was never put", (op,), history)
    return None
