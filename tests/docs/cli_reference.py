"""The reference of the grid's commands, made from the commands themselves.

Run as a program it writes `docs/distributed_memory_cli_reference.md`; a test compares.
"""

import re
from collections.abc import Iterator

import click

from gridcache.cli import main
from gridcache.cli.examples import examples_of
from gridcache.cli.failures import ExitCode
from gridcache.cli.options import remember_options
from tests.docs.markdown import ROOT

__all__ = ["PAGE", "reference"]

PAGE = ROOT / "docs" / "distributed_memory_cli_reference.md"

COMMANDS = (
    "up",
    "down",
    "nodes",
    "drain",
    "memory",
    "distribute",
    "resource-sharing",
    "doctor",
)

HEAD = """\
# Distributed memory: the commands

<!-- Made by `python -m tests.docs.cli_reference`; change the commands' help instead. -->

The commands about the grid and its memory blocks. All others are in
[the command line](guide/cli.md), and `grid COMMAND --help` says the same as this page.
What the words mean is in the [guide](distributed_memory_guide.md).
"""

OUTPUT = """\
## Output

Data goes to stdout: tables on a terminal, the same columns as plain text in a pipe.
`--format json|jsonl|csv` is for programs: JSON is one object with `schema_version` and
each table under its name, sizes are whole numbers of bytes (`*_nbytes`), instants are
ISO 8601 in UTC. While Ray or a node is waited for, a spinner turns on stderr if that is
a terminal; `--no-progress` keeps it still. Sizes on the command line and in a cluster
file that have no unit count GiB (2^30 bytes).
"""

MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong usage, or a wrong setting or cluster file",
    ExitCode.NO_STORE: "no grid, node or store to reach; `grid up` starts a grid",
    ExitCode.NO_KEY: "no such block or key",
    ExitCode.NO_ROOM: "no room",
    ExitCode.INTERRUPTED: "interrupted",
}


def reference() -> str:
    """Write the page."""
    parts = [HEAD]
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        parts += _command(command, f"grid {name}")
    parts += [_common(), OUTPUT, _exit_codes()]
    return "\n".join(parts)


def _command(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for sub_name, sub in command.commands.items():
            yield from _command(sub, f"{name} {sub_name}")
        return
    usage = " ".join([name, *_usage(command)])
    yield f"## {name}\n\n```\n{usage}\n```\n\n{_text(command)}\n"
    if lines := examples_of(command.epilog):
        yield "```\n" + "".join(f"{line}\n" for line in lines) + "```\n"
    own = [param for param in command.params if _is_own(param)]
    if own:
        yield _options(own)


def _usage(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    yield from command.collect_usage_pieces(context)


def _text(command: click.Command) -> str:
    paragraphs = (" ".join(one.split()) for one in (command.help or "").split("\n\n"))
    return "\n\n".join(map(_wrapped, paragraphs))


def _wrapped(paragraph: str) -> str:
    words = click.wrap_text(paragraph, width=88)
    return re.sub(r"(?<!\S)(--[a-z][a-z-]*)", r"`\1`", words)


def _is_own(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and param.opts[0] not in _common_names()


def _common_options() -> list[click.Option]:
    @click.command
    @remember_options
    def command() -> None:
        """Has them and nothing else."""

    return [param for param in command.params if isinstance(param, click.Option)]


def _common_names() -> set[str]:
    return {option.opts[0] for option in _common_options()}


def _options(params: list[click.Parameter]) -> str:
    rows = [_row(param) for param in params if isinstance(param, click.Option)]
    return "| option | meaning |\n|---|---|\n" + "".join(rows)


def _row(option: click.Option) -> str:
    names = ", ".join(option.opts)
    value = "" if option.is_flag else f" {_escaped(option.make_metavar(_context()))}"
    text = _escaped(option.help or "")
    return f"| `{names}{value}` | {text} |\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _context() -> click.Context:
    return click.Context(main)


def _common() -> str:
    options: list[click.Parameter] = [*_common_options()]
    return (
        "## Options of every command\n\nBefore or after the command's name.\n\n"
        + _options(options)
    )


def _exit_codes() -> str:
    rows = "".join(f"| {int(code)} | {text} |\n" for code, text in MEANINGS.items())
    return f"## Exit codes\n\n| code | meaning |\n|---|---|\n{rows}"


if __name__ == "__main__":
    PAGE.write_text(reference())
