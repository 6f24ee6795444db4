"""Logical: the operator in a dataset's plan, and how Ray Data plans it.

What is decided at the start of each execution, on the driver or in the actor that runs
a `streaming_split`: read what stands, or stream. A plan of the first kind has nothing
of what comes before in it, a plan of the second kind takes the transform of the stream
into the tasks that make the Ray blocks.
"""

from dataclasses import dataclass, field
from typing import Any

from ray.data import Dataset
from ray.data._internal.execution.interfaces import PhysicalOperator
from ray.data._internal.execution.operators.actor_pool_map_operator import (
    ActorPoolMapOperator,
)
from ray.data._internal.execution.operators.map_operator import MapOperator
from ray.data._internal.execution.operators.map_transformer import MapTransformer
from ray.data._internal.execution.operators.task_pool_map_operator import (
    TaskPoolMapOperator,
)
from ray.data._internal.logical.interfaces import (
    LogicalOperatorPreservesSchema,
    LogicalPlan,
    PhysicalPlan,
)
from ray.data._internal.logical.operators.one_to_one_operator import AbstractOneToOne
from ray.data._internal.logical.optimizers import get_physical_ruleset
from ray.data._internal.logical.rules import SetReadParallelismRule
from ray.data._internal.planner import create_planner
from ray.data._internal.planner.planner import Planner
from ray.data.block import BlockMetadata
from ray.data.context import DataContext

from gridcache.ray_data.internals.contract import Epoch, Tap
from gridcache.ray_data.internals.operator import StreamEnd
from gridcache.ray_data.internals.stream import StreamFn, TakeIn

__all__ = ["Stream", "probe", "streamed"]

_USED = (
    (Dataset, "_from_parent"),
    (MapOperator, "create"),
    (MapTransformer, "add_transform_fns"),
    (MapTransformer, "get_transform_fns"),
    (PhysicalOperator, "all_inputs_done"),
    (PhysicalOperator, "has_execution_finished"),
    (PhysicalOperator, "set_logical_operators"),
    (Planner, "_plan_recursively"),
)


@dataclass(frozen=True, repr=False, eq=False)
class Stream(AbstractOneToOne, LogicalOperatorPreservesSchema):
    """Rows pass, all of them: no limit, filter or choice of columns is pushed by."""

    tap: Tap
    input_dependencies: list[Any] = field(repr=False, kw_only=True)
    # Not true: keeps a limit from being pushed through, which then would cut what is
    # stored.
    can_modify_num_rows: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_name", self.tap.name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # In the actor of a `streaming_split`, whose Ray Data does not know it yet.
        register()
        self.__dict__.update(state)

    def infer_metadata(self) -> BlockMetadata:
        """Of what passes."""
        passes: BlockMetadata = self.input_dependencies[0].infer_metadata()
        return passes


def streamed(dataset: Dataset, tap: Tap) -> Dataset:
    """See `gridcache.ray_data.internals.gate`."""
    register()
    operator = Stream(tap, input_dependencies=[dataset._logical_plan.dag])
    return Dataset._from_parent(dataset, LogicalPlan(operator, dataset.context))


def probe() -> None:
    """Look at what is used and cannot be imported.

    Raises
    ------
    AttributeError, TypeError
        It is not there, or something else.
    """
    for owner, name in _USED:
        getattr(owner, name)
    dict(Planner._DEFAULT_PLAN_FNS)
    iter(get_physical_ruleset())


def register() -> None:
    """Make the operator known to the Ray Data of this process."""
    Planner._DEFAULT_PLAN_FNS.setdefault(Stream, _plan)
    if TakeIn not in get_physical_ruleset():
        get_physical_ruleset().add(TakeIn)


def _plan(
    operator: Stream, children: list[PhysicalOperator], context: DataContext
) -> PhysicalOperator:
    standing = operator.tap.standing()
    if standing is not None:
        return _planned(standing, context)
    epoch = operator.tap.begin()
    stream = _with_stream(children[0], epoch, operator.name, context)
    return StreamEnd(stream, context, epoch, operator.name)


def _with_stream(
    operator: PhysicalOperator, epoch: Epoch, name: str, context: DataContext
) -> PhysicalOperator:
    """The operator whose tasks store what they make; one of its own if need be."""
    if isinstance(operator, TaskPoolMapOperator | ActorPoolMapOperator):
        operator.get_map_transformer().add_transform_fns([StreamFn(epoch)])
        return operator
    return MapOperator.create(
        MapTransformer([StreamFn(epoch)]),
        operator,
        context,
        name=name,
        supports_fusion=False,
    )


def _planned(dataset: Dataset, context: DataContext) -> PhysicalOperator:
    """The plan of another dataset, as a part of a plan."""
    dag = dataset._logical_plan.dag
    operator, logical = create_planner()._plan_recursively(dag, context)
    plan = SetReadParallelismRule().apply(PhysicalPlan(operator, logical, context))
    for one in plan.dag.post_order_iter():
        # The planner that called knows those alone that stand for nothing yet.
        one.set_logical_operators()
    return plan.dag
