"""What kind of file system a path is on: memory is lost at reboot, disk is not."""

from pathlib import Path

__all__ = ["is_memory"]

_MOUNTS = Path("/proc/self/mounts")
_MEMORY = {"tmpfs", "ramfs", "devtmpfs"}


def is_memory(path: Path, mounts: Path = _MOUNTS) -> bool:
    """True if the file system of an existing path lives in memory only."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return False  # not Linux: files are on disk
    real = path.resolve()
    best, kind = -1, ""
    for line in lines:
        _, mounted, name, *_ = line.split()
        point = Path(mounted.encode().decode("unicode_escape"))
        if (point == real or point in real.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), name
    return kind in _MEMORY
