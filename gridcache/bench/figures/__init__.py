"""The figures: one module each, with `measure(run)` giving its rows.

A module says what exactly is timed. `gridcache.bench.run` knows which figures
make a benchmark, and runs them.
"""
