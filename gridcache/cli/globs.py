"""Keys that match a glob."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gridcache.keys import text_key

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["literal_prefix", "matching_keys"]

WILD = "*?["


def literal_prefix(glob: str) -> str:
    """Text before the first wildcard: what the index can look up by itself.

    >>> literal_prefix("user:4*:name")
    'user:4'
    """
    end = min((glob.find(c) for c in WILD if c in glob), default=len(glob))
    return glob[:end]


def matching_keys(cache: "GridCache", glob: str) -> Iterator[str]:
    """Texts of the keys that match, in the order of the index."""
    keys = map(text_key, cache.keys(prefix=literal_prefix(glob)))
    return (key for key in keys if fnmatchcase(key, glob))
