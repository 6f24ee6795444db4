"""What the commands about Dask's collections mean unless the options say otherwise."""

from gridcache.cli.published import Published
from gridcache.dask.address import DEFAULT

__all__ = ["COLLECTIONS"]

COLLECTIONS = Published(
    namespace=DEFAULT,
    hint="gridcache.dask.persist(collection, NAME) publishes the first",
    listing="dask gridcache names",
)
