"""Address: which cache is meant where Ray Data's users give none or a name."""

from gridcache.cache import GridCache
from gridcache.published.handle import Handle

__all__ = ["DEFAULT", "handle_of"]

DEFAULT = "ray_data"
"""The namespace that datasets lie in unless another cache is given."""


def handle_of(cache: GridCache | Handle | str | None) -> Handle:
    """The handle of a cache, of a namespace by name, or of Ray Data's own."""
    return Handle.of(cache, DEFAULT)
