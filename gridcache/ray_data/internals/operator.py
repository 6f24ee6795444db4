"""Operator: stands behind the tasks of a stream, and sees that all have ended well.

On the driver, or in the actor that runs a `streaming_split`. Runs no task itself.
"""

from collections import deque
from typing import Any

from ray.data._internal.execution.interfaces import PhysicalOperator, RefBundle
from ray.data._internal.execution.operators.base_physical_operator import (
    OneToOneOperator,
)
from ray.data.context import DataContext

from gridcache.ray_data.internals.contract import Epoch

__all__ = ["StreamEnd"]


class StreamEnd(OneToOneOperator):
    """Hands Ray blocks on; modelled on `LimitOperator`."""

    def __init__(
        self, stream: PhysicalOperator, context: DataContext, epoch: Epoch, name: str
    ) -> None:
        super().__init__(name, stream, context)
        self._epoch = epoch
        self._waiting: deque[RefBundle] = deque()

    def _add_input_inner(self, refs: RefBundle, input_index: int) -> None:
        del input_index
        self._waiting.append(refs)
        self._metrics.on_output_queued(refs)

    def has_next(self) -> bool:
        """True if there is something to hand on."""
        return bool(self._waiting)

    def _get_next_inner(self) -> RefBundle:
        refs = self._waiting.popleft()
        self._metrics.on_output_dequeued(refs)
        return refs

    def all_inputs_done(self) -> None:
        """No more comes: because all is done, or since nobody wants more.

        What comes after it may have had enough (`take`, `limit`): then the executor
        has marked this operator as finished before it lets the one before it go, and
        the tasks that ran are all that were asked for, not all there are.
        """
        cut_short = self.has_execution_finished()
        super().all_inputs_done()
        if not cut_short and self._all_ended_well():
            self._epoch.whole(self._tasks())

    def _all_ended_well(self) -> bool:
        before = [one for one in self.post_order_iter() if one is not self]
        stream = self.input_dependency.metrics
        # With `max_errored_blocks` Ray Data goes on without what a task failed at.
        return (
            all(one.metrics.num_tasks_failed == 0 for one in before)
            and stream.num_tasks_submitted == stream.num_tasks_finished
        )

    def _tasks(self) -> int:
        return int(self.input_dependency.metrics.num_tasks_submitted)

    def _do_shutdown(self, force: bool = False) -> None:
        super()._do_shutdown(force)
        self._epoch.close(self._tasks())

    def get_stats(self) -> dict[str, Any]:
        """For `Dataset.stats`: what passed counts where it was made."""
        return {self.name: []}

    def num_outputs_total(self) -> int | None:
        """As many as come in."""
        return self.input_dependency.num_outputs_total()

    def num_output_rows_total(self) -> int | None:
        """As many as come in."""
        return self.input_dependency.num_output_rows_total()

    def throttling_disabled(self) -> bool:
        """It makes no Ray blocks, and takes no resources."""
        return True
