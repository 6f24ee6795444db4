"""`grid config`."""

from dataclasses import fields
from pathlib import Path

import click

from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.report import Column, Report, Section
from gridcache.cli.session import load_settings
from gridcache.config import Config

__all__ = ["command"]

BRIEF = (Column("setting"), Column("value"))
FULL = (*BRIEF, Column("origin"))


@click.group("config")
def command() -> None:
    """Show the settings and where each comes from."""


@command.command("show")
@click.option("--origin", is_flag=True, help="And where each value comes from.")
@command_options
def show(options: Options, *, origin: bool) -> None:
    """Show every setting as it holds here.

    A flag wins over the environment (GRIDCACHE_CAPACITY=4GiB), that over the
    configuration file, that over the default.
    """
    config = load_settings(options)
    names = [one.name for one in fields(Config) if one.name != "origins"]
    rows = [
        (name, _value(getattr(config, name)), _origin(config, name)) for name in names
    ]
    columns = FULL if origin else BRIEF
    cut = [row[: len(columns)] for row in rows]
    emit(Report((Section("settings", columns, cut),)), options)


def _value(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _origin(config: Config, name: str) -> str:
    return config.origins.get(name, "default")
