"""Values to files and back."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.values import READERS, raw_bytes, write_value


@pytest.mark.parametrize(
    "value",
    [b"ab", bytearray(b"ab"), memoryview(b"ab"), "ab"],
    ids=["bytes", "bytearray", "memoryview", "str"],
)
def test_bytes_and_text_are_raw(value: object, tmp_path: Path) -> None:
    assert raw_bytes(value) == b"ab"
    write_value(value, tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == b"ab"


def test_an_array_becomes_npy(tmp_path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    write_value(array, tmp_path / "x.NPY")
    read = READERS["npy"]((tmp_path / "x.NPY").read_bytes())
    np.testing.assert_array_equal(np.asarray(read), array)


def test_json_and_pickle_read_back(tmp_path: Path) -> None:
    value = {"a": [1, None, "ü"]}
    write_value(value, tmp_path / "x.json")
    write_value(value, tmp_path / "x.pkl")
    assert json.loads((tmp_path / "x.json").read_bytes()) == value
    assert pickle.loads((tmp_path / "x.pkl").read_bytes()) == value


def test_frames_become_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2]})
    write_value(frame, tmp_path / "x.parquet")
    assert pandas.read_parquet(tmp_path / "x.parquet").equals(frame)


@pytest.mark.parametrize("name", ["x", "x.bin", "x.json", "x.parquet"])
def test_a_form_that_does_not_fit_is_a_usage_error_and_leaves_no_file(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(Failure) as caught:
        write_value(object(), tmp_path / name)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "FILE.pkl" in caught.value.message
    assert not list(tmp_path.iterdir())
