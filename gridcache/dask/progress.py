"""Progress: a bar for partitions, in a terminal or a notebook, on the error stream."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Advance", "bar"]

Advance = Callable[[], None]
"""Called when one more partition is done."""


@contextmanager
def bar(title: str, total: int, *, wanted: bool | None) -> Iterator[Advance]:
    """Show how many of `total` are done.

    Parameters
    ----------
    wanted
        None: if the error stream is a terminal or a notebook.
    """
    console = Console(stderr=True)
    shown = console.is_terminal or console.is_jupyter if wanted is None else wanted
    if not shown or not total:
        yield _nothing
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        row = progress.add_task(title, total=total)
        yield lambda: progress.advance(row)


def _nothing() -> None:
    """Show nothing."""
