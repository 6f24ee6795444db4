"""Work: what drivers are asked for, each a function of a `Bench` and numbers.

=============  =============================================================
`persisting`   a dataset that is gone through twice: kept by Ray, or by us
`second_job`   a dataset that an earlier job has kept, or written to files
`epochs`       epochs, with and without a cache that they fill
`locality`     where rows are read
=============  =============================================================
"""

from dataclasses import dataclass
from typing import Any

from gridcache.bench.ray_data.cluster import Seat
from gridcache.bench.ray_data.data import prepared, walks
from gridcache.bench.scale import RayDataScale

__all__ = ["Bench"]


@dataclass(frozen=True, slots=True)
class Bench:
    """What work is done with."""

    seat: Seat
    sizes: RayDataScale

    def walks(self) -> Any:
        """The dataset that does not fit into Ray's object store."""
        return walks(self.sizes.dataset_nbytes, self.sizes.block_nbytes)

    def prepared(self) -> Any:
        """The one whose preprocessing costs something."""
        sizes = self.sizes
        return prepared(
            sizes.epoch_nbytes, sizes.block_nbytes, sizes.batch_rows, sizes.batch_s
        )
