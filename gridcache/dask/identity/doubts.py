"""What an identity cannot promise, said once for each input."""

from gridcache.dask.identity.nodes import Key
from gridcache.dask.identity.roots import name_of
from gridcache.digest.errors import Unkeyable

__all__ = ["Doubts"]


class Doubts:
    """Sentences about inputs that are known by Dask's token alone."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[object, str] = {}

    def without_identity(self, value: object, refusal: Unkeyable, key: Key) -> None:
        """Note an object that nothing but its key in the graph tells from others."""
        path = "".join(reversed(refusal.path))
        named = getattr(value, "__qualname__", type(value).__qualname__)
        where = f" ({named}{path})" if path else ""
        self._said.setdefault(
            id(value),
            f"an input of {name_of(key)!r} is known by Dask's token alone: "
            f"{refusal.kind} {refusal.reason}{where}; give its class "
            f"__gridcache_key__(), or say its version (version=, salt=)",
        )

    def not_here(self, key: Key) -> None:
        """Note what is computed elsewhere: a Future."""
        name = name_of(key)
        self._said.setdefault(
            ("not here", name),
            f"{name!r} is a Future (or is missing from the graph) and is known by "
            f"Dask's token alone; say its version (version=, salt=), or persist it by "
            f"name",
        )

    def sentences(self) -> tuple[str, ...]:
        """All of them, in the order in which they were met."""
        return tuple(self._said.values())
