"""Examples at the end of a command's help."""

__all__ = ["examples", "examples_of"]

_HEAD = "\b\nExamples:\n"
"""click wraps no paragraph that begins with a backspace."""


def examples(*lines: str) -> str:
    """Make the epilog of a command."""
    return _HEAD + "\n".join(f"  {line}" for line in lines)


def examples_of(epilog: str | None) -> list[str]:
    """The lines of an epilog."""
    text = (epilog or "").removeprefix(_HEAD)
    return [line.removeprefix("  ") for line in text.splitlines()]
