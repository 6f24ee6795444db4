"""Ray blocks of every kind that users make, and datasets of them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import ray.data

__all__ = ["KINDS", "Picture", "as_rows", "dataset_of", "numbers", "plain"]


class Picture:
    """An image as an object, as no Arrow type has it."""

    def __init__(self, pixels: np.ndarray[Any, Any]) -> None:
        self.pixels = pixels

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and bool((self.pixels == other.pixels).all())

    __hash__ = None  # type: ignore[assignment]


def _arrow() -> Any:
    return pa.table({"id": [1, 2, 3], "word": ["one", None, "three"]})


def _pandas() -> Any:
    return pd.DataFrame({"id": [1, 2, 3], "share": [0.5, float("nan"), 2.5]})


def _tensors() -> Any:
    return _block({"image": np.arange(24, dtype="uint8").reshape(3, 4, 2)})


def _ragged() -> Any:
    pieces = np.empty(3, dtype=object)
    for index in range(3):
        pieces[index] = np.full((index + 1, 2), index, dtype="float32")
    return _block({"image": pieces})


def _nested() -> Any:
    rows: list[dict[str, Any]] = [
        {"tags": ["a", "b"], "at": {"x": 1, "y": [1.5, 2.5]}},
        {"tags": [], "at": {"x": 2, "y": []}},
        {"tags": ["c"], "at": {"x": 3, "y": [0.5]}},
    ]
    return pa.Table.from_pylist(rows)


def _objects() -> Any:
    pictures = [Picture(np.full((2, 2), index)) for index in range(3)]
    return pd.DataFrame({"id": [1, 2, 3], "picture": pictures})


def _pickled_objects() -> Any:
    """What Ray makes of objects in an Arrow table."""
    pictures = np.empty(3, dtype=object)
    for index in range(3):
        pictures[index] = Picture(np.full((2, 2), index))
    return _block({"id": np.arange(3), "picture": pictures})


def _block(batch: dict[str, Any]) -> Any:
    from ray.data.block import BlockAccessor  # noqa: PLC0415 - only where it is used

    return BlockAccessor.batch_to_arrow_block(batch)


KINDS: dict[str, Callable[[], Any]] = {
    "arrow": _arrow,
    "pandas": _pandas,
    "tensors": _tensors,
    "ragged": _ragged,
    "nested": _nested,
    "objects": _objects,
    "pickled objects": _pickled_objects,
}
"""A Ray block of three rows, by its kind."""


def dataset_of(*blocks: Any) -> Any:
    """A dataset of these Ray blocks, each of its own."""
    return ray.data.from_blocks(list(blocks))


def numbers(rows: int = 80, blocks: int = 4) -> Any:
    """A dataset of rows `{"id": 0}`, `{"id": 1}` and so on."""
    return ray.data.range(rows, override_num_blocks=blocks)


def as_rows(block: Any) -> list[dict[str, Any]]:
    """Rows of a Ray block as plain Python."""
    from ray.data.block import BlockAccessor  # noqa: PLC0415 - only where it is used

    return plain(BlockAccessor.for_block(block).iter_rows(public_row_format=True))


def plain(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows as Ray Data gives them, as plain Python that can be compared."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
