"""`grid down`."""

from pathlib import Path

import click

from gridcache.cli.examples import examples
from gridcache.cli.grid_session import join_grid
from gridcache.cli.options import Options, command_options
from gridcache.cli.ray.head import find_head, stop_head
from gridcache.cli.ray.launch import tear_down
from gridcache.cli.render import emit, say
from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cli.session import cluster_config, load_settings
from gridcache.cli.spinner import waiting
from gridcache.errors import GridCacheError, NoAvailableNodesError

__all__ = ["command"]

COLUMNS = (
    Column("grid"),
    Column("nodes", Kind.COUNT, "nodes ended"),
    Column("ray", label="Ray"),
)

KEPT = (
    "the stores keep their entries; `grid stores` lists them, `grid rm-store` gives "
    "their memory back"
)


@click.command(
    "down",
    epilog=examples("grid down", "grid down --config config/cluster.yaml --machines"),
)
@click.option("--machines", is_flag=True, help="End Ray on the file's machines too.")
@command_options
def command(options: Options, *, machines: bool) -> None:
    """End the grid, and the Ray that `grid up` started on this machine.

    A Ray that somebody else started goes on. The stores stay where they are, with all
    their entries, and the next `grid up` finds them.
    """
    config = cluster_config(options)
    nodes = _end_grid(options)
    with waiting(options, "Ray ends"):
        ray = _end_ray(load_settings(options).directory)
    if machines:
        tear_down(config)
        ray = "ended on all machines"
    row = (config.gridcache.grid, nodes, ray)
    emit(Report((Section("down", COLUMNS, [row], single=True),), KEPT), options)


def _end_grid(options: Options) -> int:
    """End the actors; 0 where none run."""
    try:
        with waiting(options, "the nodes end"):
            return _stop(options)
    except NoAvailableNodesError:
        return 0
    except GridCacheError as error:
        if find_head(load_settings(options).directory) is None:
            raise
        say(f"the grid did not end in order: {error}")  # with its Ray it ends anyway
        return 0


def _stop(options: Options) -> int:
    grid = join_grid(options, cluster_config(options))
    try:
        count = len(grid.nodes())
        grid.stop()
    finally:
        grid.close()
    return count


def _end_ray(directory: Path) -> str:
    if find_head(directory) is None:
        return "left as it is: not started by `grid up`"
    stop_head(directory)
    return "ended"
