"""`grid bench`: the proof of the figures, measured in one run on one machine.

=============  =============================================================
`command`      arguments in, a table or JSON out
`run`          which figures make a benchmark; the loop over them
`figures`      one module each: what is timed, beside whom, with which goal
`rivals`       what is measured beside gridcache, where it is installed
`timing`       interleaved rounds
`scale`        how much
`place`        a private directory, removed whatever happens
`result`       series, goals, rows; `compare` makes rows of series
`table`        rows for people; `document` for programs
`machine`      what it was measured on
=============  =============================================================
"""

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments name; see `gridcache.bench.command`."""
    from gridcache.bench.command import main as run  # noqa: PLC0415 - heavy

    return run(arguments)
