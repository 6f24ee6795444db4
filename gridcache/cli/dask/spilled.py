"""`dask gridcache spilled`."""

from typing import Any

import click
import dask

from gridcache.cli.dask.tables import STOCK, spilled_report
from gridcache.cli.examples import examples
from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit

__all__ = ["command"]

_CONNECT_S = 5


@click.command(
    "spilled",
    epilog=examples(
        "dask gridcache spilled --scheduler tcp://10.0.0.1:8786",
        "DASK_SCHEDULER_ADDRESS=tcp://10.0.0.1:8786 dask gridcache spilled --json",
    ),
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Dask's scheduler [Dask's setting scheduler-address].",
)
@command_options
def command(options: Options, scheduler: str | None) -> None:
    """Show what each worker has in memory and where it has spilled to.

    Own node: the store of the worker's node. Other nodes: idle memory elsewhere.
    Fell: values that no memory took, which went to disk or stayed. Lost: spilled
    blocks that were lost and computed again.
    """
    address = scheduler or dask.config.get("scheduler-address", None)
    if not address:
        message = (
            "which scheduler? --scheduler tcp://HOST:8786, or the environment's "
            "DASK_SCHEDULER_ADDRESS"
        )
        raise Failure(message, ExitCode.USAGE)
    workers, recovery, spills = _asked(address)
    report = spilled_report(workers, recovery)
    emit(report, options)
    if workers and not spills:
        click.echo(STOCK, err=True)


def _asked(address: str) -> tuple[dict[str, Any], dict[str, Any], bool]:
    from distributed import Client  # noqa: PLC0415 - a second that --help needs not

    from gridcache.dask.recovery import recovery_figures  # noqa: PLC0415 - as above
    from gridcache.dask.spill import spilled  # noqa: PLC0415 - as above

    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        message = (
            f"no scheduler answers at {address}: {error}. Is it running there, and "
            f"its port open to this machine?"
        )
        raise Failure(message, ExitCode.NO_STORE) from error
    with client:
        try:
            workers = dict(spilled(client))
        except ModuleNotFoundError as error:
            message = f"the workers at {address} have no gridcache ({error})"
            raise Failure(message) from error
        recovery = client.run(recovery_figures, on_error="ignore")
        spills = client.run(_spills, on_error="ignore")
    return workers, dict(recovery), any(spills.values())


def _spills(dask_worker: Any) -> bool:
    from gridcache.dask.spill.buffer import tiers_of  # noqa: PLC0415 - distributed

    return tiers_of(dask_worker.data) is not None
