"""How a refusal finds its way up: each level adds where it was.

Not for users: `gridcache.digest.digest` turns it into a `NotKeyableError`.
"""

from gridcache.errors import NotKeyableError

__all__ = ["Unkeyable"]

CURE = "give it __gridcache_key__(), ignore it, or name the key yourself"


class Unkeyable(Exception):  # noqa: N818 - control flow, never seen by users
    """A part of a value has no lasting identity."""

    def __init__(self, part: object, reason: str) -> None:
        super().__init__(reason)
        self.kind = type_name(type(part))
        self.reason = reason
        self.path: list[str] = []
        """From the part outwards, each as it would be written in Python."""

    def public(self, name: str = "value") -> NotKeyableError:
        """Say it to the user; `name` is what the whole value is called."""
        where = name + "".join(reversed(self.path))
        msg = f"no stable key for {where}: {self.kind} {self.reason}; {CURE}"
        return NotKeyableError(msg, path=where, type=self.kind, reason=self.reason)


def type_name(kind: type) -> str:
    """`module.qualname`, without the module for builtins."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
