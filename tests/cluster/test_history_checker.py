"""The checkers of histories: they know legal ones from illegal ones."""

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.history.ops import NEVER, Kind, Op
from tests.cluster.history.search import check_exact
from tests.cluster.history.zones import check_losing

_KINDS = {"w": Kind.WRITE, "r": Kind.READ, "d": Kind.DELETE, "l": Kind.LOSS}


def history(drawing: str) -> list[Op]:
    """Read a history: a line per operation, `w1` where it begins, `>` where it ends.

    `w`rite, `r`ead (`r-`: a miss), `d`elete, `l`oss. `?` behind it: maybe. Without
    an end it has none.
    """
    found = []
    for line in drawing.strip("\n").splitlines():
        text = line.strip()
        if not text:
            continue
        at = line.index(text[0])
        name, sure = text.split()[0].rstrip(">.?"), "?" not in text
        value = name[1:] if name[1:] not in {"", "-"} else None
        end = line.index(">") if ">" in line else NEVER
        sure = sure and (name[0] == "r" or end != NEVER)
        found.append(Op("k", _KINDS[name[0]], value, at, end, sure))
    return found


LEGAL = {
    "a read after its put": """
        w1>
              r1>
    """,
    "a read during its put": """
        w1...........>
           r1>
    """,
    "reads during a put see the old or the new value": """
        w1>
             w2..............>
               r1>
                     r2>
    """,
    "concurrent puts in either order": """
        w1........>
          w2......>
                      r1>
    """,
    "a put without an end took effect late": """
        w1>
            w2
                r1>
                       r2>
    """,
    "a put without an end never took effect": """
        w1>
            w2
                r1>
    """,
    "a delete without an end": """
        w1>
            d
                r1>
                      r->
    """,
    "a miss after a delete": """
        w1>
            d.>
                r->
    """,
    "a put after a delete": """
        w1>
            d.>
                w2>
                     r2>
    """,
    "a read beside a delete that had it before": """
        w1>
            d........>
              r1.>
    """,
    "a computed value that was not kept": """
        w1?....>
            w2>
                  r2>
    """,
}

LEGAL_LOSSES = {
    "a loss that is told": """
        w1>
            l?..>
                 r->
    """,
    "a loss that took nothing": """
        w1>
            l?..>
                 r1>
    """,
}

LOST = {
    "a miss without a reason": """
        w1>
            r->
    """,
    "a loss before the put": """
       l?.>
            w1>
                r->
    """,
}

ILLEGAL = {
    "a value that nobody put": """
        r1>
    """,
    "a value before its put": """
        r1>
            w1>
    """,
    "an old value after a newer one was read": """
        w1>
            w2...............>
               r2>
                    r1>
    """,
    "an old value after a newer one was put": """
        w1>
            w2>
                r1>
    """,
    "an old value after a put without an end was read": """
        w1>
            w2
               r2>
                   r1>
    """,
    "a write that took effect twice": """
        w1
           r1>
               w2>
                   r1>
    """,
    "a deleted value": """
        w1>
            d.>
                r1>
    """,
    "a lost value that came back": """
        w1>
            l?...>
                r->
                     r1>
    """,
    "a value between two reads of another": """
        w1>
            w2>
         r1.................>
               r2>
                    r1>
    """,
    "two readers that disagree on the order": """
        w1......................>
         w2.....................>
           r1>
               r2>
                   r1>
    """,
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal(name: str) -> None:
    ops = history(LEGAL[name])
    assert check_exact(ops) is None
    assert check_losing(ops) is None


@pytest.mark.parametrize("name", LEGAL_LOSSES)
def test_legal_with_losses(name: str) -> None:
    ops = history(LEGAL_LOSSES[name])
    assert check_exact(ops) is None
    assert check_losing(ops) is None


@pytest.mark.parametrize("name", LOST)
def test_a_miss_is_legal_only_where_values_may_be_lost(name: str) -> None:
    ops = history(LOST[name])
    assert check_exact(ops) is not None
    assert check_losing(ops) is None


@pytest.mark.parametrize("name", ILLEGAL)
def test_illegal(name: str) -> None:
    ops = history(ILLEGAL[name])
    assert check_exact(ops) is not None
    assert check_losing(ops) is not None


def test_a_verdict_names_the_operations() -> None:
    verdict = check_losing(history(ILLEGAL["a deleted value"]))
    assert "delete" in str(verdict)
    assert "read" in str(verdict)


@st.composite
def histories(draw: st.DrawFn) -> list[Op]:
    """Small histories; most of those that are legal look illegal."""
    ops = []
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from("wwrrrd"))
        start = draw(st.integers(0, 30)) * 10 + number
        end = start + 10 * draw(st.integers(1, 12)) + 5
        if kind != "r" and draw(st.integers(0, 4)) == 0:
            end = NEVER
        value = str(number) if kind == "w" else None
        if kind == "r":
            value = draw(st.sampled_from([None, "0", "1", "2", "3"]))
        sure = kind == "r" or (end != NEVER and draw(st.integers(0, 4)) > 0)
        ops.append(Op("k", _KINDS[kind], value, start, end, sure))
    return ops


@given(histories())
def test_both_checkers_agree(ops: list[Op]) -> None:
    by_zones, by_search = check_losing(ops), check_exact(ops, losing=True)
    assert (by_zones is None) == (by_search is None), (by_zones, by_search)


def register(random: Random, count: int) -> list[Op]:
    """A history of a real register: each operation works at a point of its time."""
    points = sorted(random.randrange(20 * count) for _ in range(count))
    ops, value = list[Op](), None
    for number, point in enumerate(points):
        kind = random.choice([Kind.WRITE, Kind.READ, Kind.READ, Kind.DELETE, Kind.LOSS])
        start, end = point - random.randrange(60), point + 1 + random.randrange(60)
        sure = kind in {Kind.READ, Kind.WRITE} or random.random() < 0.5
        if kind is not Kind.READ and (sure or random.random() < 0.5):
            value = str(number) if kind is Kind.WRITE else None
        told = str(number) if kind is Kind.WRITE else None
        told = value if kind is Kind.READ else told
        end = NEVER if kind is not Kind.READ and random.random() < 0.02 else end
        sure = sure and kind is not Kind.LOSS and end != NEVER
        ops.append(Op("k", kind, told, start, end, sure))
    return sorted(ops, key=lambda op: op.start)


@pytest.mark.parametrize("seed", range(20))
def test_a_real_register_is_legal_and_one_wrong_read_is_found(seed: int) -> None:
    random = Random(seed)
    ops = register(random, 300)
    assert check_exact(ops) is None
    assert check_losing(ops) is None
    late = [
        Op("k", Kind.WRITE, "first", 1 << 40, (1 << 40) + 9),
        Op("k", Kind.WRITE, "second", (1 << 40) + 10, (1 << 40) + 19),
        Op("k", Kind.READ, "first", (1 << 40) + 20, (1 << 40) + 29),
    ]
    assert check_exact(ops + late) is not None
    assert check_losing(ops + late) is not None


def test_a_long_history_is_checked_in_a_moment() -> None:
    ops = register(Random(1), 2_000)
    started = time.monotonic()
    assert check_losing(ops) is None
    assert check_exact(ops) is None
    assert time.monotonic() - started < 20
