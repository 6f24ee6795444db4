"""`persist` of more than the workers' memory, and reading it back from the grid.

Beside `to_zarr` (array) and `to_parquet` (frame) as they are without options, into
files on the file system of the store. Each round begins with a store, or a directory,
that was never used. Reading is the mean of everything, by the same workers; a frame's
texts count by their lengths.

Frames have workers with more memory: on those that arrays have, Dask kills the ones
that write Parquet.
"""

import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import dask.array as da
import dask.dataframe as dd
import pandas as pd
from distributed import Client

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.dask.data import frame_of, signal_of, sum_of_frame
from gridcache.bench.dask.run import DaskRun
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.timing import interleave
from gridcache.dask import load, persist
from gridcache.published.handle import close_all
from gridcache.units import format_bytes

__all__ = ["measure"]

_WRITE_GOAL = Goal(1.3)
_READ_GOAL = Goal(1 / 2)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A collection, and what stands beside `persist` for it."""

    name: str
    rival: str
    made: Callable[[int, int], Any]
    write: Callable[[Any, str], object]
    read: Callable[[str], Any]
    mean: Callable[[Any], float]
    larger: bool = False
    """Needs larger workers."""


def measure(run: DaskRun) -> Iterator[Result]:
    """Time both ways, there and back."""
    sizes = run.sizes
    for kind in _KINDS:
        if kind.larger:
            with run.workers(sizes.larger_worker_nbytes) as client:
                yield from _rows(run, kind, client, sizes.larger_worker_nbytes)
        else:
            yield from _rows(run, kind, run.client, sizes.worker_nbytes)


def _rows(
    run: DaskRun, kind: _Kind, client: Client, limit_nbytes: int
) -> Iterator[Result]:
    sizes = run.sizes
    collection = kind.made(sizes.persisted_nbytes, sizes.chunk_nbytes)
    with _InGrid(run, kind, client) as ours, _InFiles(run, kind) as theirs:
        series = interleave(
            sizes.rounds,
            {
                "write": partial(ours.write, collection),
                kind.rival: partial(theirs.write, collection),
                "read": ours.read,
                f"{kind.rival}, read": theirs.read,
            },
        )
        if not math.isclose(ours.mean, theirs.mean):
            message = f"means differ: {ours.mean} and {theirs.mean}"
            raise ValueError(message)
    what = (
        f"{format_bytes(sizes.persisted_nbytes)} in partitions of "
        f"{format_bytes(sizes.chunk_nbytes)} on 2 workers of "
        f"{format_bytes(limit_nbytes)}"
    )
    for name, ours_, theirs_, goal in (
        (f"persist {kind.name}", "write", kind.rival, _WRITE_GOAL),
        (f"read {kind.name}", "read", f"{kind.rival}, read", _READ_GOAL),
    ):
        figure = Figure(name, what, Unit.SECONDS, {kind.rival: goal})
        yield from figure.rows({OURS: series[ours_], kind.rival: series[theirs_]})


class _InGrid:
    """Persisted: a new store for each round."""

    def __init__(self, run: DaskRun, kind: _Kind, client: Client) -> None:
        self._run, self._kind, self._client = run, kind, client
        self._undo = ExitStack()
        self._cache: Any = None
        self.mean = math.nan

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def write(self, collection: Any, _number: int) -> float:
        self._undo.close()
        self._cache = self._undo.enter_context(
            self._run.store(self._run.sizes.persisted_nbytes)
        )
        self._undo.callback(self._client.run, close_all)
        start = perf_counter()
        persist(collection, "bench", cache=self._cache, progress=False)
        return perf_counter() - start

    def read(self, _number: int) -> float:
        start = perf_counter()
        self.mean = self._kind.mean(load("bench", cache=self._cache))
        return perf_counter() - start


class _InFiles:
    """Written to files: a new directory for each round."""

    def __init__(self, run: DaskRun, kind: _Kind) -> None:
        self._kind, self._place, self._unique = kind, run.place, run.unique
        self._path = self._place / "files"
        self.mean = math.nan

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)

    def write(self, collection: Any, _number: int) -> float:
        shutil.rmtree(self._path, ignore_errors=True)
        self._path = self._new_path()
        start = perf_counter()
        self._kind.write(collection, str(self._path))
        return perf_counter() - start

    def _new_path(self) -> Path:
        return self._place / self._unique("files").replace(" ", "-")

    def read(self, _number: int) -> float:
        start = perf_counter()
        self.mean = self._kind.mean(self._kind.read(str(self._path)))
        return perf_counter() - start


def _read_parquet(path: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Dask's calls of pandas
        return dd.read_parquet(path)


def _mean_of_array(array: Any) -> float:
    return float(array.mean().compute())


def _mean_of_frame(frame: Any) -> float:
    """Of the sums of partitions, so that all columns are read and little is done."""
    sums = frame.map_partitions(sum_of_frame, meta=pd.Series(dtype=float))
    return float(sums.mean().compute())


_KINDS = (
    _Kind(
        "array",
        "to_zarr",
        signal_of,
        lambda array, path: array.to_zarr(path),
        da.from_zarr,
        _mean_of_array,
    ),
    _Kind(
        "frame",
        "to_parquet",
        frame_of,
        lambda frame, path: frame.to_parquet(path),
        _read_parquet,
        _mean_of_frame,
        larger=True,
    ),
)
