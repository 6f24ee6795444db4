"""Epochs of a training: one after another, over splits, and without Ray's internals."""

import threading
from typing import Any

import pytest

from gridcache.errors import CacheWarning, ConfigError, NameInUseError
from gridcache.published.handle import Handle
from gridcache.ray_data import identity
from gridcache.ray_data.epochs import iter_epochs, tee
from gridcache.ray_data.internals.gate import OFF
from tests.ray_data.kit.notes import Notes
from tests.ray_data.kit.streams import counted, ids, is_published

pytestmark = pytest.mark.ray

ALL = list(range(80))


def test_the_first_epoch_fills_and_the_others_read(
    handle: Handle, notes: Notes
) -> None:
    calls = []
    for epoch in iter_epochs(counted(notes), "it", 3, cache=handle):
        assert ids(epoch) == ALL
        calls.append(notes.count)
    assert calls == [4, 4, 4]


def test_nothing_runs_before_an_epoch_is_asked_for(
    handle: Handle, notes: Notes
) -> None:
    assert len(list(iter_epochs(counted(notes), "it", 2, cache=handle))) == 2
    assert notes.count == 0


def test_an_epoch_of_another_version_is_refused_before_the_first_runs(
    handle: Handle, notes: Notes
) -> None:
    ids(tee(counted(notes), "it", cache=handle, version="1"))
    with pytest.raises(NameInUseError, match="version='1'"):
        iter_epochs(counted(notes), "it", 2, cache=handle, version="2")


def test_a_negative_number_of_epochs_is_refused(handle: Handle, notes: Notes) -> None:
    with pytest.raises(ConfigError, match="epochs"):
        iter_epochs(counted(notes), "it", -1, cache=handle)


def test_splits_of_a_stream_fill_the_cache_once_and_read_it_then(
    handle: Handle, notes: Notes
) -> None:
    # As Ray Train does: the execution runs in an actor.
    splits = tee(counted(notes), "it", cache=handle).streaming_split(2)
    assert split_epoch(splits) == ALL
    assert is_published(handle)
    assert split_epoch(splits) == ALL
    assert notes.count == 4


def split_epoch(splits: list[Any]) -> list[int]:
    """All rows that trainers get, each in a thread of its own."""
    rows: list[int] = []
    trainers = [
        threading.Thread(
            target=lambda split=split: rows.extend(
                int(row["id"]) for row in split.iter_rows()
            )
        )
        for split in splits
    ]
    for one in trainers:
        one.start()
    for one in trainers:
        one.join()
    return sorted(rows)


def test_without_internals_it_persists_and_says_so_once(
    handle: Handle, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFF, "off")
    monkeypatch.setattr(identity, "_said", set())
    with pytest.warns(CacheWarning, match=f"{OFF}=off") as said:  # noqa: PT031
        dataset = tee(counted(notes), "it", cache=handle)
        tee(counted(notes), "it", cache=handle)
    assert len(said) == 1
    assert is_published(handle)
    assert ids(dataset) == ALL
    assert notes.count == 4
