"""Jupyter and IPython: `%%grid_cache`, `%grid_stats`, `%grid_keys`, and HTML.

A cell is parsed and analysed (`cell`, `flow`, `names`), keyed by what it reads
(`inputs`), run with its output recorded (`run`, `marks`, `recorder`) and restored
(`kept`); `magics` is what IPython calls. `html` needs no IPython.
"""

from typing import Any

__all__ = ["load_ipython_extension"]


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics: what `%load_ext gridcache` calls."""
    from gridcache.notebook.magics import (  # noqa: PLC0415 - loads IPython
        GridCacheMagics,
    )

    ipython.register_magics(GridCacheMagics)
