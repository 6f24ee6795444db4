"""`grid put`."""

import click

from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.keyarg import KEY
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import say
from gridcache.cli.session import open_cache
from gridcache.cli.values import READERS, read_input
from gridcache.keys import Key, text_key
from gridcache.units import format_bytes

__all__ = ["command"]


@click.command("put")
@click.argument("key", type=KEY)
@click.argument("file", metavar="FILE|-")
@click.option("--as", "form", type=click.Choice(tuple(READERS)), default="bytes",
              show_default=True, help="What to make of the content.")  # fmt: skip
@click.option("--ttl", help="Lifetime, such as 90s, 2h, 7d.")
@click.option("--tag", "tags", multiple=True, help="For `grid clear --tag`; repeat.")
@click.option("--pin", is_flag=True, help="Never evict it.")
@command_options
def command(  # noqa: PLR0913 - click passes one argument an option
    options: Options,
    key: Key,
    file: str,
    *,
    form: str,
    ttl: str | None,
    tags: tuple[str, ...],
    pin: bool,
) -> None:
    """Store a file's content under a key; - reads stdin.

    Makes the store if there is none yet. An older value of the key is replaced.
    """
    content = read_input(file)
    try:
        value = READERS[form](content)
    except ValueError as error:
        message = f"the content is no {form} ({error}); see --as"
        raise Failure(message, ExitCode.USAGE) from error
    with open_cache(options, create=True) as cache:
        cache.put(key, value, ttl=ttl, pin=pin, tags=tags)
    say(f"stored {text_key(key)} ({format_bytes(len(content))})")
