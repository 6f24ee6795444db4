"""Markdown for tests: code blocks, links, commands; and running a page's blocks.

Run as a program with a page it executes the page's Python from top to bottom, as a
reader would who types it into one session, and what is marked as `bash` in a shell of
its own at its place. Blocks that are marked otherwise, or not at all, are to be read.
"""

import doctest
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "GRID",
    "GUIDE",
    "ON_A_GRID",
    "QUICKSTART",
    "RAY_DATA",
    "ROOT",
    "Block",
    "blocks",
    "links",
    "pages",
    "run_page",
]

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "docs" / "QUICKSTART_DISTRIBUTED_MEMORY.md"
GUIDE = ROOT / "docs" / "distributed_memory_guide.md"
GRID = ROOT / "docs" / "guide" / "grid.md"
RAY_DATA = ROOT / "docs" / "guide" / "ray-data.md"
ON_A_GRID = (QUICKSTART, GUIDE, GRID, RAY_DATA)
"""Pages whose code needs Ray: tests on a cluster run it."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    language: str
    text: str
    line: int
    """Of its first line, from 1."""


def pages() -> list[Path]:
    """Every page that users read."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start(2)) + 1
        yield Block(found[1], found[2], line)


def links(page: Path) -> list[str]:
    """Targets of the links outside of code."""
    return _LINK.findall(_FENCE.sub("", page.read_text()))


def run_page(page: Path) -> bool:
    """Execute a page in this process; false if it shows what is not so."""
    names: dict[str, object] = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(optionflags=_FLAGS, verbose=False)
    for block in blocks(page):
        if block.language == "python":
            source = "\n" * (block.line - 1) + block.text
            exec(compile(source, str(page), "exec"), names)  # noqa: S102
        elif block.language == "bash":
            shell = ["bash", "-euo", "pipefail", "-c", block.text]
            subprocess.run(shell, check=True)
        elif block.language == "pycon":
            parser = doctest.DocTestParser()
            test = parser.get_doctest(
                block.text, names, page.name, str(page), block.line - 1
            )
            test.globs = names  # the parser takes a copy
            runner.run(test, clear_globs=False)
    return runner.failures == 0


if __name__ == "__main__":
    sys.exit(0 if run_page(Path(sys.argv[1])) else 1)
