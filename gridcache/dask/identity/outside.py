"""Objects that stand for data elsewhere: open files and zarr arrays.

What such an object says of itself is where its data lie; they may have been written
again since. So what is there counts too: of local files the size, the time and the
inode, of other files what their file system tells a version by, of arrays in memory the
bytes.

Not covered: files that lie elsewhere than the array's object says; paths in arguments,
which only the function that gets them knows for paths.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gridcache.digest.engine import Digester
from gridcache.digest.errors import Unkeyable

__all__ = ["Reader", "files_of", "stands_for_data"]


class Reader(Digester):
    """A digester that looks at what is outside, however deep in a value it is met."""

    __slots__ = ("looked",)

    looked: bool
    """It has met such an object."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = False

    def token(self, value: object) -> bytes:
        """Give the token of any value."""
        look = _looks(type(value))
        if look is None:
            return super().token(value)
        self.looked = True
        return self.node("outside", [super().token(look(value))])


def stands_for_data(kind: type) -> bool:
    """Tell whether the data of objects of a type are looked at."""
    return _looks(kind) is not None


def files_of(function: Any, args: tuple[Any, ...]) -> list[Any]:
    """Versions of the files that a function of Dask will open, where it keeps them so.

    Its name for the task has these too, but a number of the process besides.
    """
    kind = type(function)
    if f"{kind.__module__}.{kind.__qualname__}" != _PARQUET:
        return []
    parts = args[0] if isinstance(args[0], list) else [args[0]]
    paths = [part["piece"][0] for part in parts]
    return [(path, _version_of(function.fs, path)) for path in paths]


_PARQUET = "dask.dataframe.io.parquet.core.ParquetFunctionWrapper"


def _looks(kind: type) -> Callable[[Any], tuple[Any, ...]] | None:
    # By name: who has such an object has imported its package, others need not.
    return _LOOKS.get(kind.__name__) if kind.__module__ in _MODULES else None


def _open_file(file: Any) -> tuple[Any, ...]:
    how = (file.mode, file.compression, file.encoding, file.errors, file.newline)
    return ("file", file.fs, file.path, _version_of(file.fs, file.path), *how)


def _version_of(files: Any, path: str) -> Any:
    try:
        return files.ukey(path)
    except Exception:  # noqa: BLE001 - any file system; who reads it will say it better
        return None


def _zarr_array(array: Any) -> tuple[Any, ...]:
    return ("zarr", array.path, *_contents(array, array.store))


def _contents(array: Any, store: Any) -> Iterator[Any]:
    held = getattr(store, "_store_dict", None)
    if held is not None:
        for name in sorted(held):
            if name.startswith(array.path):
                yield (name, held[name].to_bytes())
        return
    path = _directory(store)
    if path is None:
        raise Unkeyable(array, "lies where no version of it can be seen")
    yield path
    yield from _files(path / array.path)


def _directory(store: Any) -> Path | None:
    """The local directory or archive of a store; None if it has none."""
    root = getattr(store, "root", None)
    if isinstance(root, Path):
        return root.resolve()
    files = getattr(store, "fs", None)
    files = getattr(files, "sync_fs", files)
    is_local = "file" in getattr(files, "protocol", ())
    path = getattr(store, "path", None)
    return Path(path).resolve() if path and (files is None or is_local) else None


def _files(path: Path) -> Iterator[tuple[str, int, int, int]]:
    """Names and versions of the files in a directory, or of an archive."""
    archive = next((one for one in (path, *path.parents) if one.is_file()), None)
    if archive is not None:
        yield _version(archive.name, archive.stat())
        return
    for place, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(place, name)
            yield _version(str(file.relative_to(path)), file.stat())


def _version(name: str, found: os.stat_result) -> tuple[str, int, int, int]:
    return name, found.st_size, found.st_mtime_ns, found.st_ino


_LOOKS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "Array": _zarr_array,
    "OpenFile": _open_file,
}
_MODULES = frozenset({"fsspec.core", "zarr.core.array"})
