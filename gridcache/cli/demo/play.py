"""Plays the acts in their order and shows each as it ends."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from gridcache.cli.demo import analysis, crash, eviction, sharing, statistics
from gridcache.cli.demo.scene import Scene
from gridcache.cli.demo.stage import Stage, set_stage
from gridcache.cli.styled import table_of
from gridcache.units import format_duration

__all__ = ["ACTS", "Act", "Played", "play_all"]


@dataclass(frozen=True, slots=True)
class Act:
    """One act."""

    title: str
    play: Callable[[Stage], Scene]


@dataclass(frozen=True, slots=True)
class Played:
    """An act and how it went."""

    title: str
    scene: Scene
    seconds: float


ACTS = tuple(
    Act(module.TITLE, module.play)
    for module in (analysis, sharing, eviction, crash, statistics)
)


def play_all(
    console: Console, *, progress: bool, show: bool, grid: bool = False
) -> list[Played]:
    """Play every act on a private stage.

    Parameters
    ----------
    console
        For the scenes; bars go to stderr.
    progress
        Show bars while an act plays.
    show
        Print each scene; without it the caller has the results alone.
    grid
        Play those on two simulated nodes instead.
    """
    played: list[Played] = []
    bars = _bars(progress=progress)
    with bars, set_stage(bars) as stage:
        for one in _on_grid(stage, bars) if grid else _alone(stage):
            played.append(one)
            if show:
                title = f"\n{len(played)}. {one.title}"
                console.print(Text(title, style="bold"))
                _show(console, one.scene)
    if show:
        _show_summary(console, played)
    return played


def _alone(stage: Stage) -> Iterator[Played]:
    for act in ACTS:
        start = time.perf_counter()
        scene = act.play(stage)
        yield Played(act.title, scene, time.perf_counter() - start)


def _on_grid(stage: Stage, bars: Progress) -> Iterator[Played]:
    from gridcache.cli.demo.grid.show import act_count, scenes  # noqa: PLC0415

    task = bars.add_task("two Ray nodes start", total=act_count)
    for title, scene, seconds in scenes(stage):
        bars.update(task, advance=1, description=title)
        yield Played(title, scene, seconds)


def _bars(*, progress: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("   {task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not (progress and console.is_terminal),
    )


def _show(console: Console, scene: Scene) -> None:
    console.print(table_of(scene.section, lined=console.is_terminal))
    for claim in scene.claims:
        mark, style = ("ok", "green") if claim.held else ("FAILED", "bold red")
        console.print(Text("   ").append(mark, style).append(f"  {claim.text}"))


def _show_summary(console: Console, played: list[Played]) -> None:
    seconds = sum(one.seconds for one in played)
    held = all(one.scene.held for one in played)
    console.print(Text("\nWhat you have seen", style="bold"))
    for number, one in enumerate(played, 1):
        console.print(Text(f"   {number}. {one.scene.lesson}"))
    end = "every claim held" if held else "SOME CLAIMS DID NOT HOLD"
    console.print(
        Text(
            f"\n   {end}; {format_duration(seconds)} in all, on a private store that is "
            "gone now.\n   Next: README.md, or `grid put hello README.md; grid stats`."
        )
    )
