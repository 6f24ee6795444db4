"""`grid get`."""

import json
from pathlib import Path
from pprint import pformat

import click

from gridcache.cli.failures import Failure
from gridcache.cli.keyarg import KEY, not_found
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import say
from gridcache.cli.report import SCHEMA_VERSION
from gridcache.cli.session import open_cache
from gridcache.cli.values import raw_bytes, write_value
from gridcache.keys import Key, text_key

__all__ = ["command"]

ABSENT = object()
PREVIEW_LINES = 40


@click.command("get")
@click.argument("key", type=KEY)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .npy, .parquet, .json, .pkl, else raw bytes.",
)
@command_options
def command(options: Options, key: Key, output: Path | None) -> None:
    """Write a value to stdout or to a file.

    Bytes and text come out raw. Of other values stdout shows a preview, with
    --json the value itself if JSON has a form for it; -o FILE writes them in full.
    Values stored by pickle run code of their classes when they are read.
    """
    with open_cache(options) as cache:
        value = cache.get(key, ABSENT)
        if value is ABSENT:
            raise not_found(cache, key)
        if output:
            write_value(value, output)
            say(f"wrote {output}")
        elif options.format in ("json", "jsonl"):
            click.echo(_as_json(key, value))
        else:
            _show(value)


def _show(value: object) -> None:
    raw = raw_bytes(value)
    if raw is None:
        click.echo(_preview(value))
    else:
        click.echo(raw, nl=False)


def _preview(value: object) -> str:
    """Cut after some lines; libraries (numpy, pandas) shorten themselves."""
    lines = pformat(value, sort_dicts=False).splitlines()
    if len(lines) > PREVIEW_LINES:
        lines[PREVIEW_LINES:] = ["... (all of it: -o FILE)"]
    return "\n".join(lines)


def _as_json(key: Key, value: object) -> str:
    document = {"schema_version": SCHEMA_VERSION, "key": text_key(key), "value": value}
    try:
        return json.dumps(document, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        message = f"JSON has no form for this value ({error}); write it with -o FILE"
        raise Failure(message) from error
