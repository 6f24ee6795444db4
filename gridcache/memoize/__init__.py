"""`@grid_cache`: a function whose results are kept and shared.

===========  =================================================================
`decorator`  what a user writes, with all options
`function`   what stands in the function's place: calls, `map`, `refresh`, ...
`coroutine`  the same for `async def`
`remote`     the same for `ray.remote`
`core`       one call: find, or compute once and store
`keymaker`   the key of a call: the function's fingerprint, the arguments' digest
`memo`       the keys of calls with scalar arguments, once made
`binder`     arguments as the signature binds them
`options`    the settings, checked
`travel`     how it is pickled
`explain`    why it runs again
===========  =================================================================
"""

from gridcache.memoize.core import CacheInfo
from gridcache.memoize.decorator import grid_cache
from gridcache.memoize.function import CachedFunction

__all__ = ["CacheInfo", "CachedFunction", "grid_cache"]
