"""A stage in a pipeline: made once for its version, whatever follows."""

import pytest

from gridcache.errors import ConfigError, NameInUseError
from gridcache.published.handle import Handle
from gridcache.ray_data.catalog import names
from gridcache.ray_data.staging import stage
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.notes import Notes
from tests.ray_data.kit.streams import Batch, counted, ids

pytestmark = pytest.mark.ray


def add(many: int, dataset: object) -> list[int]:
    """What somebody tries with the stage's output."""

    def later(batch: Batch) -> Batch:
        return {"id": batch["id"] + many}

    return ids(dataset.map_batches(later))  # type: ignore[attr-defined]


def test_another_pipeline_behind_a_stage_reads_it(handle: Handle, notes: Notes) -> None:
    for many in (1, 2):
        staged = stage(counted(notes), "it", version="v1", cache=handle)
        assert add(many, staged) == list(range(many, 80 + many))
    assert notes.count == 4
    assert names(cache=handle) == ["it@v1"]


def test_another_version_is_another_stage_beside_the_first(
    handle: Handle, notes: Notes
) -> None:
    for version in ("v1", "v2"):
        ids(stage(counted(notes), "it", version=version, cache=handle))
    assert notes.count == 8
    assert names(cache=handle) == ["it@v1", "it@v2"]


def test_another_plan_under_the_same_version_is_refused(handle: Handle) -> None:
    ids(stage(numbers(80), "it", version="v1", cache=handle))
    with pytest.raises(NameInUseError, match="another plan"):
        stage(numbers(40), "it", version="v1", cache=handle)


def test_a_stage_needs_a_version(handle: Handle) -> None:
    with pytest.raises(ConfigError, match="version"):
        stage(numbers(), "it", version="", cache=handle)
