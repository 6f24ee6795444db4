"""The engine: what a digest is made of, how cycles end, who handles which type.

A token is the 16-byte hash of a tag and a content. The content is either the bytes
of a leaf or the tokens of the parts of a node, all of one size; so the tag and the
bytes of a token have one reading only, and different values have different tokens
as long as the hash has no collision.

**Cycles.** While a value is open (its handler runs), a second meeting with it is the
token "up, so many levels". A value that closes with such a token inside has no token
of its own yet, for the levels mean something only where it stands: it is loose. When
the value at the top of the cycle closes, the loose ones below it get tokens made of
that value's token and their place among them, and may then be met anywhere. This is
Tarjan's algorithm for strongly connected components; it visits each value once.

**Sets.** The order in which a set gives its elements means nothing, so tokens that
depend on what came before are of no use there: each element is digested apart, as if
there were nothing else, and only closed values are remembered between elements.

Not covered: what the handlers do (the other modules of this package).
"""

import marshal
from collections.abc import Callable, Iterable
from importlib import import_module
from types import EllipsisType, NoneType
from typing import Any
from weakref import WeakKeyDictionary

from xxhash import xxh3_128, xxh3_128_digest

from gridcache.digest.errors import Unkeyable

__all__ = ["FAMILIES", "HANDLERS", "SCALARS", "Digester", "Handler", "digest", "leaf"]

SCALARS = frozenset({int, float, complex, bool, str, NoneType, EllipsisType})
"""Exact types whose `marshal` form says the type and the value, and nothing else."""

MARSHAL = 2
"""The last format without references and interning, which depend on history."""

Handler = Callable[["Digester", Any], bytes]
"""Makes the token of a value of its type; the engine guarantees that the value is
alive and open, the handler must hash every part through the engine."""

HANDLERS: dict[type, Handler] = {}
"""By exact type."""

FAMILIES: dict[type, Handler] = {}
"""By base, for a type that has no handler of its own; the nearest base decides."""

PLUGINS = {
    "numpy": "gridcache.digest.arrays",
    "pandas": "gridcache.digest.pandas_tables",
    "polars": "gridcache.digest.polars_tables",
    "pyarrow": "gridcache.digest.arrow",
}
"""What to import when a type of this package is met first; it fills the tables."""

CODE = "gridcache.fingerprint.handlers"
"""The plugin for functions, classes and modules, which stands above this package."""

_ALWAYS = ("gridcache.digest.plain", "gridcache.digest.objects", CODE)
_chosen: WeakKeyDictionary[type, Handler] = WeakKeyDictionary()


def leaf(tag: str, *contents: Any) -> bytes:
    """Make a token of bytes; buffers are hashed in place.

    Each of `contents` is contiguous and exports its bytes; if there are several,
    their lengths count, so that no two splits look alike.
    """
    hasher = xxh3_128(tag.encode() + b"\0")
    for content in contents:
        if len(contents) > 1:
            nbytes = memoryview(content).nbytes
            hasher.update(nbytes.to_bytes(8, "little"))
        hasher.update(content)
    return hasher.digest()


def scalars(tag: str, value: Any) -> bytes:
    """Make a token of one of `SCALARS`, or of a list or tuple of nothing else."""
    try:
        return xxh3_128_digest(tag.encode() + b"\0" + marshal.dumps(value, MARSHAL))
    except ValueError:
        raise Unkeyable(value, "is longer than 2 GiB") from None


