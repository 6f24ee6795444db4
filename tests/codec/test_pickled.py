"""What is special about pickled values."""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridcache.codec import Frames, decode, encode

LayOut = Callable[[Frames], memoryview]


class Box:
    """Anything with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Refuses:
    """Fails in the user's own code, when it is loaded."""

    def __getstate__(self) -> dict[str, int]:
        return {"a": 1}

    def __setstate__(self, state: dict[str, int]) -> None:
        msg = "no, thank you"
        raise KeyError(msg)


class Buffered:
    """Hands its bytes out of band."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Buffered, (pickle.PickleBuffer(self.data),)


def through(value: Any, lay_out: LayOut, *, copy: bool = False) -> Any:
    frames = encode(value)
    return decode(frames.header, lay_out(frames), copy=copy)


def test_identity_and_cycles_inside_a_pickle_are_kept(lay_out: LayOut) -> None:
    inner = Box(n=1)
    loop: list[Any] = [inner, inner]
    loop.append(loop)
    again = through(loop, lay_out)
    assert again[0] is again[1]
    assert again[2] is again


def test_cycles_of_plain_containers_are_kept(lay_out: LayOut) -> None:
    ring: dict[str, Any] = {"a": [1]}
    ring["a"].append(ring)
    again = through(ring, lay_out)
    assert again["a"][1] is again


def test_shared_plain_parts_stay_shared_and_small(lay_out: LayOut) -> None:
    part: list[Any] = ["x" * 100]
    for _ in range(40):
        part = [part, part]
    frames = encode(part, allow_pickle=False)
    assert frames.body_nbytes + len(frames.header) < 1000
    again = decode(frames.header, lay_out(frames))
    assert again[0] is again[1]


def test_arrays_inside_objects_lie_in_the_body(lay_out: LayOut) -> None:
    frames = encode(Box(a=np.arange(5000), b=[np.arange(300.0)]))
    body = lay_out(frames)
    again = decode(frames.header, body)
    assert frames.viewable
    for array in (again.a, again.b[0]):
        assert np.shares_memory(array, np.frombuffer(body, "u1"))
        assert not array.flags.writeable


def test_out_of_band_buffers_are_read_only_views_or_private(lay_out: LayOut) -> None:
    value = Buffered(bytearray(b"abc" * 500))
    view, private = through(value, lay_out), through(value, lay_out, copy=True)
    assert bytes(view.data) == bytes(private.data) == b"abc" * 500
    assert memoryview(view.data).readonly
    assert not memoryview(private.data).readonly


def test_pandas_inside_objects_is_writable_and_private(lay_out: LayOut) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.arange(5000.0), "b": "x"})
    frames = encode(Box(frame=frame, array=frame["a"].to_numpy()))
    body = lay_out(frames)
    first, second = (decode(frames.header, body) for _ in range(2))
    first.frame.iloc[0, 0] = 77.0
    assert second.frame.iloc[0, 0] == 0.0
    assert not first.array.flags.writeable


def test_arrays_of_pandas_inside_objects_are_writable(lay_out: LayOut) -> None:
    pd = pytest.importorskip("pandas")
    again = through(Box(a=pd.array([1, 2], dtype="Int64")), lay_out)
    again.a[0] = 7
    assert again.a[0] == 7


def test_a_generator_of_random_numbers_goes_on_where_it_was(lay_out: LayOut) -> None:
    rng = np.random.default_rng(5)
    again = through(rng, lay_out)
    assert again.random() == rng.random()


def test_a_memory_map_comes_back_as_an_array(tmp_path: Path, lay_out: LayOut) -> None:
    array = np.memmap(tmp_path / "data", np.float64, "w+", shape=(9000,))
    array[:] = 1.5
    again = through([array], lay_out)[0]
    assert type(again) is np.ndarray
    assert np.array_equal(again, array)


def test_an_exception_of_the_users_class_reaches_the_caller(lay_out: LayOut) -> None:
    with pytest.raises(KeyError, match="no, thank you"):
        through(Refuses(), lay_out)


@pytest.mark.parametrize("name", ["no_such_module.Thing", "os.no_such_name"])
def test_what_cannot_be_imported_is_named(
    name: str, lay_out: LayOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, attribute = name.rpartition(".")
    monkeypatch.setitem(sys.modules, module, type(sys)(module))
    kind = type(attribute, (), {"__module__": module})
    monkeypatch.setattr(sys.modules[module], attribute, kind, raising=False)
    frames = encode(kind())
    monkeypatch.undo()
    with pytest.raises((ImportError, AttributeError), match=f"needs {name}"):
        decode(frames.header, lay_out(frames))


def test_many_threads_decode_the_same_frames(lay_out: LayOut) -> None:
    value: dict[str, Any] = {"a": np.arange(50_000), "b": [Box(n=1), "x" * 9000]}
    frames = encode(value, compress=True)
    body = lay_out(frames)
    start = threading.Barrier(4)
    wrong: list[object] = []

    def read() -> None:
        start.wait()
        for _ in range(20):
            again = decode(frames.header, body)
            if (
                not np.array_equal(again["a"], value["a"])
                or again["b"][1] != "x" * 9000
            ):
                wrong.append(again)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


WRITER = """
import dataclasses, pathlib, pickle, sys
import gridcache.codec as codec

FACTOR = 3

def helper(x):
    return x * FACTOR

@dataclasses.dataclass
class Model:
    weights: list
    def predict(self, x):
        return helper(x) + sum(self.weights)

offset = 100
def make():
    return lambda x: helper(x) + offset

frames = codec.encode({"model": Model([1, 2]), "class": Model, "function": make()})
pathlib.Path(sys.argv[1]).write_bytes(
    pickle.dumps((frames.header, [bytes(b) for b in frames.buffers]))
)
"""

READER = """
import pathlib, pickle, sys
import gridcache.codec as codec

header, buffers = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
body = bytearray(codec.Frames(header, tuple(map(memoryview, buffers))).body_nbytes)
for part, buffer in zip(codec.body_slices(tuple(map(len, buffers))), buffers):
    body[part] = buffer
value = codec.decode(header, memoryview(body))
assert value["model"].predict(2) == 9, value
assert value["class"]([5]).predict(1) == 8
assert value["function"](1) == 103
print("good")
"""


def test_functions_and_classes_of_main_run_in_another_process(tmp_path: Path) -> None:
    for name, source in (("writer.py", WRITER), ("reader.py", READER)):
        script = tmp_path / name
        script.write_text(source)
        run = subprocess.run(
            [sys.executable, str(script), str(tmp_path / "frames")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == 0, run.stderr
    assert run.stdout == "good\n"
