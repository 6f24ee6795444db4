"""`grid doctor`."""

import click

from gridcache.cli.doctor.cluster import check_cluster_file
from gridcache.cli.doctor.examine import examine
from gridcache.cli.doctor.finding import Finding, Status
from gridcache.cli.failures import Failure
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.report import Column, Report, Section
from gridcache.cli.session import cluster_config, load_settings

__all__ = ["command"]

COLUMNS = (Column("status"), Column("subject"), Column("text"), Column("cure"))


@click.command("doctor")
@command_options
def command(options: Options) -> None:
    """Look for what is wrong or missing on this machine.

    Versions, shared memory, permissions, logind's RemoveIPC, processes that stand
    still in a store, limits, extras, Ray with its token and ports, Ray Data and Dask;
    with --config the hosts of the file's nodes. Exit 1 if any line is fail.
    """
    findings = list(examine(load_settings(options)))
    if options.config:
        findings += check_cluster_file(cluster_config(options))
    rows = [(str(one.status), one.subject, one.text, one.cure) for one in findings]
    emit(Report((Section("findings", COLUMNS, rows),)), options)
    failed = [one for one in findings if one.status is Status.FAIL]
    if failed:
        raise Failure(_summary(failed))


def _summary(failed: list[Finding]) -> str:
    first = failed[0]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return f"{first.subject}: {first.text}; cure: {first.cure}{more}"
