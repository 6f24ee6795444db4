"""Sizes and durations as people write them, parsed once at the edge.

Inside gridcache a size is an int of bytes and a duration a float of seconds; only
arguments, settings and output are text. `GB` is 10^9 and `GiB` is 2^30, here and
everywhere. Nothing here knows what a size is for.
"""

import math
import re
from datetime import timedelta
from decimal import Decimal
from numbers import Integral, Real

from gridcache.errors import ConfigError

__all__ = ["format_bytes", "format_duration", "parse_bytes", "parse_duration"]

_MAX_NBYTES = 2**63 - 1
"""The largest offset a file can have."""

_KIB = 1024
_PREFIXES = "KMGTPE"
_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
_TWO_DIGITS = 10

_NUMBER = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<exponent>[eE][+-]?[0-9]{1,3})?"
    r"\s*(?P<unit>[A-Za-zµμ]*)"
)

_DECIMAL = {name: 1000**power for power, name in enumerate(_PREFIXES.lower(), 1)}
_BINARY = {f"{name}i": 1024**power for power, name in enumerate(_PREFIXES.lower(), 1)}
_BYTE_UNITS = {"": 1, "b": 1, "byte": 1, "bytes": 1} | {
    name + suffix: factor
    for name, factor in (_DECIMAL | _BINARY).items()
    for suffix in ("", "b")
    if name + suffix != "e"
}

_SECOND_UNITS = {
    unit: Decimal(factor)
    for names, factor in (
        ("ns nanosecond nanoseconds", "1e-9"),
        ("us µs μs microsecond microseconds", "1e-6"),
        ("ms millisecond milliseconds", "1e-3"),
        ("s sec secs second seconds", "1"),
        ("m min mins minute minutes", "60"),
        ("h hr hour hours", "3600"),
        ("d day days", "86400"),
        ("w week weeks", "604800"),
    )
    for unit in names.split()
}


def parse_bytes(value: float | str) -> int:
    """Read a size.

    Parameters
    ----------
    value
        Bytes as a number, or text: `"4GiB"` (2^30), `"1.5 GB"` (10^9), `"1e9"`,
        `"512"`. Letter case does not count, save where it would change the
        meaning: `"4Gb"` (bits) and `"4E"` (an exponent without digits) are refused.

    Returns
    -------
    int
        Bytes, 0 or more; a fraction of a byte is rounded to the nearest.

    Raises
    ------
    ConfigError
        Negative, not a finite number, an unknown unit, or more than 2^63 - 1.

    Examples
    --------
    >>> parse_bytes("4GiB"), parse_bytes("1.5 GB"), parse_bytes("1e9"), parse_bytes(7)
    (4294967296, 1500000000, 1000000000, 7)
    """
    number = _parse_size_text(value) if isinstance(value, str) else _exact(value)
    if number is None or not 0 <= number <= _MAX_NBYTES:
        raise _no_size(value)
    return round(number)


def parse_duration(value: float | str | timedelta) -> float:
    """Read a duration.

    Parameters
    ----------
    value
        Seconds as a number, a `timedelta`, or text: `"1h"`, `"30m"` (minutes),
        `"90s"`, `"1.5 days"`, or several parts from large to small (`"1h30m"`).

    Returns
    -------
    float
        Seconds, 0 or more.

    Raises
    ------
    ConfigError
        Negative, not a finite number, or an unknown unit.

    Examples
    --------
    >>> parse_duration("1h"), parse_duration("250ms"), parse_duration("1h30m")
    (3600.0, 0.25, 5400.0)
    """
    if isinstance(value, timedelta):
        seconds: Decimal | None = Decimal(str(value.total_seconds()))
    elif isinstance(value, str):
        seconds = _parse_duration_text(value)
    else:
        seconds = _exact(value)
    if seconds is None or seconds < 0:
        raise _no_duration(value)
    return float(seconds)


def format_bytes(nbytes: int) -> str:
    """Write a size in binary units, exact below 1 KiB, else with two decimals.

    Examples
    --------
    >>> format_bytes(0), format_bytes(1023), format_bytes(3 * 2**29)
    ('0 B', '1023 B', '1.50 GiB')
    """
    if abs(nbytes) < _KIB:
        return f"{nbytes} B"
    power = 1
    while power < len(_PREFIXES) and abs(round(nbytes / _KIB**power, 2)) >= _KIB:
        power += 1
    return f"{nbytes / _KIB**power:.2f} {_PREFIXES[power - 1]}iB"


def format_duration(seconds: float) -> str:
    """Write a duration in the unit that reads best, with two digits or two parts.

    Examples
    --------
    >>> format_duration(42), format_duration(0.0031), format_duration(5400)
    ('42 s', '3.1 ms', '1 h 30 min')
    """
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if round(seconds) >= _MINUTE_S:
        return _format_long(seconds)
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        count = seconds * factor
        if round(count, 3) >= 1:
            return (
                f"{count:.0f} {unit}" if count > _TWO_DIGITS else f"{count:.2g} {unit}"
            )
    return "0 s"


def _parse_size_text(text: str) -> Decimal | None:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or _means_bits(match["unit"]):
        return None
    factor = _BYTE_UNITS.get(match["unit"].lower())
    return None if factor is None else _number(match) * factor


def _means_bits(unit: str) -> bool:
    return len(unit) > 1 and unit.endswith("b") and unit[0].isupper()


def _parse_duration_text(text: str) -> Decimal | None:
    """Add the parts, each in a smaller unit than the one before."""
    rest = text.strip()
    alone = _NUMBER.fullmatch(rest)
    if alone and not alone["unit"]:
        return _number(alone)
    total, smallest = Decimal(0), Decimal("Infinity")
    while match := _NUMBER.match(rest):
        factor = _SECOND_UNITS.get(match["unit"].lower())
        if factor is None or factor >= smallest:
            return None
        total, smallest = total + _number(match) * factor, factor
        rest = rest[match.end() :].lstrip()
    return None if rest or smallest.is_infinite() else total


def _number(match: re.Match[str]) -> Decimal:
    return Decimal(match["number"] + (match["exponent"] or ""))


def _exact(value: object) -> Decimal | None:
    """Read a number; bool is no number here, and a float must be finite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral):
        return Decimal(int(value))
    return Decimal(float(value)) if math.isfinite(value) else None


def _no_size(value: object) -> ConfigError:
    return ConfigError(
        f"{value!r} is no size; write one such as 4GiB, 1.5 GB, 1e9 or a number of"
        " bytes",
        value=value,
    )


def _no_duration(value: object) -> ConfigError:
    return ConfigError(
        f"{value!r} is no duration; write one such as 1h, 30m, 90s, 250ms, 1h30m or a"
        " number of seconds",
        value=value,
    )


def _format_long(seconds: float) -> str:
    if round(seconds) < _HOUR_S:
        return _two_parts(round(seconds), ("min", "s"), _MINUTE_S)
    if round(seconds / _MINUTE_S) * _MINUTE_S < _DAY_S:
        return _two_parts(round(seconds / _MINUTE_S), ("h", "min"), 60)
    return _two_parts(round(seconds / _HOUR_S), ("d", "h"), 24)


def _two_parts(count: int, units: tuple[str, str], small_per_large: int) -> str:
    large, small = divmod(count, small_per_large)
    return f"{large} {units[0]}" + (f" {small} {units[1]}" if small else "")
