"""Stream: the transform by which a task's Ray blocks go through the tap.

Ray Data fuses operators by joining their transforms into one list, which is run as a
chain of iterators: the last one pulls. To leave the work of a task out, its Ray blocks
being known, a transform must not pull, and yet has to know what the first of the list
would begin with. So it takes those before it in (`around`), once Ray Data has fused.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ray.data._internal.execution.interfaces import TaskContext
from ray.data._internal.execution.operators.map_operator import MapOperator
from ray.data._internal.execution.operators.map_transformer import (
    BlockMapTransformFn,
    MapTransformFn,
)
from ray.data._internal.logical.interfaces import Plan, Rule
from ray.data._internal.logical.rules import FuseOperators

from gridcache.ray_data.internals.contract import Epoch

__all__ = ["StreamFn", "TakeIn"]


class StreamFn(BlockMapTransformFn):
    """Hands Ray blocks on one by one, through an epoch."""

    def __init__(self, epoch: Epoch, inner: tuple[MapTransformFn, ...] = ()) -> None:
        super().__init__(
            partial(_streamed, epoch, inner),
            # They pass as they come; an empty one as well.
            disable_block_shaping=True,
            should_report_custom_op_stats=True,
        )
        self._epoch = epoch
        self._inner = inner

    def around(self, before: list[MapTransformFn]) -> "StreamFn":
        """The same, with what comes before it in the task as a part of it."""
        return StreamFn(self._epoch, (*before, *self._inner))

    def override_target_max_block_size(self, target_max_block_size: int | None) -> None:
        """Ray Data tells the last transform how large its Ray blocks are to be."""
        if self._inner:
            self._inner[-1].override_target_max_block_size(target_max_block_size)

    def __repr__(self) -> str:
        return f"StreamFn({', '.join(map(repr, self._inner))})"


def _streamed(
    epoch: Epoch,
    inner: tuple[MapTransformFn, ...],
    blocks: Iterable[Any],
    context: TaskContext,
    report: Callable[[Any], None],
) -> Iterator[Any]:
    # What a task gets lies in Ray's object store, whether it is looked at or not.
    inputs = list(blocks) if inner else None

    def make() -> Iterable[Any]:
        data: Iterable[Any] = blocks if inputs is None else iter(inputs)
        for transform in inner:
            data = transform(data, context, report)
        return data

    return epoch.stream(context.task_idx, inputs, make)


class TakeIn(Rule):
    """After fusion each stream takes in what comes before it in its tasks."""

    @classmethod
    def dependencies(cls) -> list[type[Rule]]:
        """Rules that run before."""
        return [FuseOperators]

    def apply(self, plan: Plan) -> Plan:
        """Change the transforms of a plan that nobody else has."""
        for operator in plan.dag.post_order_iter():
            if isinstance(operator, MapOperator):
                _take_in(operator.get_map_transformer().get_transform_fns())
        return plan


def _take_in(transforms: list[Any]) -> None:
    for index, one in enumerate(transforms):
        if isinstance(one, StreamFn):
            transforms[: index + 1] = [one.around(transforms[:index])]
            return
