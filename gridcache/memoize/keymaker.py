"""The key of a call: `module.qualname/fingerprint/arguments`.

Both parts are digests of 32 hex digits. The fingerprint is made at the first call and
checked at each; the arguments are digested at each. Arguments of nothing but scalars
take a short way.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gridcache.digest.engine import SCALARS, Digester, leaf, scalars
from gridcache.digest.errors import Unkeyable
from gridcache.errors import ConfigError, NotKeyableError
from gridcache.fingerprint.api import Fingerprint, function_fingerprint, name_of
from gridcache.memoize.binder import Binder, compile_binder, parameters_of
from gridcache.memoize.options import Options

__all__ = ["KeyMaker"]


class KeyMaker:
    """Makes the keys of one function."""

    __slots__ = ("_fingerprints", "_function", "_options", "_ready", "name")

    name: str
    """What the keys of this function begin with, whatever its code."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self._function = function
        self._options = options
        self.name = name_of(function)
        self._fingerprints: tuple[Fingerprint, ...] | None = None
        self._ready = _Ready("", *compile_binder(function, options.ignore))

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Give the key of a call.

        Raises
        ------
        NotKeyableError
            An argument, or something the function reaches, has no lasting identity.
        TypeError
            The arguments do not fit the signature.
        """
        if not self.holds():
            self._renew()
        return self._ready.prefix + self.arguments(args, kwargs)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Give the part of the key that is made of the arguments."""
        if self._options.key is not None:
            bound: tuple[Any, ...] = (self._options.key(*args, **kwargs),)
        else:
            bound = self._ready.bind(*args, **kwargs)
        if SCALARS.issuperset(map(type, bound)):
            return scalars("call with scalars", bound).hex()
        return self._digest(bound)

    def holds(self) -> bool:
        """Tell whether the function and all it reaches are what they were."""
        if self._fingerprints is None:
            return False
        return all(fingerprint.holds() for fingerprint in self._fingerprints)

    def changed_data(self) -> list[str]:
        """Name data the function reaches that changed since the last key."""
        made = self._fingerprints or ()
        names = {name for one in made for name in one.checks.changed_data()}
        return sorted(names)

    def _digest(self, bound: tuple[Any, ...]) -> str:
        d = Digester()
        names = ("key=",) if self._options.key is not None else self._ready.names
        try:
            tokens = [
                d.part(value, f", argument {name}")
                for name, value in zip(names, bound, strict=True)
            ]
        except Unkeyable as refusal:
            raise refusal.public(self.name) from None
        except RecursionError:
            msg = f"no stable key for a call of {self.name}: nested too deeply"
            raise NotKeyableError(msg) from None
        return d.node("call", tokens).hex()

    def _renew(self) -> None:
        # The binder too: defaults may be others now.
        binder = compile_binder(self._function, self._options.ignore)
        made = tuple(self._make_fingerprints())
        version = scalars("version", self._options.version)
        code = leaf("code", version, *(one.token for one in made)).hex()
        self._ready = _Ready(f"{self.name}/{code}/", *binder)
        self._fingerprints = made

    def _make_fingerprints(self) -> Iterator[Fingerprint]:
        if self._options.version is None:
            yield self._fingerprint_of_code()
        if self._options.key is not None:
            yield function_fingerprint(self._options.key)

    def _fingerprint_of_code(self) -> Fingerprint:
        parameters, catches_all = parameters_of(self._function)
        ignored = set(self._options.ignore) - parameters
        made = function_fingerprint(self._function, ignored=ignored)
        if made.unread and not catches_all:
            name = min(made.unread)
            msg = f"ignore: {self.name} has no argument and reads no global {name!r}"
            raise ConfigError(msg, names=sorted(made.unread))
        return made


class _Ready(NamedTuple):
    """What is kept between calls, replaced as a whole."""

    prefix: str
    bind: Binder
    names: tuple[str, ...]
