"""Values as people read them: sizes, times, shares, names.

Text of the user (keys, paths) is shown with control characters escaped: a key must
not be able to move the cursor or recolour the terminal.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from gridcache.cli.report import Kind
from gridcache.units import format_bytes, format_duration

__all__ = ["printable", "shown"]

NOTHING = "-"


def printable(text: str) -> str:
    r"""Escape what is not printable.

    >>> printable("user\x1b[31m")
    'user\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(value: object, kind: Kind) -> str:
    """One value as a cell of a table; `-` for None and for nothing."""
    if value is None or value in ("", (), {}):
        return NOTHING
    return _SHOWN[kind](value)


def _instant(value: float) -> str:
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}Z"


def _names(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(printable(str(name)) for name in value)
    return printable(str(value))


_SHOWN: dict[Kind, Callable[..., str]] = {
    Kind.TEXT: lambda value: printable(str(value)),
    Kind.COUNT: "{:,}".format,
    Kind.BYTES: format_bytes,
    Kind.SECONDS: format_duration,
    Kind.INSTANT: _instant,
    Kind.RATIO: "{:.1%}".format,
    Kind.FACTOR: "{:.2f} x".format,
    Kind.FLAG: lambda value: "yes" if value else "no",
    Kind.NAMES: _names,
}
