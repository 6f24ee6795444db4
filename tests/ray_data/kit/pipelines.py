"""Datasets whose user functions note that they ran."""

from typing import Any

from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.notes import Gate, Notes

__all__ = ["late_first", "noted", "total"]


def noted(notes: Notes, rows: int = 80) -> Any:
    """Rows `{"id": 1}` and so on, of four Ray blocks; each is noted."""

    def add_one(batch: Any) -> Any:
        notes.note()
        return {"id": batch["id"] + 1}

    return numbers(rows, 4).map_batches(add_one, batch_size=None)


def total(rows: int = 80) -> int:
    """Sum of the ids of `noted`."""
    return sum(range(1, rows + 1))


def late_first(gate: Gate, rows: int = 80) -> Any:
    """Rows in order whose first Ray block is done after another; not fused."""

    def wait(batch: Any) -> Any:
        if batch["id"][0] == 0:
            gate.wait()
        elif batch["id"][0] > rows // 2:
            gate.open()
        return batch

    # As a task of its own, whose results are written as they come.
    return numbers(rows, 4).map_batches(wait, batch_size=None, num_cpus=0.5)
