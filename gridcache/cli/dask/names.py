"""`dask gridcache names`."""

import click

from gridcache.cli.dask.opening import opened
from gridcache.cli.dask.tables import names_report
from gridcache.cli.examples import examples
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.dask.describe import NameInfo
from gridcache.dask.loading import info, names
from gridcache.errors import GridCacheError

__all__ = ["command"]


@click.command(
    "names",
    epilog=examples(
        "dask gridcache names",
        "dask gridcache names --json | jq '.names[].name'",
    ),
)
@command_options
def command(options: Options) -> None:
    """List the collections that are published, and how much of each is there.

    `present` below `partitions` means that a collection cannot be read whole. Nodes
    are those that stored it.
    """
    with opened(options) as cache:
        found = [_info(name, cache) for name in names(cache=cache)]
    emit(names_report(one for one in found if one is not None), options)


def _info(name: str, cache: object) -> NameInfo | None:
    try:
        return info(name, cache=cache)  # type: ignore[arg-type]
    except GridCacheError:
        return None  # released since, or another version's
