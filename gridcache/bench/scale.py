"""Scale: how much is measured. Three sizes: the figures, a look, the tests."""

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "TINY", "Scale"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskScale:
    """Counts and sizes of the figures of `gridcache.dask`."""

    rounds: int
    """They take seconds each."""
    worker_nbytes: int
    """Memory limit of a worker."""
    larger_worker_nbytes: int
    """Of one that spills, or that writes frames to files."""
    spilled_nbytes: int
    """Of the workload that does not fit."""
    persisted_nbytes: int
    chunk_nbytes: int
    """Of a partition."""
    partitions: int
    """Of what is computed slowly."""
    partition_s: float
    """What each takes to compute."""
    graph_tasks: int
    """Of the graph that never hits."""
    task_s: float
    """What each of them takes where it takes anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayDataScale:
    """Counts and sizes of the figures of `gridcache.ray_data`."""

    rounds: int
    """They take seconds each."""
    object_store_nbytes: int
    """Of Ray, on each node."""
    dataset_nbytes: int
    """Of the dataset that does not fit into it."""
    epoch_nbytes: int
    """Of the dataset whose preprocessing costs something."""
    block_nbytes: int
    """Of a Ray block."""
    batch_rows: int
    """Rows that are preprocessed together."""
    batch_s: float
    """Processor time that this takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Counts and sizes of all benchmarks."""

    rounds: int
    """Of which medians are taken; one more is thrown away."""
    small_keys: int
    """Keys with a value of 1 KiB."""
    small_ops: int
    """Operations of a round on a fast contender."""
    slow_ops: int
    """On one that takes a millisecond."""
    view_sizes: tuple[int, ...]
    large_nbytes: int
    """Of the large array."""
    large_ops: int
    middle_ops: int
    """Arrays of 1 MiB per round."""
    digest_nbytes: int
    many_entries: int
    few_entries: int
    full_capacity: int
    """Bytes of the store that is kept full."""
    full_ops: int
    size_capacity: int
    """Bytes of the stores that hold values of one size."""
    mix_capacity: int
    """Bytes of the store that holds the mix of sizes."""
    mix_largest: int
    read_s: float
    """Seconds of a round of the reader processes."""
    trace_length: int
    trace_keys: int
    trace_largest: int
    """Bytes of the largest value of a trace made here."""
    trace_most: int
    """Accesses taken of a trace from a file."""
    processes: int
    """Fresh interpreters started for the import's time."""
    batch_keys: int
    """Keys of 1 KiB that are read from a node with one call."""
    blocks: int
    """Memory blocks whose share of the index is counted."""
    node_counts: tuple[int, ...]
    """Nodes of the grids that are compared in what they read."""
    thought_nodes: int
    """Nodes of the grid that is only computed."""
    dask: DaskScale
    ray_data: RayDataScale


FULL = Scale(
    rounds=9,
    small_keys=100_000,
    small_ops=5_000,
    slow_ops=200,
    view_sizes=(_MIB, 8 * _MIB, 64 * _MIB, 256 * _MIB),
    large_nbytes=64 * _MIB,
    large_ops=5,
    middle_ops=50,
    digest_nbytes=100_000_000,
    many_entries=1_000_000,
    few_entries=1_000,
    full_capacity=128 * _MIB,
    full_ops=10_000,
    size_capacity=256 * _MIB,
    mix_capacity=4096 * _MIB,
    mix_largest=64 * _MIB,
    read_s=1.0,
    trace_length=100_000,
    trace_keys=30_000,
    trace_largest=_MIB,
    trace_most=1_000_000,
    processes=11,
    batch_keys=1_000,
    blocks=100_000,
    node_counts=(1, 2, 4),
    thought_nodes=1_000,
    dask=DaskScale(
        rounds=5,
        worker_nbytes=400_000_000,
        larger_worker_nbytes=640_000_000,
        spilled_nbytes=3_840_000_000,
        persisted_nbytes=2_000_000_000,
        chunk_nbytes=20_000_000,
        partitions=64,
        partition_s=0.05,
        graph_tasks=10_000,
        task_s=0.001,
    ),
    ray_data=RayDataScale(
        rounds=5,
        object_store_nbytes=256 * _MIB,
        dataset_nbytes=512 * _MIB,
        epoch_nbytes=256 * _MIB,
        block_nbytes=16 * _MIB,
        batch_rows=256,
        batch_s=0.005,
    ),
)
"""What the figures are quoted from."""

QUICK = Scale(
    rounds=3,
    small_keys=20_000,
    small_ops=2_000,
    slow_ops=30,
    view_sizes=(_MIB, 8 * _MIB, 64 * _MIB),
    large_nbytes=64 * _MIB,
    large_ops=2,
    middle_ops=10,
    digest_nbytes=100_000_000,
    many_entries=50_000,
    few_entries=1_000,
    full_capacity=64 * _MIB,
    full_ops=5_000,
    size_capacity=64 * _MIB,
    mix_capacity=512 * _MIB,
    mix_largest=8 * _MIB,
    read_s=0.3,
    trace_length=20_000,
    trace_keys=4_000,
    trace_largest=128 << 10,
    trace_most=50_000,
    processes=3,
    batch_keys=1_000,
    blocks=20_000,
    node_counts=(1, 2, 4),
    thought_nodes=1_000,
    dask=DaskScale(
        rounds=2,
        worker_nbytes=400_000_000,
        larger_worker_nbytes=640_000_000,
        spilled_nbytes=1_280_000_000,
        persisted_nbytes=400_000_000,
        chunk_nbytes=20_000_000,
        partitions=32,
        partition_s=0.05,
        graph_tasks=2_000,
        task_s=0.001,
    ),
    ray_data=RayDataScale(
        rounds=2,
        object_store_nbytes=128 * _MIB,
        dataset_nbytes=256 * _MIB,
        epoch_nbytes=128 * _MIB,
        block_nbytes=16 * _MIB,
        batch_rows=256,
        batch_s=0.005,
    ),
)
"""A look while tuning: the same operations, fewer and smaller."""

TINY = Scale(
    rounds=1,
    small_keys=200,
    small_ops=50,
    slow_ops=3,
    view_sizes=(64 << 10, 256 << 10),
    large_nbytes=_MIB,
    large_ops=1,
    middle_ops=2,
    digest_nbytes=100_000,
    many_entries=400,
    few_entries=50,
    full_capacity=4 * _MIB,
    full_ops=200,
    size_capacity=4 * _MIB,
    mix_capacity=8 * _MIB,
    mix_largest=256 << 10,
    read_s=0.02,
    trace_length=1_000,
    trace_keys=200,
    trace_largest=16 << 10,
    trace_most=1_000,
    processes=1,
    batch_keys=50,
    blocks=300,
    node_counts=(1, 2),
    thought_nodes=20,
    dask=DaskScale(
        rounds=1,
        worker_nbytes=400_000_000,
        larger_worker_nbytes=640_000_000,
        spilled_nbytes=8_000_000,
        persisted_nbytes=4_000_000,
        chunk_nbytes=1_000_000,
        partitions=4,
        partition_s=0.01,
        graph_tasks=20,
        task_s=0.001,
    ),
    ray_data=RayDataScale(
        rounds=1,
        object_store_nbytes=80 * _MIB,
        dataset_nbytes=8 * _MIB,
        epoch_nbytes=4 * _MIB,
        block_nbytes=_MIB,
        batch_rows=256,
        batch_s=0.001,
    ),
)
"""For tests: everything runs, nothing is to be quoted."""
