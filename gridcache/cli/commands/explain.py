"""`grid explain`."""

import click

from gridcache.cli.keyarg import KEY
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import open_cache
from gridcache.cli.tables.explanation import explanation_report
from gridcache.keys import Key

__all__ = ["command"]


@click.command("explain")
@click.argument("key", type=KEY)
@command_options
def command(options: Options, key: Key) -> None:
    """Say why a key is there or is not.

    Never stored, evicted by which need, expired, deleted, a typing error away from
    another key; who holds views of it. Done (exit 0) in all of these cases.
    """
    with open_cache(options) as cache:
        explanation = cache.explain(key)
    if options.format == "table":
        click.echo(str(explanation))
    else:
        emit(explanation_report(explanation), options)
