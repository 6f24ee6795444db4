"""All subjects in their order; a check that itself fails is a finding too."""

from collections.abc import Callable, Iterable, Iterator

from gridcache.cli.doctor.dask import check_dask
from gridcache.cli.doctor.extras import check_extras
from gridcache.cli.doctor.finding import Finding, fail
from gridcache.cli.doctor.limits import check_limits
from gridcache.cli.doctor.memory import check_memory
from gridcache.cli.doctor.permissions import check_permissions
from gridcache.cli.doctor.ray import check_ports, check_ray
from gridcache.cli.doctor.ray_data import check_ray_data
from gridcache.cli.doctor.remove_ipc import check_remove_ipc
from gridcache.cli.doctor.stores import check_stores
from gridcache.cli.doctor.versions import check_versions
from gridcache.config import Config
from gridcache.errors import GridCacheError

__all__ = ["CHECKS", "examine"]

CHECKS: tuple[Callable[[Config], Iterable[Finding]], ...] = (
    check_versions,
    check_memory,
    check_permissions,
    check_remove_ipc,
    check_limits,
    check_stores,
    check_extras,
    check_ray,
    check_ports,
    check_ray_data,
    check_dask,
)


def examine(config: Config) -> Iterator[Finding]:
    """Give every finding about this machine."""
    for check in CHECKS:
        try:
            yield from check(config)
        except (GridCacheError, OSError) as error:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            yield fail(name, str(error), "see the text")
