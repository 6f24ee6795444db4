"""What is known of the tasks of a graph."""

from collections.abc import Mapping
from dataclasses import dataclass

from gridcache.dask.identity.nodes import Key

__all__ = ["Identities"]


@dataclass(frozen=True, slots=True)
class Identities:
    """Identities of the tasks of a graph, and what they cannot promise."""

    digests: Mapping[Key, str]
    """32 hex digits for each task that is wanted or is needed by one."""
    impure: frozenset[Key]
    """What Dask itself calls impure, with all that uses it: a uuid4 in the key, as
    `dask.delayed` gives without ``pure=True``."""
    effects: frozenset[Key]
    """Tasks that act: they fill a shuffle's buffers, write files, or wait until all is
    written. They must run, so they are neither stored nor replaced by what is stored;
    what reads a shuffle's buffers may be."""
    unsafe: tuple[str, ...]
    """A sentence for each input that is known by Dask's token alone, with the cure."""

    def cacheable(self, key: Key) -> bool:
        """Tell whether the result of a task may be kept and found again."""
        return key not in self.impure and key not in self.effects

    def reason(self, key: Key) -> str:
        """Say why a result may not be kept; "" if it may."""
        if key in self.effects:
            return "it acts (writes, or fills the buffers of a shuffle)"
        if key in self.impure:
            return (
                "Dask calls it, or an input of it, impure (delayed without pure=True)"
            )
        return ""
