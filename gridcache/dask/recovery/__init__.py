"""Recovery: a spilled block that is lost is computed again.

Without it a block that a worker spilled and cannot read back fails every task that
needs it (`KeyError`), although the scheduler knows how to make it. The plugin
(`plugin`) reads spilled inputs in threads before a task runs (`reader`), and turns
what cannot be read into a recomputation (`losses`). It leans on names of distributed
that are not public; `hooks` checks them, and without them it stays off.

Not here: where blocks are spilled to (`gridcache.dask.spill`).
"""

from gridcache.dask.recovery.figures import Figures, recovery_figures
from gridcache.dask.recovery.plugin import RecoveryPlugin

__all__ = ["Figures", "RecoveryPlugin", "recovery_figures"]
