"""The options every command has, before or after the command's name.

Covers parsing alone; what they open is in `session`. A value given after the
command wins over one before it. None means: not given, ask the configuration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

__all__ = ["Options", "command_options", "remember_options"]

P = ParamSpec("P")
R = TypeVar("R")
FORMATS = ("table", "json", "jsonl", "csv")


@dataclass(slots=True)
class Options:
    """Values of the common options; filled while click parses."""

    namespace: str | None = None
    path: str | None = None
    config: str | None = None
    """A cluster file."""
    format: str = "table"
    color: str = "auto"
    progress: bool = True


def remember_options(function: Callable[P, R]) -> Callable[P, R]:
    """Add the common options; their values land in the context's `Options`."""
    for option in reversed(_common()):
        function = option(function)
    return function


def command_options(
    function: Callable[Concatenate[Options, P], R],
) -> Callable[P, R]:
    """Add the common options and pass their values as the first argument."""

    def with_options(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(_of(click.get_current_context()), *args, **kwargs)

    return remember_options(update_wrapper(with_options, function))


def _of(ctx: click.Context) -> Options:
    return ctx.ensure_object(Options)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        setattr(_of(ctx), str(param.name), value)


def _json(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
    if value:
        _of(ctx).format = "json"


def _plain(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
    if value:
        _of(ctx).progress = False


def _common() -> list[Callable[[Callable[P, R]], Callable[P, R]]]:
    def option(*names: str, callback: Any = _keep, **kwargs: Any) -> Any:
        return click.option(*names, callback=callback, expose_value=False, **kwargs)

    choice = click.Choice
    return [
        option("--namespace", metavar="NAME", help="Namespace of the store."),
        option("--path", metavar="DIR", help="A store of its own, by directory."),
        option("--config", metavar="FILE", help="A cluster file: its grid."),
        option("--format", type=choice(FORMATS), help="Form of the output [table]."),
        option("--json", is_flag=True, callback=_json, help="Same as --format json."),
        option("--color", type=choice(("auto", "always", "never")), help="[auto]"),
        option("--no-progress", is_flag=True, callback=_plain, help="No bars."),
    ]
