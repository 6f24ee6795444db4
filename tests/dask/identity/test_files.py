"""Reading: a file that was written again is another input."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from tests.dask.identity.kit import found, ids

AN_HOUR_NS = 3600 * 10**9


def table(number: int) -> Any:
    return pd.DataFrame({"a": [number, 2, 3]})


def write_zarr(path: Path, number: int) -> None:
    array = zarr.create_array(
        str(path), shape=(4,), chunks=(2,), dtype="i8", overwrite=True
    )
    array[:] = np.arange(4) + number


def write_dataset(path: Path, number: int) -> None:
    dataset = xr.Dataset({"v": ("x", np.arange(4.0) + number)})
    dataset.to_zarr(path, mode="w", consolidated=False)


Write = Callable[[Path, int], Any]
FORMATS: dict[str, tuple[Write, Callable[[Path], Any]]] = {
    "csv": (
        lambda path, number: table(number).to_csv(path, index=False),
        lambda path: dd.read_csv(str(path)),
    ),
    "csv, then work": (
        lambda path, number: table(number).to_csv(path, index=False),
        lambda path: dd.read_csv(str(path), converters={"a": int}).a + 1,
    ),
    "parquet": (
        lambda path, number: table(number).to_parquet(path),
        lambda path: dd.read_parquet(str(path)),
    ),
    "parquet by Arrow": (
        lambda path, number: table(number).to_parquet(path),
        lambda path: dd.read_parquet(str(path), filesystem="arrow"),
    ),
    "text": (
        lambda path, number: path.write_text(f"{number}\n"),
        lambda path: db.read_text(str(path)).map(str.upper),
    ),
    "text in blocks": (
        lambda path, number: path.write_text(f"{number}\n"),
        lambda path: db.read_text(str(path), blocksize=10),
    ),
    "zarr": (write_zarr, lambda path: da.from_zarr(str(path)) + 1),
    "a zarr array": (write_zarr, lambda path: da.from_array(zarr.open(path))),
    "a zarr array in line": (
        write_zarr,
        lambda path: da.from_array(zarr.open(path), inline_array=True) + 1,
    ),
    "xarray of zarr": (
        write_dataset,
        lambda path: xr.open_zarr(path, consolidated=False).v * 2,
    ),
    "a file that numpy maps": (
        lambda path, number: np.save(path, np.arange(4) + number),
        lambda path: da.from_array(np.load(path, mmap_mode="r"), chunks=2),
    ),
}


def age(path: Path) -> None:
    """Make files an hour older than they are: what comes next is surely newer."""
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        then = file.stat().st_mtime_ns - AN_HOUR_NS
        os.utime(file, ns=(then, then))


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_was_written_again_is_another_input(
    name: str, tmp_path: Path
) -> None:
    write, read = FORMATS[name]
    path = tmp_path / "data.npy"
    write(path, 1)
    age(path)
    before = ids(read(path))
    assert ids(read(path)) == before
    write(path, 2)
    assert set(before).isdisjoint(ids(read(path)))


@pytest.mark.parametrize("name", FORMATS)
def test_what_reads_files_may_be_kept(name: str, tmp_path: Path) -> None:
    write, read = FORMATS[name]
    write(tmp_path / "data.npy", 1)
    keys, made = found(read(tmp_path / "data.npy"))
    assert all(made.cacheable(key) for key in keys)
    assert not made.unsafe


def test_a_zarr_array_in_memory_counts_by_its_bytes() -> None:
    def of(number: int) -> list[str]:
        array = zarr.create_array(
            zarr.storage.MemoryStore(), shape=(4,), chunks=(2,), dtype="i8"
        )
        array[:] = np.arange(4) + number
        return ids(da.from_array(array))

    assert of(1) == of(1) != of(2)


def test_a_zarr_array_in_an_archive_counts_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"

    def of(number: int) -> list[str]:
        path.unlink(missing_ok=True)
        with zarr.storage.ZipStore(path, mode="w") as store:
            zarr.create_array(store, data=np.arange(4) + number)
        with zarr.storage.ZipStore(path, mode="r") as store:
            array: Any = zarr.open_array(store, mode="r")
            assert ids(da.from_array(array)) == ids(da.from_array(array))
            return ids(da.from_array(array))

    assert of(1) != of(2)
