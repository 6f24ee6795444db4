"""Plain values and containers, by the name of their test."""

import datetime as dt
from collections import OrderedDict
from typing import Any


class Text(str):
    """A subclass of a plain type."""

    __slots__ = ()


def _plain() -> dict[str, Any]:
    shared = [1, [2]]
    return {
        "none": None,
        "true": True,
        "false": False,
        "ints": [0, -1, 127, -128, 128, 2**31, -(2**63), 2**63, 3**500, -(3**500)],
        "int": -(2**63),
        "int-huge": 7**5000,
        "floats": [0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e-320],
        "float-minus-zero": -0.0,
        "nan": float("nan"),
        "complex": complex(float("nan"), -0.0),
        "str-empty": "",
        "str": "grüße \U0001f600 \x00",
        "str-lone-surrogates": "\ud83d\ude00 \udcff",
        "str-long": "läng" * 5000,
        "bytes-empty": b"",
        "bytes": bytes(range(256)) * 4,
        "bytes-long": bytes(range(256)) * 400,
        "bytearray": bytearray(b"abc" * 1000),
        "list-empty": [],
        "dict-empty": {},
        "tuple": (1, "a", (2.5, None), [b"x"]),
        "set": {1, "a", None, (1, 2)},
        "frozenset": frozenset({frozenset({1}), "b"}),
        "dict-keys": {1: "a", "1": "b", (1, 2): "c", None: "d", 2.5: "e", b"k": "f"},
        "dict-order": {"b": 1, "a": 2},
        "nested": {"a": [1, {"b": (2, [3, {"c": set()}])}], "z": b"y" * 9000},
        "column-ints": list(range(-500, 500)),
        "column-int64": [2**62, -(2**63)] * 10,
        "column-big-ints": [2**70] * 20,
        "column-floats": [0.5, -0.0, float("nan")] * 300,
        "column-texts": ["", "ä", "\ud800", "long " * 50] * 20,
        "column-blobs": [b"", b"\x00", b"xyz" * 100] * 20,
        "column-bools": [True, False] * 50,
        "column-mixed": [1, True, 1.0, "1", None] * 50,
        "records": [{"id": i, "name": f"n{i}", "x": i / 3} for i in range(200)],
        "shared": [shared, shared, {"again": shared}],
        "bytes-in-list": [b"q" * 6000, "w" * 6000, bytearray(b"e" * 6000)],
        "pickle:cycle-free-deep": _deep(200),
        "pickle:subclass": [Text("a"), OrderedDict(a=1)],
        "pickle:ellipsis": [..., range(5), dt.date(2026, 1, 2)],
    }


def _deep(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


VALUES = _plain()
