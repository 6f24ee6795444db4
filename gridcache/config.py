"""Settings: one dataclass, one precedence, and where each value came from.

An argument wins over the environment (`GRIDCACHE_CAPACITY=4GiB`), that over the
file, that over the default. The file is the first that exists of
`$GRIDCACHE_CONFIG`, `~/.config/gridcache/config.yaml` (or under
`$XDG_CONFIG_HOME`) and `/etc/gridcache/config.yaml`; `config/gridcache.yaml` in
the repository is one with every key and its default. How much memory a store takes
when nobody says is in `gridcache.machine`.
"""

import difflib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gridcache.errors import ConfigError
from gridcache.machine import automatic_capacity
from gridcache.units import parse_bytes, parse_duration

if TYPE_CHECKING:
    from gridcache.cluster_config import load_cluster_config

__all__ = [
    "COMPRESSIONS",
    "POLICIES",
    "Config",
    "automatic_capacity",
    "default_directory",
    "load_cluster_config",
    "load_config",
    "load_yaml",
]

COMPRESSIONS = ("auto", "lz4")
"""Besides None: raw while there is room, or at every put."""

POLICIES = ("lru", "lfu", "none")
"""What may be evicted first, by name."""

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - stores below it are 0700
_SYSTEM_FILE = Path("/etc/gridcache/config.yaml")
_FILE_NAME = Path("gridcache", "config.yaml")
_STORE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PREFIX = "GRIDCACHE_"
_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_Number = TypeVar("_Number", int, float)


def __getattr__(name: str) -> Any:
    """Hand out `load_cluster_config`, whose home imports this module."""
    if name == "load_cluster_config":
        return import_module("gridcache.cluster_config").load_cluster_config
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def default_directory() -> Path:
    """Where this user's stores live unless a setting says otherwise.

    In shared memory, or among the temporary files where the machine has none.
    """
    parent = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    return parent / f"gridcache-{os.getuid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting, read and checked; sizes in bytes, times in seconds."""

    directory: Path = field(default_factory=default_directory)
    """Holds one directory per store."""
    store: str = "default"
    """The store of caches that are opened without a path."""
    namespace: str = "default"
    """The part of the store that a cache without a name uses."""
    capacity: int | None = None
    """Bytes of a store made from now on; None for `automatic_capacity`."""
    compression: str | None = "auto"
    """One of `COMPRESSIONS`, or None for never."""
    policy: str = "lru"
    """One of `POLICIES`, for namespaces made from now on."""
    ttl_s: float | None = None
    """How long entries live unless a put says otherwise; None for ever."""
    allow_pickle: bool = True
    """False: values that only pickle can encode are neither stored nor read."""
    near_bytes: int = 16 * 2**20
    """Bound of the near cache of each process; 0 for none."""
    stall_timeout_s: float = 2.0
    """How long a writer waits for one that does not move before it raises."""
    log_level: str = "WARNING"
    """Level of the logger `gridcache` in the command line tool."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """By setting: `argument`, `environment NAME`, `file PATH` or `default`."""


def load_config(
    *, environ: Mapping[str, str] | None = None, **arguments: Any
) -> Config:
    """Collect the settings.

    Parameters
    ----------
    environ
        Stands in for the process's environment, in tests.
    **arguments
        Settings that a caller gave, as text or as values. None is a value like
        any other (`compression=None`): leave out what was not given.

    Raises
    ------
    ConfigError
        A setting is unknown or wrong, whether or not another one overrides it;
        names it, its value and its origin.

    Examples
    --------
    >>> config = load_config(environ={"GRIDCACHE_TTL_S": "1h"}, capacity="4GiB")
    >>> config.capacity, config.ttl_s
    (4294967296, 3600.0)
    >>> config.origins["ttl_s"], config.origins["policy"]
    ('environment GRIDCACHE_TTL_S', 'default')
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origins = dict.fromkeys(_READERS, "default")
    for key, value, origin in _given(environ, arguments):
        values[key] = _read(key, value, origin)
        origins[key] = origin
    return Config(**values, origins=origins)


