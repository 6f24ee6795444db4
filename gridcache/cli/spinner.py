"""A spinner on stderr while another machine answers: only on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gridcache.cli.options import Options

__all__ = ["waiting"]


@contextmanager
def waiting(options: Options, text: str) -> Iterator[Callable[[str], None]]:
    """Say what is waited for, until the block ends; yields what changes the text."""
    if not (options.progress and sys.stderr.isatty()):
        yield lambda _text: None
        return
    from rich.text import Text  # noqa: PLC0415 - 70 ms that pipes do not need

    from gridcache.cli.styled import make_console  # noqa: PLC0415 - on a terminal alone

    console = make_console(options.color, stderr=True)
    with console.status(Text(f"{text} ...")) as status:
        yield lambda now: status.update(Text(f"{now} ..."))
