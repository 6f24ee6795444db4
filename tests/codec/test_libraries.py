"""Other libraries are imported when a value needs them, and named if missing."""

import subprocess
import sys

import pytest

from gridcache.codec import encode

PLAIN = """
import sys
import numpy as np
from gridcache.codec import decode, encode, is_immutable
for value in (1, "a", b"b", [1, {"a": np.arange(9)}], range(3), print):
    frames = encode(value)
    is_immutable(value)
heavy = {"pandas", "pyarrow", "polars", "ray", "dask"} & set(sys.modules)
assert not heavy, heavy
"""

MISSING = """
import sys
for name in ("pandas", "polars", "pyarrow"):
    sys.modules[name] = None
from gridcache.codec import decode
try:
    decode(bytes.fromhex(sys.argv[1]), memoryview(bytes.fromhex(sys.argv[2])))
except ImportError as error:
    print(error.name, error)
"""


def run(source: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plain_values_import_no_other_library() -> None:
    run(PLAIN)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_missing_library_is_named_with_its_cure(library: str) -> None:
    module = pytest.importorskip(library)
    value = module.array([1]) if library == "pyarrow" else module.Series([1])
    frames = encode(value)
    body = b"".join(frames.buffers)
    said = run(MISSING, frames.header.hex(), body.hex())
    assert said.startswith(f"{library} ")
    assert "pip install 'gridcache[arrow]'" in said
