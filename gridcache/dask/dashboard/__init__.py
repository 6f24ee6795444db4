"""Dashboard: a page of Dask's scheduler about what lies in gridcache.

::

    distributed:
      scheduler:
        http:
          routes: [..., gridcache.dask.dashboard]

`/gridcache` for people, `/gridcache.json` for programs: published names, bytes of each
node, hits and misses, and what each worker has spilled. A running scheduler gets it by
`add_routes`. Needs no bokeh. Nothing is read or asked unless somebody looks.
"""

from gridcache.dask.dashboard.handlers import add_routes, install, routes

__all__ = ["add_routes", "install", "routes"]
