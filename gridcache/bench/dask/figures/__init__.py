"""The figures of `gridcache.dask`: one module each, with `measure(run)` for its rows.

A module says what exactly is timed. `gridcache.bench.dask.run` runs them.
"""
