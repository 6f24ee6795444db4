"""What the commands mean unless the options say otherwise."""

from gridcache.cli.published import Published
from gridcache.ray_data.address import DEFAULT

__all__ = ["DATASETS"]

DATASETS = Published(
    namespace=DEFAULT,
    hint="gridcache.ray_data.persist(dataset, NAME) publishes the first",
    listing="grid ray-data names",
)
