"""Act five: what the cache knows about itself."""

from gridcache.cli.demo.analysis import STORE
from gridcache.cli.demo.scene import Claim, Scene, claim_of
from gridcache.cli.demo.stage import Stage
from gridcache.cli.tables.stats import brief_section
from gridcache.units import format_duration

__all__ = ["TITLE", "play"]

TITLE = "Look: the statistics of the first act's cache, over all its processes"


def play(stage: Stage) -> Scene:
    """Show the statistics; they must agree with what the first act did."""
    with stage.open_cache(STORE) as cache:
        stats = cache.stats()
        entries = len(cache)
        report = cache.check()
    own = stats.namespace
    claims = (
        Claim("the number of entries agrees with the list of keys", own.entries == entries),
        Claim("the directory is within its capacity",
              stats.store.directory_nbytes <= stats.store.capacity_nbytes),
        claim_of(report),
    )  # fmt: skip
    lesson = (
        f"The cache counts what it saved: {format_duration(own.saved_s)} of computing."
    )
    return Scene(brief_section(stats), claims, lesson)
