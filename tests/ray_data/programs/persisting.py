"""Persists the dataset of the test, in another job."""

from pathlib import Path

from gridcache.published.handle import Handle
from tests.ray_data.kit.joining import run, say
from tests.ray_data.kit.notes import Notes
from tests.ray_data.kit.pipelines import noted


def main(handle: Handle, notes: str) -> None:
    from gridcache.ray_data import persist  # noqa: PLC0415 - imports Ray

    kept = persist(noted(Notes(Path(notes))), "it", cache=handle, version="1")
    say(kept.count())
    say(kept.sum("id"))


if __name__ == "__main__":
    run(main)