def _given(
    environ: Mapping[str, str], arguments: Mapping[str, Any]
) -> Iterator[tuple[str, object, str]]:
    """Yield setting, value and origin, the weakest origin first."""
    if path := _find_file(environ):
        for key, value in load_yaml(path).items():
            yield key, value, f"file {path}"
    for key in _READERS:
        name = _PREFIX + key.upper()
        if text := environ.get(name, "").strip():
            yield key, text, f"environment {name}"
    for key, value in arguments.items():
        yield key, value, "argument"


def _find_file(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get(f"{_PREFIX}CONFIG"):
        return Path(named).expanduser()
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~"), ".config")
    candidates = (Path(home).expanduser() / _FILE_NAME, _SYSTEM_FILE)
    return next((path for path in candidates if path.is_file()), None)


def load_yaml(path: Path) -> Mapping[str, object]:
    """Read a YAML file of settings; an empty one is an empty mapping.

    Raises
    ------
    ConfigError
        It cannot be read, is no YAML, or holds no mapping; names the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        message = f"cannot read the configuration file {path}: {error}"
        raise ConfigError(message, path=str(path)) from error
    return _parse_yaml(text, path) if text.strip() else {}


def _parse_yaml(text: str, path: Path) -> Mapping[str, object]:
    import yaml  # noqa: PLC0415 - most processes have no file to read

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"the configuration file {path} is not YAML: {error}"
        raise ConfigError(message, path=str(path)) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        message = f"{path} must hold settings as `key: value`, not {content!r:.60}"
        raise ConfigError(message, path=str(path))
    return content


def _read(key: str, value: object, origin: str) -> object:
    if key not in _READERS:
        raise _unknown(key, origin)
    read, expected = _READERS[key]
    try:
        return read(value)
    except ValueError as error:
        message = f"setting {key} = {value!r} ({origin}) should be {expected}"
        raise ConfigError(message, key=key, value=value, origin=origin) from error


def _unknown(key: object, origin: str) -> ConfigError:
    near = difflib.get_close_matches(str(key), _READERS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_READERS)}"
    return ConfigError(f"no setting {key!r} ({origin}); {hint}", key=key, origin=origin)


def _directory(value: object) -> Path:
    if value is None:
        return default_directory()
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError
    return Path(value).expanduser().absolute()


def _store_name(value: object) -> str:
    if not _STORE_NAME.fullmatch(_name(value)):
        raise ValueError
    return _name(value)


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _capacity(value: Any) -> int | None:
    return None if _is(value, "auto") else _positive(parse_bytes(value))


def _ttl(value: Any) -> float | None:
    return None if _is(value, "none") else _positive(parse_duration(value))


def _stall_timeout(value: Any) -> float:
    return _positive(parse_duration(value))


def _is(value: object, word: str) -> bool:
    return value is None or (isinstance(value, str) and value.lower() == word)


def _positive(number: _Number) -> _Number:
    if not number:
        raise ValueError
    return number


def _compression(value: object) -> str | None:
    return None if _is(value, "none") else _one_of(value, COMPRESSIONS)


def _policy(value: object) -> str:
    return _one_of(value, POLICIES)


def _log_level(value: object) -> str:
    return _one_of(_name(value).upper(), _LOG_LEVELS)


def _one_of(value: object, names: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError
    return value


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return _BOOLS[_one_of(_name(value).lower(), tuple(_BOOLS))]


_READERS: Mapping[str, tuple[Callable[[Any], object], str]] = {
    "directory": (_directory, "the path of a directory"),
    "store": (
        _store_name,
        "at most 64 letters, digits, '.', '_' and '-', the first a letter or digit",
    ),
    "namespace": (_name, "a name"),
    "capacity": (_capacity, "a size above 0 such as 4GiB, or auto"),
    "compression": (_compression, f"one of {', '.join(COMPRESSIONS)} or none"),
    "policy": (_policy, f"one of {', '.join(POLICIES)}"),
    "ttl_s": (_ttl, "a duration above 0 such as 1h, or none"),
    "allow_pickle": (_bool, "true or false"),
    "near_bytes": (parse_bytes, "a size such as 16MiB, or 0"),
    "stall_timeout_s": (_stall_timeout, "a duration above 0 such as 2s"),
    "log_level": (_log_level, f"one of {', '.join(_LOG_LEVELS)}"),
}
"""By setting: what reads it, raising ValueError, and what it should be."""
