"""One mapping of a YAML file: each key read and checked, unknown ones named."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gridcache.errors import ConfigError

__all__ = ["Fields", "Reader", "suggestion"]

Reader = tuple[Callable[[Any], object], str]
"""What reads a value, raising ValueError, and what the value should be."""


@dataclass(slots=True)
class Fields:
    """Reads the mappings of one file and remembers which keys nobody knew."""

    origin: str
    """The file, for messages."""
    foreign: list[str] = field(default_factory=list)
    """Unknown keys outside of our own section, with a suggestion where one is near."""

    def read(
        self,
        content: object,
        readers: Mapping[str, Reader],
        where: str,
        *,
        strict: bool = False,
    ) -> dict[str, Any]:
        """Read a mapping; what is not in it is not in the result.

        Parameters
        ----------
        content
            From the file; None is an empty mapping.
        readers
            By key.
        where
            Path of the mapping in the file, empty at the top.
        strict
            An unknown key is an error; else it is remembered in `foreign`.

        Raises
        ------
        ConfigError
            It is no mapping, a value is wrong, or a key unknown and `strict`.
        """
        given = self._mapping(content, where)
        known = {str(key): given[key] for key in given if key in readers}
        for key in [key for key in given if key not in readers]:
            self._unknown(_join(where, key), suggestion(key, readers), strict=strict)
        return {
            key: self._value(value, readers[key], _join(where, key))
            for key, value in known.items()
        }

    def wrong(self, where: str, value: object, expected: str) -> ConfigError:
        """Make the error about a value."""
        message = f"{where} = {value!r:.80} ({self.origin}) should be {expected}"
        return ConfigError(message, key=where, value=value, origin=self.origin)

    def _mapping(self, content: object, where: str) -> Mapping[Any, object]:
        if content is None:
            return {}
        if not isinstance(content, Mapping):
            raise self.wrong(where or "the file", content, "a mapping of keys")
        return content

    def _value(self, value: object, reader: Reader, where: str) -> object:
        read, expected = reader
        try:
            return read(value)
        except ConfigError as error:
            # One of ours is a ValueError too. A nested section named its own key;
            # a size that cannot be parsed did not.
            if "origin" in error.context:
                raise
            raise self.wrong(where, value, expected) from error
        except ValueError as error:
            raise self.wrong(where, value, expected) from error

    def _unknown(self, where: str, hint: str, *, strict: bool) -> None:
        if strict:
            message = f"no key {where!r} ({self.origin}); {hint}"
            raise ConfigError(message, key=where, origin=self.origin)
        self.foreign.append(f"{where} ({hint})" if hint.startswith("did") else where)


def suggestion(key: object, known: Iterable[str]) -> str:
    """Name the known key that is near, else all of them.

    >>> suggestion("replica", ["port", "replicas"])
    'did you mean replicas?'
    """
    known = list(known)
    near = difflib.get_close_matches(str(key), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)
