"""The figures of the grid: one module each, with `measure(run)` giving its rows.

A module says what exactly is timed. `gridcache.bench.grid.run` runs them.
"""
