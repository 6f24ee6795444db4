"""Ray's storage of files without Ray's object store, which only its workers have."""

from pathlib import Path
from typing import Any

from gridcache.cluster.actors.simulated import no_warnings

__all__ = ["OWNER", "Plasma"]

OWNER = b"owner"


class Plasma:
    """Objects by reference, here texts; `files` is Ray's own, with these objects."""

    def __init__(self, directory: Path) -> None:
        with no_warnings():
            from ray._private.external_storage import (  # noqa: PLC0415 - warns
                FileSystemStorage,
            )

        self.data: dict[str, bytes] = {}
        plasma = self

        class Files(FileSystemStorage):
            def _get_objects_from_store(self, object_refs: list[str]) -> list[Any]:
                return [(plasma.data[one], b"meta", None) for one in object_refs]

            def _put_object_to_store(
                self,
                metadata: bytes,
                data_size: int,
                file_like: Any,
                object_ref: str,
                owner_address: bytes,
            ) -> None:
                assert (metadata, owner_address) == (b"meta", OWNER)
                data = bytearray(data_size)
                done = 0
                while done < data_size:
                    done += file_like.readinto(memoryview(data)[done:])
                plasma.data[object_ref] = bytes(data)

        self.files = Files("node", str(directory))
        self.directory = next(directory.iterdir())
        """Where files and links lie."""

    def take(self) -> dict[str, bytes]:
        """All objects, which are in the store no more."""
        taken, self.data = self.data, {}
        return taken
