"""GridDatasource: what is published under a name, for Ray Data to read.

Ray Data asks for its tasks when a dataset is made, several times while it is planned,
and once when an execution begins; only then the grid is asked. What the tasks do is
`gridcache.ray_data.readtasks`'s.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from ray.data import DataContext
from ray.data.datasource import Datasource, ReadTask

from gridcache.cache import GridCache
from gridcache.published.handle import Handle
from gridcache.published.texts import checked_name
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.clientcheck import check_not_client
from gridcache.ray_data.manifest import read
from gridcache.ray_data.pieces import cut
from gridcache.ray_data.places import Share
from gridcache.ray_data.readtasks import read_tasks
from gridcache.ray_data.snapshots import Snapshots

if TYPE_CHECKING:
    from gridcache.ray_data.columns import Columns

__all__ = ["GridDatasource"]


class GridDatasource(Datasource):
    """Reads a published dataset: `ray.data.read_datasource(GridDatasource("clean"))`.

    `gridcache.ray_data.load` does the same, on the nodes that have the data.

    Parameters
    ----------
    name
        What the dataset is published under. Each execution reads what the name
        stands for when it begins.
    cache
        Where it lies: a `GridCache`, or the name of one; None for "ray_data".

    Raises
    ------
    NameNotFoundError
        Nothing is published under the name.
    """

    def __init__(
        self, name: str, *, cache: GridCache | Handle | str | None = None
    ) -> None:
        check_not_client()
        handle = handle_of(cache).renewed()
        self._open(Snapshots(handle, read(handle.cache, checked_name(name))), Share())

    @classmethod
    def of(cls, snapshots: Snapshots, share: Share) -> Self:
        """One of several that read a dataset together."""
        made = cls.__new__(cls)
        made._open(snapshots, share)
        return made

    def _open(self, snapshots: Snapshots, share: Share) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._snapshots = snapshots
        self._share = share
        self._columns: Columns = None

    def __gridcache_key__(self) -> tuple[Any, ...]:
        # What is read and not where: plans that read the same have one digest.
        manifest = self._snapshots.latest
        if manifest.plan is not None:
            return "plan", manifest.plan, manifest.version, self._columns
        return "write", manifest.write, self._columns

    @property
    def grid_share(self) -> tuple[int, int]:
        """Which of how many shares of the dataset this reads."""
        return self._share.index, max(1, len(self._share.nodes))

    # -- what Ray Data asks ----------------------------------------------------

    def get_name(self) -> str:
        """As bars and statistics call it, behind "Read"."""
        name, share = self._snapshots.latest.name, self._share
        where = f" on {share.nodes[share.index]}" if share.nodes else ""
        return f"Grid({name}{where})"

    def estimate_inmemory_data_size(self) -> int | None:
        """Bytes of what it reads, as stored."""
        return sum(part.nbytes for _, part in self._share.of(self._snapshots.latest))

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        """About so many tasks, in the order of the dataset.

        Parameters
        ----------
        data_context
            Given when an execution begins, and not while it is planned.
        """
        snapshots = self._snapshots
        begins = data_context is not None
        manifest = snapshots.begin(self._share.index) if begins else snapshots.latest
        pieces = cut(self._share.of(manifest), parallelism)
        if not manifest.parts and manifest.schema and self._share.index == 0:
            pieces = [[]]  # a task that gives the schema alone
        handle, columns = snapshots.handle, self._columns
        return read_tasks(manifest, handle, pieces, columns, per_task_row_limit)

    # -- columns: only those are read that somebody needs ------------------------

    def supports_projection_pushdown(self) -> bool:
        """Say whether this Ray hands columns down as is understood here."""
        return hasattr(Datasource, "get_projection_map")

    def get_projection_map(self) -> dict[str, str] | None:
        """The columns that are read; None: all."""
        return None if self._columns is None else {one: one for one in self._columns}

    def apply_projection(self, projection_map: Mapping[str, str] | None) -> Self:
        """The same with these columns alone."""
        if projection_map is None:
            return self
        before = tuple(projection_map) if self._columns is None else self._columns
        made = type(self).of(self._snapshots, self._share)
        made._columns = tuple(one for one in before if one in projection_map)
        return made
