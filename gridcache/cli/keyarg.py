"""Keys on the command line: their text form, as `grid keys` shows them.

`user:42` is that text; `!42` the int 42, `!('a', 1)` a tuple (`gridcache.keys`).
"""

from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.options import Options
from gridcache.cli.people import printable
from gridcache.errors import GridCacheError
from gridcache.keys import Key, key_from_text, text_key

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["KEY", "KeyType", "not_found"]

OFFERED = 100
"""So many keys at most are offered to a shell."""


class KeyType(click.ParamType[Key]):
    """A key by its text."""

    name = "key"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Key:
        """Parse the text form."""
        try:
            return key_from_text(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer keys that begin so; nothing where no store can be reached."""
        from gridcache.cli.session import open_cache  # noqa: PLC0415 - a cycle

        try:
            with open_cache(ctx.ensure_object(Options)) as cache:
                found = islice(cache.keys(prefix=incomplete), OFFERED)
                keys = [text_key(key) for key in found]
        except (click.ClickException, GridCacheError, OSError):
            return []
        return [CompletionItem(key) for key in keys if key.isprintable()]


KEY = KeyType()


def not_found(cache: "GridCache", key: Key) -> Failure:
    """Make the failure for a key without a value; it says why."""
    reason = cache.explain(key).reason
    why = f" ({reason.replace('_', ' ')})" if reason else ""
    text = printable(text_key(key))
    message = f"no value under {text}{why}; more: grid explain {text}"
    return Failure(message, ExitCode.NO_KEY)
