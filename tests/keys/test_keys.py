"""The text form of keys: one text per key, and back."""

from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache.errors import NotKeyableError
from gridcache.keys import Key, key_from_text, text_key

TEXTS = st.text() | st.text(alphabet="!'\"\\(), 0b", max_size=8)
SCALARS = TEXTS | st.binary() | st.integers()
KEYS = SCALARS | st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=8
)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


def identity(key: Key) -> tuple[object, ...]:
    """Tell apart what `==` confuses; there are no bools among the keys."""
    if isinstance(key, tuple):
        return ("tuple", *map(identity, key))
    return (type(key).__name__, key)


@given(KEYS)
def test_a_key_comes_back_from_its_text(key: Key) -> None:
    assert identity(key_from_text(text_key(key))) == identity(key)


@given(KEYS, KEYS)
def test_different_keys_have_different_texts(one: Key, other: Key) -> None:
    same_key = identity(one) == identity(other)
    assert (text_key(one) == text_key(other)) == same_key


@given(st.text().filter(lambda text: not text.startswith("!")))
def test_text_stays_as_it_is(text: str) -> None:
    assert text_key(text) is text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("!bang", "!!bang"),
        (42, "!42"),
        (-1, "!-1"),
        (b"\x00a", "!b'\\x00a'"),
        (("ü", 1), "!('\\xfc', 1)"),
        ((), "!()"),
        ((b"a",), "!(b'a',)"),
    ],
)
def test_the_documented_forms(key: Key, text: str) -> None:
    assert text_key(key) == text


def test_an_int_beyond_the_digit_limit_has_a_text() -> None:
    assert key_from_text(text_key(10**5000)) == 10**5000


@pytest.mark.parametrize(
    ("key", "plain"), [(Colour.RED, "red"), (Level.HIGH, 3), (Point(1, 2), (1, 2))]
)
def test_a_subclass_has_the_text_of_what_it_equals(key: Key, plain: Key) -> None:
    assert text_key(key) == text_key(plain)


@pytest.mark.parametrize("key", [True, 1.5, None, [1], ("a", None), (1, (2, False))])
def test_another_type_is_refused_and_named(key: Any) -> None:
    with pytest.raises(NotKeyableError, match="cannot be a key") as caught:
        text_key(key)
    assert caught.value.context["type"] in {"bool", "float", "NoneType", "list"}


@pytest.mark.parametrize("text", ["!", "!x", "!1 ", "![1]", "!'a'", "!True", "!(1)"])
def test_a_text_that_no_key_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the text of a key"):
        key_from_text(text)
