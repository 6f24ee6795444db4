"""Links: how Ray names a spilled object, by the number of its block."""

from pathlib import Path

__all__ = ["is_link", "link_of", "number_of"]

_PREFIX = "gridcache-"


def link_of(directory: Path, number: int) -> Path:
    """The link of a block."""
    return directory / f"{_PREFIX}{number:016x}"


def is_link(path: Path) -> bool:
    """True for the name of a link, False for a file of Ray's."""
    return path.name.startswith(_PREFIX)


def number_of(path: Path) -> int:
    """The block of a link."""
    return int(path.name.removeprefix(_PREFIX), 16)
