"""How large the object stores of the Ray nodes are that run on this machine.

Read from the command lines of their raylets: no Ray is asked, so none has to answer.
"""

from collections.abc import Iterator
from pathlib import Path

__all__ = ["object_stores"]

_PROC = Path("/proc")
_OPTION = b"--object_store_memory="


def object_stores(proc: Path = _PROC) -> list[int]:
    """Bytes of each node's object store; empty where there is no /proc.

    Parameters
    ----------
    proc
        Where the processes of the machine are listed.
    """
    return [size for line in _command_lines(proc) for size in _sizes(line)]


def _command_lines(proc: Path) -> Iterator[list[bytes]]:
    for path in proc.glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has ended, or is somebody else's
            continue
        if Path(words[0].decode(errors="replace")).name == "raylet":
            yield words


def _sizes(words: list[bytes]) -> Iterator[int]:
    for word in words:
        size = word.removeprefix(_OPTION)
        if size != word and size.isdigit():
            yield int(size)
