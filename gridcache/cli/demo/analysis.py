"""Act one: the standard library through a cached function, cold and warm."""

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from gridcache.cli.demo.scene import Claim, Scene
from gridcache.cli.demo.source_facts import (
    Analyser,
    Facts,
    cached_analyser,
    standard_library,
)
from gridcache.cli.demo.stage import Stage, run_child
from gridcache.cli.report import Column, Kind, Section

__all__ = ["TITLE", "describe", "play", "timed"]

TITLE = "Compute once: parse every source file of Python's standard library"

STORE = "main"
CAPACITY = "32MiB"

COLUMNS = (
    Column("run"),
    Column("files", Kind.COUNT),
    Column("seconds", Kind.SECONDS, "time"),
    Column("speed_up", Kind.FACTOR, "speed-up"),
)


def play(stage: Stage) -> Scene:
    """Analyse cold, warm, and warm in a new process; compare what they found."""
    files = standard_library()
    with stage.open_cache(STORE, capacity=CAPACITY) as cache:
        analyser = cached_analyser(cache)
        cold_s, cold = timed(analyser, stage.follow(files, "parsing, cold"))
        warm_s, warm = timed(analyser, files)
        other = run_child("analysis_child", stage.directory / STORE)
        puts = cache.stats().namespace.puts
    other_s = other["seconds"]
    rows = [
        ("first: computed", len(files), cold_s, 1.0),
        ("second: from the cache", len(files), warm_s, cold_s / warm_s),
        ("third: in a new process", other["files"], other_s, cold_s / other_s),
    ]
    claims = (
        Claim(
            "all three runs found the same",
            warm == cold and other["found"] == describe(cold),
        ),
        Claim("the second and third run computed nothing", puts == len(files)),
        Claim("reading was faster than computing", max(warm_s, other_s) < cold_s),
    )
    lesson = (
        f"A cached function answered {cold_s / warm_s:,.0f} x faster the second time and "
        f"{cold_s / other_s:,.0f} x in another process. ({describe(cold)}.)"
    )
    return Scene(Section("analysis", COLUMNS, rows), claims, lesson)


def timed(analyser: Analyser, files: Iterable[Path]) -> tuple[float, list[Facts]]:
    """Analyse files; returns the seconds and the facts in order."""
    start = time.perf_counter()
    facts = [analyser(str(path), path.stat().st_mtime_ns) for path in files]
    return time.perf_counter() - start, facts


def describe(facts: list[Facts]) -> str:
    """What was found, in one line."""
    functions = sum(one["functions"] for one in facts)
    documented = sum(one["documented"] for one in facts) / max(functions, 1)
    lines, name = max((one["longest"] for one in facts), default=(0, ""))
    imported = Counter(module for one in facts for module in one["imports"])
    favourite = imported.most_common(1)[0][0] if imported else "nothing"
    return (
        f"{sum(one['lines'] for one in facts):,} lines, {functions:,} functions of which "
        f"{documented:.0%} have a docstring, the longest is {name} with {lines} lines, "
        f"the most imported module is {favourite}"
    )
