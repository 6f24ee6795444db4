"""A decoded value holds the memory of the body just as long as it uses it.

The exporter of a body may be a lease or a mapping: it must know.
"""

import gc
import mmap
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gridcache.codec import body_slices, decode, encode


class Box:
    """Anything with attributes."""

    def __init__(self, data: Any) -> None:
        self.data = data


def mapped(value: Any, *, copy: bool = False, compress: bool = False) -> Any:
    """Decode `value` from a mapping; return both."""
    frames = encode(value, compress=compress)
    memory = mmap.mmap(-1, max(frames.body_nbytes, 1))
    lengths = tuple(buffer.nbytes for buffer in frames.buffers)
    for part, buffer in zip(body_slices(lengths), frames.buffers, strict=True):
        memory[part] = bytes(buffer)
    with memoryview(memory) as whole:
        body = whole[: frames.body_nbytes].toreadonly()
    return memory, decode(frames.header, body, copy=copy)


GRID = np.arange(5000.0)
VIEWS = {
    "array": GRID,
    "fortran": GRID.reshape(50, 100).T,
    "nested": [1, {"a": GRID}],
    "object": Box(GRID),
    "table": pa.table({"a": GRID}),
    "polars": pl.DataFrame({"a": GRID, "s": ["a long text, not in its view"] * 5000}),
}
OTHERS = {
    "bytes": b"a" * 9000,
    "text": "a" * 9000,
    "list": list(range(9000)),
    "frame": pd.DataFrame({"a": GRID, "s": "x"}),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_holds_the_body_until_it_is_collected(name: str) -> None:
    memory, value = mapped(VIEWS[name])
    with pytest.raises(BufferError):
        memory.close()
    del value
    gc.collect()
    memory.close()


def test_a_part_of_a_view_holds_the_body_too() -> None:
    memory, value = mapped({"a": GRID, "b": 1})
    part = value["a"][10:20]
    del value
    with pytest.raises(BufferError):
        memory.close()
    assert part[0] == 10.0
    del part
    memory.close()


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_copied_lets_go_of_the_body(name: str) -> None:
    memory, value = mapped(OTHERS[name])
    memory.close()
    assert value is not None


@pytest.mark.parametrize("name", VIEWS)
def test_private_copies_let_go_of_the_body(name: str) -> None:
    memory, value = mapped(VIEWS[name], copy=True)
    memory.close()
    assert value is not None


def test_decompressed_arrays_let_go_of_the_body() -> None:
    memory, value = mapped(np.zeros(50_000), compress=True)
    memory.close()
    assert not value.flags.writeable