class Digester:
    """One pass over a value and all it holds."""

    __slots__ = (
        "_apart",
        "_done",
        "_loose",
        "_low",
        "_open",
        "_outer",
        "_places",
        "survey",
    )

    survey: Any
    """Set while a function's code is fingerprinted: `gridcache.fingerprint.survey`."""

    def __init__(self, survey: Any = None, outer: "Digester | None" = None) -> None:
        self.survey = survey
        self._outer = outer
        self._apart: dict[int, tuple[bytes, object]] = outer._apart if outer else {}
        # A value stays referenced here, or its id could come back for another one.
        self._done: dict[int, tuple[bytes, object]] = {}
        self._open: dict[int, int] = {}
        self._loose: list[object] = []
        self._places: dict[int, tuple[int, int]] = {}
        self._low = 0

    def token(self, value: object) -> bytes:
        """Give the token of any value.

        Raises
        ------
        Unkeyable
            The value or a part of it has no lasting identity.
        """
        if type(value) in SCALARS:
            return scalars("scalar", value)
        me = id(value)
        if me in self._done:
            return self._done[me][0]
        if me in self._open:
            level = self._open[me]
            self._low = min(self._low, level)
            return self.leaf("up", _number(len(self._open) - level))
        if me in self._places:
            place, low = self._places[me]
            self._low = min(self._low, low)
            return self.leaf("loose", _number(len(self._loose) - place))
        return self._expand(value, me)

    def apart(self, value: object, where: str) -> bytes:
        """Give the token a part has alone, whatever was met before it."""
        if type(value) in SCALARS:
            return scalars("scalar", value)
        known = self._apart.get(id(value))
        if known is None:
            known = (Digester(self.survey, self).part(value, where), value)
            self._apart[id(value)] = known
        return known[0]

    def _expand(self, value: object, me: int) -> bytes:
        self._refuse_own_holder(value)
        level = self._open[me] = len(self._open)
        outer, self._low = self._low, level
        first = len(self._loose)
        kind = type(value)
        try:
            token = (HANDLERS.get(kind) or handler_of(kind))(self, value)
        except Unkeyable:
            self._abandon(me, outer, first)
            raise
        del self._open[me]
        if self._low < level:
            self._places[me] = (len(self._loose), self._low)
            self._loose.append(value)
        else:
            self._done[me] = (token, value)
            self._settle(token, first)
        self._low = min(outer, self._low)
        return token

    def _settle(self, top: bytes, first: int) -> None:
        for place, value in enumerate(self._loose[first:]):
            token = self.leaf("inner", top, _number(place))
            self._done[id(value)] = (token, value)
            del self._places[id(value)]
        del self._loose[first:]

    def _abandon(self, me: int, outer: int, first: int) -> None:
        # Who catches the refusal goes on with this pass.
        del self._open[me]
        self._low = outer
        for value in self._loose[first:]:
            del self._places[id(value)]
        del self._loose[first:]

    def _refuse_own_holder(self, value: object) -> None:
        outer = self._outer
        while outer is not None:
            if id(value) in outer._open:
                raise Unkeyable(value, "holds itself through a set, which has no order")
            outer = outer._outer

    def part(self, value: object, where: str) -> bytes:
        """Give the token of a part; a refusal will name `where` on its path."""
        try:
            return self.token(value)
        except Unkeyable as refusal:
            refusal.path.append(where)
            raise

    def node(self, tag: str, parts: Iterable[bytes]) -> bytes:
        """Make a token of the tokens of parts."""
        return xxh3_128_digest(tag.encode() + b"\0" + b"".join(parts))

    leaf = staticmethod(leaf)


def handler_of(kind: type) -> Handler:
    """Choose the handler of a type; the first meeting may import a plugin."""
    found = HANDLERS.get(kind) or _chosen.get(kind)
    if found is None:
        _load_plugins(kind)
        found = HANDLERS.get(kind) or _by_family(kind)
        _chosen[kind] = found
    return found


def _by_family(kind: type) -> Handler:
    # Whoever says what an object is knows better than its base.
    if hasattr(kind, "__gridcache_key__"):
        return FAMILIES[object]
    return next(FAMILIES[base] for base in kind.__mro__ if base in FAMILIES)


def _load_plugins(kind: type) -> None:
    for name in _ALWAYS:
        import_module(name)
    for base in kind.__mro__:
        plugin = PLUGINS.get(base.__module__.partition(".")[0])
        if plugin is not None:
            import_module(plugin)


def _number(count: int) -> bytes:
    return count.to_bytes(8, "little")


def digest(value: object, *, name: str = "value") -> str:
    """Give the digest of a value: 32 hex digits.

    Parameters
    ----------
    name
        What an error calls the value.

    Raises
    ------
    NotKeyableError
        The value or a part of it has no lasting identity; the message has the path.

    Examples
    --------
    >>> digest([1, 2]) == digest([1, 2]), digest([1, 2]) == digest((1, 2))
    (True, False)
    """
    try:
        return Digester().token(value).hex()
    except Unkeyable as refusal:
        raise refusal.public(name) from None
    except RecursionError:
        raise Unkeyable(value, "is nested too deeply").public(name) from None
