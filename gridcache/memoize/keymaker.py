"""The key of a call: `module.qualname/fingerprint/arguments`.

Both parts are digests of 32 hex digits. The fingerprint is made at the first call and
checked at each; the arguments are digested at each. Arguments of nothing but scalars
take a short way, and none if the same call was seen before (`memo`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gridcache.digest.engine import SCALARS, Digester, leaf, scalars
from gridcache.digest.errors import Unkeyable
from gridcache.errors import ConfigError, NotKeyableError
from gridcache.fingerprint.api import Fingerprint, function_fingerprint, name_of
from gridcache.fingerprint.reached import is_exempt
from gridcache.keys import MARK
from gridcache.memoize.binder import Binder, compile_binder
from gridcache.memoize.memo import KeyMemo
from gridcache.memoize.options import Options

__all__ = ["KeyMaker"]

_HOLDS = Fingerprint.holds


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is kept between calls; replaced as a whole, for threads."""

    prefix: str
    binder: Binder
    fingerprints: tuple[Fingerprint, ...]
    memo: KeyMemo = field(default_factory=KeyMemo)

    def holds(self) -> bool:
        # No generator: asked at every call.
        return all(map(_HOLDS, self.fingerprints))


class KeyMaker:
    """Makes the keys of one function."""

    __slots__ = ("_function", "_options", "_ready", "name")

    name: str
    """What the keys of this function begin with, whatever its code."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self._function = function
        self._options = options
        name = name_of(function)
        # So that a key is its own text, see `gridcache.keys`.
        self.name = f"({name})" if name.startswith(MARK) else name
        self._ready: _Ready | None = None

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Give the key of a call.

        Raises
        ------
        NotKeyableError
            An argument, or something the function reaches, has no lasting identity.
        TypeError
            The arguments do not fit the signature.
        """
        ready = self._ready
        if ready is None or not ready.holds():
            ready = self._renewed()
        known = None if kwargs else ready.memo.get(args)
        return known or self._made(ready, args, kwargs)

    def holds(self) -> bool:
        """Tell whether the function and all it reaches are what they were."""
        return self._ready is not None and self._ready.holds()

    def changed_data(self) -> list[str]:
        """Name data the function reaches that changed since the last key."""
        made = self._ready.fingerprints if self._ready else ()
        names = {name for one in made for name in one.checks.changed_data()}
        return sorted(names)

    def _made(
        self, ready: _Ready, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> str:
        if self._options.key is not None:
            # May give something else each time.
            named = {"key=": self._options.key(*args, **kwargs)}
            return ready.prefix + self._arguments(ready.binder, named)
        binder = ready.binder
        bound = binder.bind(*args, **kwargs)
        named = dict(zip(binder.names, bound, strict=True))
        key = ready.prefix + self._arguments(binder, named)
        # A default that changes makes another key then.
        if binder.lasting and not kwargs:
            ready.memo.keep(args, key)
        return key

    def _arguments(self, binder: Binder, named: dict[str, Any]) -> str:
        bound = tuple(named.values())
        if SCALARS.issuperset(map(type, bound)):
            return scalars("call with scalars", bound).hex()
        return self._digest(named, binder.defaults)

    def _digest(self, bound: dict[str, Any], defaults: dict[str, Any]) -> str:
        d = Digester()
        try:
            tokens = [
                # What may be a default without identity counts as the default it is.
                leaf("default")
                if is_exempt(value) and value is defaults.get(name)
                else d.part(value, f", argument {name}")
                for name, value in bound.items()
            ]
        except Unkeyable as refusal:
            raise refusal.public(self.name) from None
        except RecursionError:
            msg = f"no stable key for a call of {self.name}: nested too deeply"
            raise NotKeyableError(msg) from None
        return d.node("call", tokens).hex()

    def _renewed(self) -> _Ready:
        # The binder too: defaults may be others now.
        binder = compile_binder(self._function, self._options.ignore)
        made = tuple(self._fingerprints(binder))
        version = scalars("version", self._options.version)
        code = leaf("code", version, *(one.token for one in made)).hex()
        self._ready = _Ready(f"{self.name}/{code}/", binder, made)
        return self._ready

    def _fingerprints(self, binder: Binder) -> Iterator[Fingerprint]:
        if self._options.version is None:
            yield self._code(binder)
        if self._options.key is not None:
            yield function_fingerprint(self._options.key)

    def _code(self, binder: Binder) -> Fingerprint:
        ignored = set(self._options.ignore) - binder.parameters
        made = function_fingerprint(self._function, ignored=ignored)
        if made.unread and not binder.catches_all:
            name = min(made.unread)
            msg = f"ignore: {self.name} has no argument and reads no global {name!r}"
            raise ConfigError(msg, names=sorted(made.unread))
        return made
