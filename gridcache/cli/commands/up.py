"""`grid up`."""

import time
from typing import TYPE_CHECKING

import click

from gridcache.cli.examples import examples
from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.grid_session import join_grid
from gridcache.cli.options import Options, command_options
from gridcache.cli.ray.head import find_head, start_head
from gridcache.cli.ray.launch import launch, launcher_text
from gridcache.cli.ray.running import running_ray
from gridcache.cli.render import emit, say
from gridcache.cli.report import Report
from gridcache.cli.session import cluster_config, load_settings
from gridcache.cli.spinner import waiting
from gridcache.cli.tables.nodes import grid_section, nodes_section
from gridcache.cluster_config.launcher import start_labels

if TYPE_CHECKING:
    from gridcache.cluster.actors.grid import Grid
    from gridcache.cluster.actors.status import GridStatus
    from gridcache.cluster_config import ClusterConfig

__all__ = ["command"]

LOOPBACK = "127.0.0.1"
LOOK_S = 0.2
SETTLE_S = 60.0
"""A node's actor takes seconds to start; longer ones are shown as they are."""
UNSEEN_S = 5.0
"""A grid just made names no node until it has looked; this is many looks."""


@click.command(
    "up",
    epilog=examples(
        "grid up",
        "grid up --config config/laptop.yaml",
        "grid up --config config/cluster.yaml --print > launcher.yaml",
    ),
)
@click.option(
    "--print", "show", is_flag=True, help="Print the file for `ray up` and do nothing."
)
@command_options
def command(options: Options, *, show: bool) -> None:
    """Join the nodes to a grid, and start Ray where none runs.

    A Ray that runs is joined. Where none does, one is started on this machine, or, with
    a cluster file of several machines, on all of them by Ray's cluster launcher. The
    default store keeps its entries and becomes this node's. Can be repeated.
    """
    config = cluster_config(options)
    if show:
        click.echo(launcher_text(config), nl=False)
        return
    _ensure_ray(options, config)
    with waiting(options, "the nodes join") as told:
        grid = join_grid(options, config, create=True, progress=told)
        try:
            status = _settled(grid, config)
        finally:
            grid.close()
    sections = (grid_section(status), nodes_section(status.nodes))
    emit(
        Report(sections, "`grid down` ends it; the stores keep their entries"), options
    )


def _settled(grid: "Grid", config: "ClusterConfig") -> "GridStatus":
    """Wait until every node serves, or it is known why it does not."""
    wanted = {node.name for node in config.giving}
    began = time.monotonic()
    while True:
        status, waited_s = grid.status(), time.monotonic() - began
        named = {node.name for node in status.nodes}
        begun = {node.name for node in status.nodes if node.state != "starting"}
        looked = bool(named) or waited_s > UNSEEN_S
        if (looked and named | wanted <= begun) or waited_s > SETTLE_S:
            return status
        time.sleep(LOOK_S)


def _ensure_ray(options: Options, config: "ClusterConfig") -> None:
    """Start Ray unless one runs, or the file names one."""
    directory = load_settings(options).directory
    if config.gridcache.ray_address not in ("auto", "local"):
        return
    if find_head(directory) or running_ray():
        return
    if len(config.nodes) > 1:
        _launch(options, config)
        return
    head = config.head
    with waiting(options, "Ray starts"):
        labels = start_labels(head) if head else ""
        start_head(directory, host=LOOPBACK, labels=labels)


def _launch(options: Options, config: "ClusterConfig") -> None:
    """Start Ray on all machines of the file."""
    say("ray up, for the nodes of the cluster file:")
    launch(config)
    if running_ray() is None and config.head is not None:
        message = (
            "Ray runs on the machines of the file now, but this one is none of them: "
            f"run `grid up --config {options.config}` on {config.head.host}"
        )
        raise Failure(message, ExitCode.NO_STORE)
