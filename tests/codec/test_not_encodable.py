"""A value that has no encoding is refused with the path to the part at fault."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from gridcache.codec import encode
from gridcache.errors import NotEncodableError


class Model:
    """Holds what cannot be pickled."""

    def __init__(self, lock: object) -> None:
        self.name = "m"
        self.lock = lock


class Slotted:
    """Has slots and no dict."""

    __slots__ = ("lock", "name")

    def __init__(self, lock: object) -> None:
        self.name = "s"
        self.lock = lock


class Stubborn:
    """Refuses in its own code."""

    def __reduce__(self) -> str:
        msg = "never"
        raise RuntimeError(msg)


def closure(lock: object) -> Callable[[], object]:
    return lambda: lock


LOCK = threading.Lock()
CASES: dict[str, tuple[Any, str]] = {
    "root": (LOCK, "value: _thread.lock"),
    "list": ([1, [2, LOCK]], "value[1][1]: _thread.lock"),
    "dict": ({"a": 1, "model": {"b": LOCK}}, "value['model']['b']: _thread.lock"),
    "attribute": ({"model": Model(LOCK)}, "value['model'].lock: _thread.lock"),
    "slot": ((Slotted(LOCK),), "value[0].lock: _thread.lock"),
    "closure": ([closure(LOCK)], "value[0].<closure lock>: _thread.lock"),
    "own code": ([Stubborn()], "value[0]: "),
    "generator": ({"rows": (n for n in range(3))}, "value['rows']: generator"),
    "memory": ([memoryview(b"abc")], "value[0]: memoryview"),
}


@pytest.mark.parametrize(
    ("value", "start"),
    CASES.values(),
    ids=CASES,
)
def test_the_path_leads_to_the_part(value: Any, start: str) -> None:
    with pytest.raises(NotEncodableError) as caught:
        encode(value)
    assert str(caught.value).startswith(start)
    assert isinstance(caught.value, TypeError)
    assert caught.value.context["path"] == start.partition(": ")[0]


def test_the_reason_is_what_pickle_said() -> None:
    with pytest.raises(NotEncodableError, match="never"):
        encode({"a": Stubborn()})


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ({"a": [1, Model(1)]}, "value['a'][1]: "),
        (Model(1), "value: "),
        ([len], "value[0]: builtin_function_or_method"),
        ({(1, range(2)): 1}, "value.keys()[(1, range(0, 2))][1]: range"),
    ],
)
def test_without_pickle_the_reason_is_that(value: Any, start: str) -> None:
    with pytest.raises(NotEncodableError, match="allow_pickle=False") as caught:
        encode(value, allow_pickle=False)
    assert str(caught.value).startswith(start)


def test_a_column_of_a_data_frame_is_named() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": [None, LOCK]}, dtype=object)
    with pytest.raises(NotEncodableError) as caught:
        encode([frame])
    assert str(caught.value).startswith("value[0]['b'].iloc[1]: _thread.lock")


def test_an_array_of_objects_is_searched() -> None:
    np = pytest.importorskip("numpy")
    with pytest.raises(NotEncodableError) as caught:
        encode(np.array([[1, LOCK]], dtype=object))
    assert str(caught.value).startswith("value.flat[1]: _thread.lock")


def test_endless_nesting_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotEncodableError):
        encode(deep)
