r"""Keys as text: the one form in which a store, the CLI and other nodes know them.

========================  =====================  ===============================
a key                     its text               rule
========================  =====================  ===============================
``"user:42"``             ``user:42``            text stays as it is
``"!bang"``               ``!!bang``             text that starts with ``!``
``42``                    ``!42``                ``!`` and the Python literal
``b"\x00a"``              ``!b'\x00a'``          (non-ASCII text escaped, so the
``("user", 42)``          ``!('user', 42)``      form is the same in all Pythons)
========================  =====================  ===============================

No two different keys share a text. A key that compares equal to another has the
same text where its type is a subclass (`StrEnum`, `IntEnum`, named tuples).
``True`` is refused, although it is an int: in a dict it would be the key ``1``.

Not covered: the bytes under which a store files the text (the index does that), and
digests of arguments (`gridcache.digest`).
"""

import ast
from contextlib import suppress

from gridcache.errors import NotKeyableError

__all__ = ["MARK", "Key", "key_from_text", "text_key"]

CURE = "use str, bytes, int or a tuple of those"

Key = str | bytes | int | tuple["Key", ...]
"""What a user may write in the brackets of a cache."""

MARK = "!"
"""Starts the text of every key that is not text itself."""

DECIMAL_BITS = 2000
"""Longer ints are written in hex: 603 digits, below any limit Python can set."""


def text_key(key: Key) -> str:
    """Give the text form of a key.

    Raises
    ------
    NotKeyableError
        The key, or a part of a tuple key, is of another type.

    Examples
    --------
    >>> text_key("user:42"), text_key(42), text_key(("user", 42))
    ('user:42', '!42', "!('user', 42)")
    """
    if type(key) is str:
        return MARK + key if key.startswith(MARK) else key
    if isinstance(key, str):
        return text_key(str.__str__(key))
    return MARK + _literal(key)


def key_from_text(text: str) -> Key:
    """Undo `text_key`; a subclass comes back as its base.

    Raises
    ------
    ValueError
        The text starts with `MARK` but `text_key` never made it.
    """
    if not text.startswith(MARK):
        return text
    if text.startswith(MARK, 1):
        return text[1:]
    with suppress(SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        key: Key = ast.literal_eval(text[1:])
        if text_key(key) == text:
            return key
    msg = f"{text!r} is not the text of a key; keys that start with ! have a form"
    raise ValueError(msg)


def _literal(part: object) -> str:
    match part:
        case bool():
            raise _not_keyable(part)
        case str():
            return ascii(str.__str__(part))
        case int():
            number = int.__index__(part)
            return str(number) if number.bit_length() <= DECIMAL_BITS else hex(number)
        case bytes():
            return repr(bytes(memoryview(part)))
        case tuple():
            return _tuple_literal(part)
        case _:
            raise _not_keyable(part)


def _tuple_literal(parts: tuple[object, ...]) -> str:
    inside = ", ".join(map(_literal, parts))
    return f"({inside},)" if len(parts) == 1 else f"({inside})"


def _not_keyable(part: object) -> NotKeyableError:
    kind = type(part).__qualname__
    msg = f"a {kind} cannot be a key or a part of one; {CURE}"
    return NotKeyableError(msg, type=kind)
