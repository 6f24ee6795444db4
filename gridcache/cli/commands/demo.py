"""`grid demo`."""

import json

import click

from gridcache.cli.failures import Failure
from gridcache.cli.machine import records_of
from gridcache.cli.options import Options, command_options
from gridcache.cli.report import SCHEMA_VERSION

__all__ = ["command"]


@click.command("demo")
@click.option("--grid", is_flag=True, help="On two nodes that Ray simulates.")
@command_options
def command(options: Options, *, grid: bool) -> None:
    """Show what gridcache does, on real input, in a minute.

    Plays on a private store under the shared-memory directory and removes it at the
    end: your own stores are not touched. Exit 1 if a claim does not hold.
    """
    from gridcache.cli.demo.play import (  # noqa: PLC0415 - loads numpy and rich
        Played,
        play_all,
    )
    from gridcache.cli.styled import make_console  # noqa: PLC0415 - loads rich

    def document(one: Played) -> dict[str, object]:
        return {
            "title": one.title,
            "seconds": one.seconds,
            "held": one.scene.held,
            "claims": [{"text": c.text, "held": c.held} for c in one.scene.claims],
            "figures": list(records_of(one.scene.section)),
        }

    show = options.format == "table"
    console = make_console(options.color)
    played = play_all(console, progress=options.progress, show=show, grid=grid)
    if not show:
        acts = [document(one) for one in played]
        text = json.dumps({"schema_version": SCHEMA_VERSION, "acts": acts}, indent=2)
        click.echo(text)
    failed = [one.title for one in played if not one.scene.held]
    if failed:
        message = f"claims that did not hold in: {'; '.join(failed)}"
        raise Failure(message)
