"""Asking before what cannot be undone: on a terminal; a script says --yes."""

import sys

import click

from gridcache.cli.failures import ExitCode, Failure

__all__ = ["confirm", "yes_option"]

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def confirm(question: str, *, yes: bool) -> None:
    """Return if the user agrees.

    Raises
    ------
    Failure
        The answer is no (exit 1), or nobody can be asked (exit 2).
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        message = f"{question} Not on a terminal: say so with --yes"
        raise Failure(message, ExitCode.USAGE)
    if not click.confirm(question, err=True):
        message = "nothing was deleted"
        raise Failure(message)
