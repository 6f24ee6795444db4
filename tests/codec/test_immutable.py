"""Which values may be handed out twice."""

from typing import Any

import numpy as np
import pytest

from gridcache.codec import is_immutable


class Number(int):
    """May hold anything in its dict."""


IMMUTABLE = [
    None, True, 1, 2**100, 1.5, 1j, "a", b"a", ..., (), (1, ("a", b"b")),
    frozenset({1, ("a",)}), np.float64(1.5), np.str_("a"), np.datetime64("2026", "s"),
]  # fmt: skip
OTHERS = [
    [], {}, set(), bytearray(), (1, []), ((([],),),), np.zeros(3), object(), Number(3),
    np.zeros(1, [("a", "i4")])[0], (np.zeros(1),),
]  # fmt: skip


@pytest.mark.parametrize("value", IMMUTABLE, ids=range(len(IMMUTABLE)))
def test_immutable(value: Any) -> None:
    assert is_immutable(value)


@pytest.mark.parametrize("value", OTHERS, ids=range(len(OTHERS)))
def test_mutable_or_unknown(value: Any) -> None:
    assert not is_immutable(value)
