"""Sizes as arguments: a bare number counts GiB, as `memory_gb` in a cluster file."""

from typing import Any

import click

from gridcache.errors import ConfigError
from gridcache.units import parse_bytes

__all__ = ["BINARY_SIZE"]

GIB = 2**30


class _BinarySize(click.ParamType[int]):
    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read `10.0` (GiB) or `512MiB`."""
        try:
            nbytes = parse_bytes(_with_unit(str(value)))
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        if nbytes == 0:
            self.fail(f"{value} is no size above 0", param, ctx)
        return nbytes


def _with_unit(text: str) -> str:
    try:
        float(text)
    except ValueError:
        return text
    return f"{text}GiB"


BINARY_SIZE = _BinarySize()
