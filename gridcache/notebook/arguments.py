"""Options of the magics, by argparse: it is typed, IPython's own parser is not."""

import shlex
from argparse import ArgumentParser, Namespace
from typing import NoReturn

from gridcache.notebook.cell import RefusedCellError

__all__ = ["CELL", "KEYS", "STATS", "parse_line"]


class _Parser(ArgumentParser):
    """Raises instead of leaving the kernel."""

    def error(self, message: str) -> NoReturn:
        text = f"{message}; {self.format_usage().strip()}"
        raise RefusedCellError(text)


def parse_line(parser: ArgumentParser, line: str) -> Namespace:
    """Parse what stands behind a magic's name.

    Raises
    ------
    RefusedCellError
        An option is unknown or lacks its value.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise RefusedCellError(str(error)) from None
    return parser.parse_args(words)


def _parser(name: str) -> _Parser:
    parser = _Parser(prog=name, add_help=False)
    parser.add_argument("--namespace", help="namespace of the store")
    return parser


def _cell() -> _Parser:
    parser = _parser("%%grid_cache")
    add = parser.add_argument
    add("name", metavar="NAME", help="what the cell makes; part of its key")
    add("-i", "--input", action="append", default=[], help="a further input")
    add("-o", "--output", action="append", default=[], help="keep this alone")
    add("--ignore", action="append", default=[], help="no input after all")
    add("--ttl", help="how long it is kept, such as 1h")
    add("--force", action="store_true", help="run it, whatever is kept")
    return parser


def _keys() -> _Parser:
    parser = _parser("%grid_keys")
    parser.add_argument("glob", nargs="?", default="*", help="with * ? [abc]")
    return parser


CELL = _cell()
KEYS = _keys()
STATS = _parser("%grid_stats")
