"""A spill buffer against a dictionary, through changes of where it spills to."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed.spill import SpillBuffer
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gridcache.dask.spill.buffer import insert, take_out, tiers_of
from gridcache.dask.spill.figures import figures_of
from gridcache.dask.spill.options import SpillOptions
from gridcache.store.node_store import NodeStore

KEYS = st.sampled_from(["a", "b", ("c", 0), ("c", 1), 1])
SIZES = st.sampled_from([1, 500, 2_000, 9_000])
LIMITS = st.sampled_from([0, 5_000, 40_000, None])
TARGET = 10_000


class Machine(RuleBasedStateMachine):
    """Sizes are in values of one byte; the store is shared by all runs."""

    store: NodeStore

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp(prefix="gridcache-test-")
        self.buffer = SpillBuffer(self.directory, TARGET)
        self.model: dict[Any, tuple[int, int]] = {}
        self.count = 0

    @rule(key=KEYS, nbytes=SIZES)
    def put(self, key: Any, nbytes: int) -> None:
        self.count = self.count % 250 + 1
        self.buffer[key] = np.full(nbytes, self.count, np.uint8)
        self.model[key] = nbytes, self.count

    @rule(key=KEYS)
    def get(self, key: Any) -> None:
        if key not in self.model:
            assert key not in self.buffer
            return
        found: Any = self.buffer[key]
        nbytes, filled = self.model[key]
        assert found.nbytes == nbytes
        assert (found == filled).all()

    @rule(key=KEYS)
    def delete(self, key: Any) -> None:
        if self.model.pop(key, None) is not None:
            del self.buffer[key]

    @rule()
    def evict(self) -> None:
        if self.buffer.fast:
            assert self.buffer.evict() > 0

    @rule(limit=LIMITS)
    def use_memory(self, limit: int | None) -> None:
        options = SpillOptions(path=str(self.store.directory), max_bytes=limit)
        insert(self.buffer, options, "model")

    @rule()
    def use_disk(self) -> None:
        take_out(self.buffer)

    @invariant()
    def figures_agree(self) -> None:
        assert set(self.buffer) == set(self.model)
        figures, tiers = figures_of(self.buffer), tiers_of(self.buffer)
        assert self.store.blocks.sizes().blocks == figures.grid_own_count
        stored = figures.grid_own_bytes + figures.disk_bytes
        assert self.buffer.spilled_total.disk == stored
        if tiers is not None:
            assert len(tiers) == figures.grid_own_count + figures.disk_count
            weights = tiers.weight_by_key
            assert sum(one.disk for one in weights.values()) == stored

    def teardown(self) -> None:
        tiers = tiers_of(self.buffer)
        if tiers is not None:
            tiers.end()
        assert not self.store.blocks.sizes().blocks
        shutil.rmtree(self.directory)


@pytest.fixture
def machine(home: str, store: NodeStore) -> Iterator[type[Machine]]:
    assert Path(home) == store.directory
    Machine.store = store
    yield Machine
    del Machine.store


def test_it_holds_what_a_dictionary_holds_wherever_it_spills_to(
    machine: type[Machine],
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=30, stateful_step_count=40, deadline=None),
    )
