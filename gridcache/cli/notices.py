"""Warnings and log records as lines on stderr, without file names and code."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

__all__ = ["set_log_level", "warnings_as_lines"]

LOGGER = "gridcache"


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Show each Python warning as one line."""
    with warnings.catch_warnings():
        warnings.showwarning = _show
        yield


def set_log_level(level: str) -> None:
    """Write what the logger `gridcache` says from this level on."""
    logger = logging.getLogger(LOGGER)
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger.addHandler(handler)


def _show(message: Warning | str, *_where: Any, **_more: Any) -> None:
    click.echo(f"Warning: {' '.join(str(message).split())}", err=True)
