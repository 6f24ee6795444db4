"""numpy arrays and scalars, by the name of their test."""

from typing import Any

import numpy as np

_DTYPES = (
    "? i1 <i2 >i2 <i4 >i8 u1 <u8 <f2 <f4 >f4 <f8 <f16 <c8 >c16 <c32 S0 S5 <U3 >U3 V7 "
    "M8[ns] >M8[us] M8[D] M8[25s] M8 m8[ms] m8"
)


def _arrays() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    fields = np.dtype([("a", "<i4"), ("b", ">f8", (2, 2)), ("c", [("d", "S3")])])
    aligned = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    titled = np.dtype({"names": ["x"], "formats": ["f4"], "titles": ["The X"]})
    grid = np.arange(6000, dtype="<f8").reshape(60, 100)
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    return {
        **{
            f"array-{code}": np.frombuffer(rng.bytes(1600), "u1").view(code)
            if np.dtype(code).itemsize and 1600 % np.dtype(code).itemsize == 0
            else np.zeros(7, code)
            for code in _DTYPES.split()
        },
        "array-0d": np.array(1.5),
        "array-empty": np.empty((0, 3), "f4"),
        "array-empty-0d-like": np.empty((3, 0, 2)),
        "array-fortran": np.asfortranarray(grid),
        "array-transposed": grid.T,
        "array-axes-swapped": np.zeros((3, 4, 5)).transpose(1, 0, 2),
        "array-strided": grid[::2, ::-3],
        "array-negative": grid[0][::-1],
        "array-broadcast": np.broadcast_to(np.arange(5), (40, 5)),
        "array-structured": np.zeros(30, fields),
        "array-structured-aligned": np.zeros(30, aligned),
        "array-structured-titled": np.ones(30, titled),
        "array-big": rng.integers(0, 100, 100_000),
        "array-random": rng.random(50_000),
        "array-many-dims": np.zeros((1,) * 32),
        "scalars": [np.float32(1.5), np.int8(-1), np.datetime64("2020-01-01", "ms")],
        "scalar-bool": np.True_,
        "scalar-longdouble": np.longdouble(1) / 3,
        "scalar-text": np.str_("a\x00"),
        "scalar-bytes": np.bytes_(b"a\x00"),
        "scalar-void": np.zeros(1, fields)[0],
        "arrays-nested": {"a": grid, "b": [grid.T, {"c": np.arange(3)}], "d": 1},
        "arrays-many": [np.full(200, i) for i in range(700)],
        "pickle:array-objects": np.array([1, "a", None, [2]], dtype=object),
        "pickle:array-object-fields": np.array([(1, "x")], [("a", "i4"), ("b", "O")]),
        "pickle:array-masked": masked,
        "pickle:array-record": np.rec.array(
            [(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]
        ),
        "pickle:array-text": np.array(
            ["a", "longer text " * 9], np.dtypes.StringDType()
        ),
        "pickle:array-metadata": np.zeros(3, np.dtype("f8", metadata={"unit": "m"})),
    }


VALUES = _arrays()
