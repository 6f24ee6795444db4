"""Exit codes, and the way from an error of gridcache to one line and its code.

The codes are part of the interface: scripts compare with them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import IO, Any

import click

from gridcache.errors import (
    AllocationError,
    BlockNotFoundError,
    ConfigError,
    GridCacheError,
    KeyNotFoundError,
    NoAvailableNodesError,
    NodeLostError,
    OutOfSpaceError,
    StoreAccessError,
    StoreFormatError,
    StoreStalledError,
    ValueTooLargeError,
)

__all__ = ["ExitCode", "Failure", "exit_code_of", "raised_as_exit_codes"]


class ExitCode(IntEnum):
    """What a script can act upon."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_STORE = 3
    NO_KEY = 4
    NO_ROOM = 5
    INTERRUPTED = 130


class Failure(click.ClickException):
    """A failure with its code; shown as one line on stderr."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        setattr(self, "exit_code", int(code))  # noqa: B010 - click types it ClassVar

    def show(self, file: IO[Any] | None = None) -> None:
        """Write `Error: ...` as click does, on one line whatever the message holds."""
        line = " ".join(self.format_message().split())
        click.echo(f"Error: {line}", file=file, err=file is None)


_CODES: tuple[tuple[type[GridCacheError], ExitCode], ...] = (
    (KeyNotFoundError, ExitCode.NO_KEY),
    (BlockNotFoundError, ExitCode.NO_KEY),
    (ValueTooLargeError, ExitCode.NO_ROOM),
    (OutOfSpaceError, ExitCode.NO_ROOM),
    (AllocationError, ExitCode.NO_ROOM),
    (NoAvailableNodesError, ExitCode.NO_STORE),
    (NodeLostError, ExitCode.NO_STORE),
    (StoreStalledError, ExitCode.NO_STORE),
    (StoreAccessError, ExitCode.NO_STORE),
    (StoreFormatError, ExitCode.NO_STORE),
    (ConfigError, ExitCode.USAGE),
)


def exit_code_of(error: GridCacheError) -> ExitCode:
    """Code of an error of the tree; 1 for what has no code of its own."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED


@contextmanager
def raised_as_exit_codes() -> Iterator[None]:
    """Turn errors raised on purpose into `Failure`; bugs keep their traceback."""
    try:
        yield
    except GridCacheError as error:
        raise Failure(str(error), exit_code_of(error)) from error
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("gridcache"):
            raise
        raise Failure(_missing_text(error)) from error
    except OSError as error:
        raise _os_failure(error) from error
    except (KeyboardInterrupt, click.Abort) as error:
        message = "interrupted"
        raise Failure(message, ExitCode.INTERRUPTED) from error


def _os_failure(error: OSError) -> Exception:
    # click ends quietly on a closed pipe (`grid keys | head`); leave that to it.
    if isinstance(error, BrokenPipeError):
        return error
    name = f"{error.filename}: " if error.filename else ""
    return Failure(f"{name}{error.strerror or error}")


def _missing_text(error: ModuleNotFoundError) -> str:
    from gridcache.cli.extras import install_hint  # noqa: PLC0415 - only on failure

    return f"{error.msg}; {install_hint(error.name or '')}"
