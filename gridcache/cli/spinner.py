"""A spinner on stderr while another machine answers: only on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gridcache.cli.options import Options

__all__ = ["waiting"]


@contextmanager
def waiting(options: Options, text: str) -> Iterator[None]:
    """Say what is waited for, until the block ends."""
    if not (options.progress and sys.stderr.isatty()):
        yield
        return
    from gridcache.cli.styled import make_console  # noqa: PLC0415 - on a terminal alone

    with make_console(options.color, stderr=True).status(f"{text} ..."):
        yield
