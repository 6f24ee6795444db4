"""Spills numbers, and reads them until it is told to end.

Argument: how long parts outlive the driver, in seconds.
"""

from gridcache.published.handle import Handle
from tests.ray_data.kit.joining import hear, run, say


def main(handle: Handle, tenure_s: str) -> None:
    from gridcache.ray_data import datasink  # noqa: PLC0415 - imports Ray
    from gridcache.ray_data.spilling import spill  # noqa: PLC0415 - imports Ray
    from tests.ray_data.kit.blocks import numbers  # noqa: PLC0415 - imports Ray

    datasink.TTL_S = float(tenure_s)  # type: ignore[attr-defined]
    spilled = spill(numbers(40, 4), cache=handle)
    say(sum(row["id"] for row in spilled.take_all()))
    hear()


if __name__ == "__main__":
    run(main)
