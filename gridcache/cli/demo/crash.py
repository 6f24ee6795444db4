"""Act four: writers killed in the middle of a write."""

import signal
import subprocess
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from gridcache.cli.demo.scene import Claim, Scene, claim_of
from gridcache.cli.demo.stage import Stage, child_command
from gridcache.cli.report import Column, Kind, Section
from gridcache.units import format_duration

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["TITLE", "play"]

TITLE = "Crash: kill writers (kill -9) in the middle of writing"

STORE = "crash"
CAPACITY_NBYTES = 192 * 2**20
VALUE_NBYTES = 4 * 2**20
"""Some milliseconds of writing: a signal sent at the start of a put lands inside."""
FIT = 48
"""So many values fit with room to spare: eviction would be another reason to miss."""
KILLS = 5
ENTRIES_BEFORE_KILL = 4

COLUMNS = (
    Column("writer", Kind.COUNT),
    Column("acknowledged", Kind.COUNT, "values acknowledged"),
    Column("intact", Kind.COUNT, "of these intact afterwards"),
    Column("cut_short", Kind.TEXT, "the value it was writing"),
    Column("next_put_s", Kind.SECONDS, "next put, by another process"),
)


@dataclass(slots=True)
class Victim:
    """What a killed writer had said."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    """Digest of the value by key, once its put had returned."""
    begun: tuple[str, str] = ("", "")
    """Key and digest of the value it was writing as it was killed."""


def play(stage: Stage) -> Scene:
    """Kill writers, then look at every value and at the whole store."""
    rows: list[tuple[int, int, int, str, float]] = []
    capacity_nbytes = min(CAPACITY_NBYTES, stage.room_nbytes)
    value_nbytes = min(VALUE_NBYTES, capacity_nbytes // FIT)
    with stage.borrowed_cache(STORE, capacity=capacity_nbytes) as cache:
        for number in stage.follow(range(1, KILLS + 1), "killing writers"):
            victim = _kill_a_writer(stage, number, value_nbytes)
            rows.append(_inspect(cache, number, victim))
        report = cache.check()
    written = sum(row[1] for row in rows)
    intact = sum(row[2] for row in rows)
    claims = (
        Claim(f"all {written} acknowledged values are intact", intact == written),
        Claim(
            "no half-written value can be read", all(row[3] != "BROKEN" for row in rows)
        ),
        claim_of(report),
    )
    slowest = max(row[4] for row in rows)
    lesson = (
        f"{KILLS} writers died in the middle of a write: nothing acknowledged was lost, "
        f"and the next put waited {format_duration(slowest)} at most."
    )
    return Scene(Section("crash", COLUMNS, rows), claims, lesson)


def _kill_a_writer(stage: Stage, number: int, value_nbytes: int) -> Victim:
    path = stage.directory / STORE
    command = child_command("crash_child", path, number, value_nbytes)
    victim = Victim()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603
        for line in writer.stdout or ():
            word, key, digest = line.split()
            if word == "done":
                victim.acknowledged[key] = digest
            else:
                victim.begun = key, digest
                if len(victim.acknowledged) == ENTRIES_BEFORE_KILL:
                    break
        writer.send_signal(signal.SIGKILL)
    return victim


def _inspect(
    cache: "GridCache", number: int, victim: Victim
) -> tuple[int, int, int, str, float]:
    start = time.perf_counter()
    cache[f"after:{number}"] = b"the store goes on"
    next_put_s = time.perf_counter() - start
    intact = sum(_digest_of(cache, k) == d for k, d in victim.acknowledged.items())
    key, digest = victim.begun
    cut = {None: "absent", digest: "whole"}.get(_digest_of(cache, key), "BROKEN")
    return number, len(victim.acknowledged), intact, cut, next_put_s


def _digest_of(cache: "GridCache", key: str) -> str | None:
    value = cache.get(key)
    return None if value is None else blake2b(value, digest_size=16).hexdigest()
