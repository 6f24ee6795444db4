"""The figures of `gridcache.ray_data`: one module each, with `measure(run)` for rows.

A module says what exactly is timed. `gridcache.bench.ray_data.run` runs them.
"""
