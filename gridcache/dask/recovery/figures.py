"""Figures: what recovery did on one worker."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["PLUGIN", "Figures", "recovery_figures"]

PLUGIN = "gridcache-recovery"
"""Under which name workers keep the plugin."""


@dataclass(slots=True)
class Figures:
    """Counters since the plugin was set up; only the event loop writes them."""

    reads: int = 0
    """Spilled blocks read beside the event loop."""
    read_s: float = 0.0
    """Seconds that took, over all threads."""
    lost: int = 0
    """Blocks that could not be read and were given up for recomputation."""
    rescheduled: int = 0
    """Tasks sent back to the scheduler because an input was lost."""
    hopeless: int = 0
    """Blocks not computed again: scattered data, or lost every time."""
    off: str = ""
    """Why recovery is off; empty if it is on."""


def recovery_figures(dask_worker: Any) -> dict[str, Any] | None:
    """Figures of one worker, for `client.run`; None without the plugin."""
    plugin = dask_worker.plugins.get(PLUGIN)
    return None if plugin is None else asdict(plugin.figures(dask_worker))
