"""Values and files: what `grid get` writes and `grid put` reads.

A file's suffix chooses the form; without a known one, bytes and text go as they
are. The libraries of a form are imported when it is asked for.
"""

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridcache.cli.failures import ExitCode, Failure

__all__ = ["READERS", "raw_bytes", "read_input", "write_value"]

RAW = (bytes, bytearray, memoryview)


def raw_bytes(value: object) -> bytes | None:
    """Bytes of what is bytes or text already, else None."""
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, RAW) else None


def write_value(value: object, path: Path) -> None:
    """Write a value in the form that the suffix names.

    Raises
    ------
    Failure
        The value has no such form (exit 2); nothing was written.
    """
    writer = _WRITERS.get(path.suffix.lower(), _write_raw)
    try:
        writer(value, path)
    except (TypeError, ValueError, AttributeError) as error:
        message = (
            f"a {_name(value)} cannot be written to {path}: {error}; "
            "-o FILE.pkl takes any value"
        )
        raise Failure(message, ExitCode.USAGE) from error


def read_input(source: str) -> bytes:
    """Content of a file, or of stdin for `-`."""
    if source == "-":
        return sys.stdin.buffer.read()
    return Path(source).read_bytes()


def _name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _write_raw(value: object, path: Path) -> None:
    content = raw_bytes(value)
    if content is None:
        known = ", ".join(sorted(_WRITERS))
        message = f"the suffix chooses the form, one of {known}"
        raise TypeError(message)
    path.write_bytes(content)


def _write_npy(value: object, path: Path) -> None:
    import numpy as np  # noqa: PLC0415 - 80 ms that other commands do not need

    array = np.asarray(value)
    if array.dtype.hasobject:
        message = "it is no array of numbers or text"
        raise TypeError(message)
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _write_json(value: object, path: Path) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write_pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=5))


def _write_parquet(value: Any, path: Path) -> None:
    if hasattr(value, "write_parquet"):
        value.write_parquet(path)
    elif hasattr(value, "to_parquet"):
        value.to_parquet(path)
    else:
        from pyarrow import parquet  # noqa: PLC0415 - of an extra

        parquet.write_table(value, path)


_WRITERS: dict[str, Callable[[object, Path], None]] = {
    ".json": _write_json,
    ".npy": _write_npy,
    ".parquet": _write_parquet,
    ".pkl": _write_pickle,
}


def _read_npy(content: bytes) -> object:
    from io import BytesIO  # noqa: PLC0415 - beside numpy, which costs 80 ms

    import numpy as np  # noqa: PLC0415 - 80 ms that other commands do not need

    return np.load(BytesIO(content), allow_pickle=False)


READERS: dict[str, Callable[[bytes], object]] = {
    "bytes": lambda content: content,
    "text": lambda content: content.decode(),
    "json": json.loads,
    "npy": _read_npy,
}
"""Form to what makes a value of a file's content."""
