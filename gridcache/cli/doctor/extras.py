"""Optional libraries: present, or the command that brings them."""

from collections.abc import Iterator

from gridcache.cli.doctor.finding import Finding, ok
from gridcache.cli.extras import EXTRAS, install_command, missing_modules
from gridcache.config import Config

__all__ = ["check_extras"]


def check_extras(_config: Config) -> Iterator[Finding]:
    """One line an extra. What is optional is no fault."""
    for extra in EXTRAS:
        missing = missing_modules(extra)
        if missing:
            text = f"not installed: {', '.join(missing)}"
            yield ok(f"extra {extra}", text, install_command(extra))
        else:
            yield ok(f"extra {extra}", ", ".join(EXTRAS[extra]))
