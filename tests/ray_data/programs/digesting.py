"""Says the digests of plans, as another job has them."""

from typing import Any

from gridcache.published.handle import Handle
from tests.ray_data.kit.joining import run, say
from tests.ray_data.kit.plans import load


def main(_: Handle, source: str) -> None:
    from gridcache.ray_data.plans import plan_digest  # noqa: PLC0415 - imports Ray

    made: Any = load(source).plans()
    say(" ".join(map(str, map(plan_digest, made))))


if __name__ == "__main__":
    run(main)
