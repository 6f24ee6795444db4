"""A click group that imports a command when it is called, not before.

The listing in `--help` and the shell's completion need each command's one line of
help alone, so that stands beside the import path.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from gridcache.cli.failures import raised_as_exit_codes
from gridcache.cli.notices import warnings_as_lines

__all__ = ["LazyCommand", "LazyGroup"]


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and its line in the listing."""

    module: str
    """Has the command as its attribute `command`."""
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        command = import_module(self.module).command
        if not isinstance(command, click.Command):
            message = f"{self.module}.command is no click command"
            raise TypeError(message)
        return command


class LazyGroup(click.Group):
    """Lists its commands without importing them; maps errors to exit codes."""

    def __init__(
        self, *args: Any, lazy: Mapping[str, LazyCommand], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table, which groups what belongs together."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        lazy = self._lazy.get(cmd_name)
        return lazy.load() if lazy else super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but suggests among the lazy names too."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the listing from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items()])

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Complete a command's name from the table, options as click does."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=lazy.help)
            for name, lazy in self._lazy.items()
            if name.startswith(incomplete)
        ] + options

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises on purpose becomes an exit code."""
        with raised_as_exit_codes(), warnings_as_lines():
            return super().invoke(ctx)
