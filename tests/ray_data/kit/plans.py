"""Plans from source code, as cells of a notebook make them."""

import itertools
from types import SimpleNamespace

__all__ = ["load"]

_numbers = itertools.count(1)


def load(source: str) -> SimpleNamespace:
    """Run source code as a cell; a module of its own, with a file of no other cell."""
    space: dict[str, object] = {"__name__": "__main__"}
    code = compile(source, f"<ipython-input-{next(_numbers)}>", "exec")
    exec(code, space)  # noqa: S102 - the test's own
    return SimpleNamespace(**space)
