"""Digests of plain values and objects: equal if and only if the values are."""

import logging
import re
import struct
import threading
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache.digest import digest
from gridcache.errors import NotKeyableError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=6)
    | st.binary(max_size=6)
    | st.sampled_from([0, 1, 0.0, -0.0, 1.0, True, False, "", b"", "1", b"1", ...])
)
HASHABLE = SCALARS | st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3)
    ),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE | st.binary(max_size=4).map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
    ),
    max_leaves=10,
)


def described(value: Any) -> str:
    """Write a value down with all types, bits and orders that count."""
    kind = type(value).__name__
    match value:
        case float():
            return f"float {struct.pack('d', value).hex()}"
        case complex():
            return f"complex {struct.pack('dd', value.real, value.imag).hex()}"
        case list() | tuple():
            return f"{kind}({','.join(map(described, value))})"
        case dict():
            return f"dict({','.join(map(described, value.items()))})"
        case set() | frozenset():
            return f"{kind}({','.join(sorted(map(described, value)))})"
        case _:
            return f"{kind} {value!r}"


@given(VALUES, VALUES)
def test_digests_are_equal_exactly_if_the_values_are(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (described(one) == described(other))


@given(st.lists(VALUES, max_size=5), st.integers(0, 5), st.integers(0, 5))
def test_where_nesting_splits_counts(values: list[Any], here: int, there: int) -> None:
    one = [values[:here], values[here:]]
    other = [values[:there], values[there:]]
    assert (digest(one) == digest(other)) == (described(one) == described(other))


@given(VALUES)
def test_sharing_does_not_count(value: Any) -> None:
    box, twin = [value, ()], [value, ()]
    assert digest([box, box]) == digest([box, twin])


def test_a_digest_is_32_hex_digits() -> None:
    assert re.fullmatch("[0-9a-f]{32}", digest("value"))


def test_the_order_of_a_dict_counts_and_that_of_a_set_does_not() -> None:
    assert digest({"a": 1, "b": 2}) != digest({"b": 2, "a": 1})
    assert digest({8, 0, 16}) == digest({16, 8, 0})


class Colour(Enum):
    RED = 1
    BLUE = 2


class Shade(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


@dataclass
class Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Slotted:
    x: float
    y: float


class Pair(NamedTuple):
    x: int
    y: int


class Empty:
    pass


class AlsoEmpty:
    pass


class Named:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()

    def __gridcache_key__(self) -> str:
        return self.name


def double(x: int) -> int:
    return 2 * x


def triple(x: int) -> int:
    return 3 * x


DISTINCT: list[Callable[[], Any]] = [
    lambda: 1,
    lambda: 1.0,
    lambda: True,
    lambda: 1 + 0j,
    lambda: "1",
    lambda: b"1",
    lambda: bytearray(b"1"),
    lambda: memoryview(b"1"),
    lambda: Decimal(1),
    lambda: Decimal("1.0"),
    lambda: Fraction(1),
    lambda: Level.LOW,
    lambda: Colour.RED,
    lambda: Colour.BLUE,
    lambda: Shade.RED,
    lambda: None,
    lambda: ...,
    lambda: NotImplemented,
    lambda: 0.0,
    lambda: -0.0,
    lambda: float("nan"),
    list,
    lambda: (),
    dict,
    set,
    frozenset,
    lambda: [[]],
    lambda: [()],
    lambda: range(3),
    lambda: range(0, 3, 2),
    lambda: slice(3),
    lambda: slice(0, 3),
    lambda: Point(1, 2),
    lambda: Point(1, 2.0),
    lambda: Slotted(1, 2),
    lambda: Pair(1, 2),
    lambda: (1, 2),
    lambda: [1, 2],
    lambda: [1, (2,)],
    lambda: [(1,), 2],
    lambda: deque([1, 2]),
    lambda: deque([1, 2], 5),
    lambda: OrderedDict(a=1),
    lambda: {"a": 1},
    lambda: Counter({"a": 1}),
    lambda: defaultdict(int, {"a": 1}),
    lambda: defaultdict(list, {"a": 1}),
    Empty,
    AlsoEmpty,
    lambda: Empty,
    lambda: AlsoEmpty,
    lambda: Named("one"),
    lambda: Named("two"),
    lambda: date(2026, 1, 1),
    lambda: datetime(2026, 1, 1),
    lambda: datetime(2026, 1, 1, tzinfo=UTC),
    lambda: datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    lambda: datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    lambda: datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    lambda: datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    lambda: timedelta(1),
    lambda: uuid.UUID(int=1),
    lambda: Path("a"),
    lambda: PurePosixPath("a"),
    lambda: re.compile("a"),
    lambda: re.compile("a", re.IGNORECASE),
    lambda: re.compile(b"a"),
    lambda: ValueError("a"),
    lambda: ValueError("b"),
    lambda: KeyError("a"),
    lambda: logging.getLogger("a"),
    lambda: logging.getLogger("b"),
    lambda: int,
    lambda: float,
    lambda: list[int],
    lambda: list[float],
    lambda: int | None,
    lambda: len,
    lambda: abs,
    lambda: str.upper,
    lambda: bytes.upper,
    lambda: "a".upper,
    lambda: "b".upper,
    lambda: double,
    lambda: triple,
    lambda: lambda x: x,
    lambda: lambda x: x + 1,
    lambda: partial(double, 1),
    lambda: partial(double, 2),
    lambda: partial(triple, 1),
    lambda: Point(1, 2).__eq__,
    lambda: Point(1, 3).__eq__,
    lambda: re,
    lambda: logging,
]


def test_values_that_a_function_can_tell_apart_differ() -> None:
    values = [make() for make in DISTINCT]
    by_digest = {digest(value): value for value in values}
    assert len(by_digest) == len(values)


def test_a_value_made_again_is_the_same() -> None:
    for make in DISTINCT:
        assert digest(make()) == digest(make())
        assert digest([make(), 1]) == digest([make(), 1])


def test_attributes_count_in_whatever_order_they_were_set() -> None:
    one, other = Empty(), Empty()
    one.a, one.b = 1, 2  # type: ignore[attr-defined]
    other.b, other.a = 2, 1  # type: ignore[attr-defined]
    assert digest(one) == digest(other) != digest(Empty())


def test_a_cached_property_that_was_read_does_not_count() -> None:
    class Circle:
        def __init__(self, radius: float) -> None:
            self.radius = radius

        @cached_property
        def area(self) -> float:
            return 3.14 * self.radius**2

    circle = Circle(2)
    before = digest(circle)
    assert circle.area > 12
    assert digest(circle) == before != digest(Circle(3))


def cycle_of_one() -> list[Any]:
    one: list[Any] = []
    one.append(one)
    return one


def cycle_of_two(mark: Any = ()) -> list[Any]:
    one: list[Any] = []
    one.append([one, mark])
    return one


def test_cycles_have_digests() -> None:
    made = [cycle_of_one(), cycle_of_two(), cycle_of_two("mark"), [cycle_of_one()]]
    assert len({digest(value) for value in made}) == len(made)
    assert digest(cycle_of_two("mark")) == digest(cycle_of_two("mark"))


def test_levels_of_a_cycle_do_not_look_alike() -> None:
    """The same shape on paper, but the inner list holds itself or its parent."""
    inner: list[Any] = []
    inner.append(inner)
    parent: list[Any] = [[]]
    parent[0].append(parent)
    assert digest(["x", [inner]]) != digest(["x", parent])
    assert digest([[], [], [inner]]) != digest([[], [], parent])


def test_a_graph_with_many_cycles_is_walked_once() -> None:
    """Following every path would take 2**200 steps."""

    class Node:
        links: list["Node"]

    nodes = [Node() for _ in range(200)]
    for node in nodes:
        node.links = nodes
    once = digest(nodes)
    nodes[150].links = nodes[:10]
    assert digest(nodes) != once


def test_shared_parts_are_walked_once() -> None:
    """Walking every path would take 2**40 steps."""
    listed: Any = ["x"]
    frozen: Any = frozenset("x")
    for _ in range(40):
        listed = [listed, (listed,)]
        frozen = frozenset({(1, frozen), (2, frozen)})
    assert digest(listed) != digest(frozen)


def test_a_set_that_holds_itself_is_refused() -> None:
    class Node:
        def __init__(self) -> None:
            self.others: set[Node] = {self}

    with pytest.raises(NotKeyableError, match="through a set"):
        digest(Node())


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (object, "nothing but its identity"),
    (lambda: (x for x in [1]), "used up by reading"),
    (lambda: iter([1]), "used up by"),
    (threading.Lock, "cannot be pickled"),
    (lambda: map(len, []), "used up"),
]


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_what_has_no_lasting_identity_is_refused_with_the_path(
    make: Callable[[], Any], reason: str
) -> None:
    holder = Empty()
    holder.parts = {"a": [1, (make(),)]}  # type: ignore[attr-defined]
    with pytest.raises(NotKeyableError, match=reason) as caught:
        digest(holder, name="model")
    assert caught.value.context["path"] == "model.parts['a'][1][0]"


def test_an_open_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(NotKeyableError):
        digest({"log": file})


def test_nesting_beyond_the_stack_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotKeyableError, match="nested too deeply"):
        digest(deep)
