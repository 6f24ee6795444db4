"""Readers of single values of a cluster file; each raises ValueError.

A reader stands with what the value should be, for the message.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gridcache.cluster_config.fields import Reader
from gridcache.units import parse_bytes

__all__ = [
    "COMMANDS",
    "DIRECTORY",
    "DISK",
    "FLAG",
    "GRID_NAME",
    "HOST",
    "LABELS",
    "MEMORY",
    "NAME",
    "integer",
    "one_of",
    "optional_text",
    "text",
]

GIB = 2**30
"""What one of `memory_gb` counts, as the operating system's tools count memory."""

MAX_MEMORY_GB = 2**33
"""Where a size in bytes would no longer fit 64 bits."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL_VALUE = re.compile(_LABEL)
_LABEL_KEY = re.compile(rf"(?:[A-Za-z0-9.-]+/)?{_LABEL}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")


def one_of(*allowed: str) -> Reader:
    """Read one of a few words."""

    def read(value: object) -> str:
        word = _text(value)
        _require(word in allowed)
        return word

    return read, f"one of {', '.join(allowed)}"


def integer(low: int, high: int) -> Reader:
    """Read a whole number between two, both included."""

    def read(value: Any) -> int:
        _require(isinstance(value, int) and not isinstance(value, bool))
        _require(low <= value <= high)
        return int(value)

    return read, f"a whole number from {low} to {high}"


def text(expected: str) -> Reader:
    """Read text that says something."""
    return _text, expected


def optional_text(expected: str) -> Reader:
    """Read the same, or null."""
    return _optional(_text), f"{expected}, or null"


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError


def _optional(read: Callable[[Any], object]) -> Callable[[Any], object]:
    def read_if_any(value: object) -> object:
        return None if value is None else read(value)

    return read_if_any


def _text(value: Any) -> str:
    _require(isinstance(value, str) and bool(value.strip()))
    return str(value)


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def read(value: object) -> str:
        _require(pattern.fullmatch(_text(value)) is not None)
        return _text(value)

    return read


def _flag(value: Any) -> bool:
    _require(isinstance(value, bool))
    return bool(value)


def _memory(value: Any) -> int:
    _require(isinstance(value, int | float) and not isinstance(value, bool))
    _require(0 < value < MAX_MEMORY_GB)  # false for nan too
    nbytes: int = round(value * GIB)
    return nbytes


def _labels(value: Any) -> Mapping[str, str]:
    _require(isinstance(value, Mapping))
    read_key, read_value = _matching(_LABEL_KEY), _matching(_LABEL_VALUE)
    return {read_key(key): read_value(label) for key, label in value.items()}


def _directory(value: object) -> Path:
    path = Path(_text(value))
    # Each node reads it in its own way: neither ~ nor the current directory is one.
    _require(path.is_absolute())
    return path


def _size(value: Any) -> int:
    nbytes = parse_bytes(value)  # a ConfigError is a ValueError
    _require(nbytes > 0)
    return nbytes


def _commands(value: Any) -> tuple[str, ...]:
    _require(isinstance(value, list))
    return tuple(map(_text, value))


FLAG: Reader = (_flag, "true or false")

NAME: Reader = (
    _matching(_LABEL_VALUE),
    "at most 63 letters, digits, '.', '_' and '-', a letter or digit at both ends",
)

GRID_NAME: Reader = (
    _matching(re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")),
    "at most 48 of a-z, 0-9, '.', '_' and '-', the first a letter or digit",
)

HOST: Reader = (_matching(_HOST), "a host name or an address")

MEMORY: Reader = (_memory, "a number above 0, of GiB")

LABELS: Reader = (_labels, "a mapping of Ray labels, text to text")

DIRECTORY: Reader = (_optional(_directory), "an absolute path, or null")

DISK: Reader = (_optional(_size), "a size above 0 such as 100GiB, or null")

COMMANDS: Reader = (_commands, "a list of shell commands")
