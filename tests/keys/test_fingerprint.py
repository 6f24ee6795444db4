"""Fingerprints: other code or data that a function reaches, another fingerprint."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import cachetools
import pytest

from gridcache.errors import NotKeyableError
from gridcache.fingerprint import function_digest, function_fingerprint

BASE = """
import functools, logging, threading
import numpy as np
from dataclasses import dataclass, field

LIMIT = 0.5
TABLE = {"a": [1, 2]}
ARRAY = np.arange(3)
log = logging.getLogger("base")
lock = threading.Lock()
RUNS = 0

@dataclass
class Settings:
    size: int = 1
    names: list = field(default_factory=list)

SETTINGS = Settings()

class Parent:
    def run(self):
        return 1

class Child(Parent):
    FACTOR = 3

    @property
    def doubled(self):
        return 2 * helper(1)

    @staticmethod
    def fixed(x):
        return x

    def again(self):
        return super().run()

def helper(x):
    return x + LIMIT

def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@logged
def decorated(x):
    return x

@functools.lru_cache
def remembered(x):
    return x

@functools.singledispatch
def dispatched(x):
    return x

@dispatched.register
def _(x: int):
    return -x

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

HANDLERS = {"first": lambda x: x}

def unused():
    return 0

def f(x, y=1, *, z=(1, 2)):
    "What it does."
    with lock:
        log.info("called")
        inner = [helper(i) for i in (x, y)]
        key = lambda v: v * 2
        return (
            Child().doubled, decorated(x), remembered(x), dispatched(x), even(3),
            np.linalg.norm(ARRAY), TABLE["a"], SETTINGS.size, HANDLERS, inner, key,
            {x in {1, 2, 3}},
        )
"""


def load(source: str, name: str = "edited") -> Any:
    """Make a module as a notebook makes its namespace: without a file."""
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(textwrap.dedent(source), "<cell>", "exec"), vars(module))  # noqa: S102
    return module


def digest_of(source: str, function: str = "f") -> str:
    return function_digest(getattr(load(source), function))


IRRELEVANT = [
    ('"What it does."', '"Does something else."'),
    ('    "What it does."\n', ""),
    ('    "What it does."\n', "    # A comment.\n\n"),
    ("RUNS = 0", "RUNS = 1"),
    ("def unused():\n    return 0", "def unused():\n    return 1"),
    ("lock = threading.Lock()", "lock = threading.RLock() and threading.Lock()"),
]


@pytest.mark.parametrize(("old", "new"), IRRELEVANT)
def test_an_edit_that_changes_nothing_keeps_the_fingerprint(old: str, new: str) -> None:
    assert old in BASE
    assert digest_of(BASE.replace(old, new)) == digest_of(BASE)


RELEVANT = [
    ("LIMIT = 0.5", "LIMIT = 0.6"),
    ("LIMIT = 0.5", "LIMIT = None"),
    ('{"a": [1, 2]}', '{"a": [1, 3]}'),
    ("np.arange(3)", "np.arange(3)[::-1]"),
    ("size: int = 1", "size: int = 2"),
    ("SETTINGS = Settings()", "SETTINGS = Settings(names=['a'])"),
    ("        return 1\n", "        return 2\n"),
    ("FACTOR = 3", "FACTOR = 4"),
    ("2 * helper(1)", "3 * helper(1)"),
    ("return x + LIMIT", "return x - LIMIT"),
    ("return function(*args)", "return [function(*args)]"),
    ("def decorated(x):\n    return x", "def decorated(x):\n    return [x]"),
    ("def remembered(x):\n    return x", "def remembered(x):\n    return [x]"),
    ("def dispatched(x):\n    return x", "def dispatched(x):\n    return [x]"),
    ("return -x", "return +x"),
    ("n == 0 or", "n == 1 or"),
    ("n != 0 and", "n != 1 and"),
    ("lambda x: x}", "lambda x: -x}"),
    ("v * 2", "v * 3"),
    ("helper(i) for i", "helper(-i) for i"),
    ("{1, 2, 3}", "{1, 2, 4}"),
    ("y=1", "y=2"),
    ("y=1", "y=1.0"),
    ("z=(1, 2)", "z=(1, 3)"),
    ("np.linalg.norm", "np.linalg.det"),
    ('log.info("called")', 'log.info("other")'),
]


@pytest.mark.parametrize(("old", "new"), RELEVANT)
def test_an_edit_of_what_it_reaches_changes_the_fingerprint(old: str, new: str) -> None:
    assert old in BASE
    assert digest_of(BASE.replace(old, new)) != digest_of(BASE)


def test_the_name_counts() -> None:
    source = BASE + "\ng = f\ng.__qualname__ = 'g'\n"
    assert digest_of(source, "g") != digest_of(BASE)


EDITS = {
    "a global": ("LIMIT", 0.6),
    "a function": ("helper", lambda x: x),
    "a class": ("Child", dict),
    "a module": ("np", textwrap),
    "a new object of equal value": ("TABLE", {"a": [1, 2], "b": 3}),
}


@pytest.mark.parametrize(("name", "value"), EDITS.values(), ids=EDITS)
def test_a_fingerprint_stops_holding_when_a_name_is_bound_anew(
    name: str, value: Any
) -> None:
    module = load(BASE)
    made = function_fingerprint(module.f)
    assert made.holds()
    setattr(module, name, value)
    assert not made.holds()


IN_PLACE = {
    "a dict": lambda m: m.TABLE.update(b=1),
    "a list in a dict": lambda m: m.TABLE["a"].append(3),
    "an array": lambda m: m.ARRAY.__setitem__(0, 9),
    "an instance": lambda m: setattr(m.SETTINGS, "size", 2),
    "a list in an instance": lambda m: m.SETTINGS.names.append("a"),
    "a class": lambda m: setattr(m.Child, "FACTOR", 4),
    "a method of a parent": lambda m: setattr(m.Parent, "run", m.helper),
    "code, as autoreload does": lambda m: setattr(
        m.helper, "__code__", m.decorated.__wrapped__.__code__
    ),
    "defaults": lambda m: setattr(m.f, "__defaults__", (5,)),
    "a table of functions": lambda m: m.HANDLERS.update(first=m.helper),
    "a deleted name": lambda m: delattr(m, "LIMIT"),
}


@pytest.mark.parametrize("edit", IN_PLACE.values(), ids=IN_PLACE)
def test_a_fingerprint_stops_holding_when_something_changes_in_place(edit: Any) -> None:
    module = load(BASE)
    made, before = function_fingerprint(module.f), function_digest(module.f)
    edit(module)
    assert not made.holds()
    assert function_digest(module.f) != before


def test_a_fingerprint_holds_again_when_the_old_object_is_back() -> None:
    module = load(BASE)
    made = function_fingerprint(module.f)
    module.LIMIT, limit = 0.7, module.LIMIT
    assert not made.holds()
    module.LIMIT = limit
    assert made.holds()


def test_closures_count() -> None:
    def make(factor: Any) -> Any:
        return lambda x: factor * x

    assert function_digest(make(2)) == function_digest(make(2))
    assert function_digest(make(2)) != function_digest(make(3))
    listed = [1]
    made = function_fingerprint(make(listed))
    listed.append(2)
    assert not made.holds()


def test_an_empty_cell_is_no_obstacle() -> None:
    def outer() -> Any:
        def inner() -> Any:
            return late

        made = function_fingerprint(inner)
        late = 1
        return made

    assert not outer().holds()


def test_instances_that_read_each_other_from_globals_have_fingerprints() -> None:
    module = load("""
        class First:
            def go(self):
                return SECOND.go()
        class Second:
            def go(self):
                return FIRST.values
        FIRST, SECOND = First(), Second()
        FIRST.values = {1, 2}
        def f():
            return FIRST.go()
    """)
    made = function_fingerprint(module.f)
    assert made.holds()
    module.FIRST.values.add(3)
    assert not made.holds()


def test_a_cache_inside_an_installed_decorator_does_not_count() -> None:
    @cachetools.cached({})
    def helper(x: int) -> int:
        return x

    def f(x: int) -> int:
        return int(helper(x))

    made, before = function_fingerprint(f), function_digest(f)
    assert f(1) == 1
    assert made.holds()
    assert function_digest(f) == before


@pytest.mark.parametrize("decorator", ["cachetools.cached({})", "functools.lru_cache"])
def test_code_inside_an_installed_decorator_counts(decorator: str) -> None:
    source = f"""
        import cachetools, functools
        @{decorator}
        def helper(x):
            return x
        def f(x):
            return helper(x)
    """
    assert digest_of(source) != digest_of(source.replace("return x", "return [x]"))
    settings = source.replace("cached({}", "cached({}, key=repr")
    assert (digest_of(source) == digest_of(settings)) == (settings == source)


def test_what_is_ignored_does_not_count() -> None:
    module = load("memo = {}\ndef f(x):\n    return memo.setdefault(x, x)")
    made = function_fingerprint(module.f, ignored=["memo", "other"])
    module.f(1)
    assert made.holds()
    assert made.unread == {"other"}


def test_data_that_changed_is_named() -> None:
    module = load("memo = {}\ndef f(x):\n    return memo.setdefault(x, x)")
    made = function_fingerprint(module.f)
    module.f(1)
    assert list(made.checks.changed_data()) == ["memo"]


def test_a_global_without_identity_is_named_with_who_reads_it() -> None:
    with Path(__file__).open() as file:
        module = load("def g():\n    return file.read()\ndef f():\n    return g()")
        module.__dict__["file"] = file
        with pytest.raises(NotKeyableError) as caught:
            function_digest(module.f)
    path = "edited.f, which reaches g, which reads file.read"
    assert caught.value.context["path"] == path


def test_a_method_that_reads_something_without_identity_is_refused() -> None:
    """Leniency is for data in a class, or an edit of the method would go unseen."""
    module = load("""
        stream = iter([])
        class Reader:
            cache = iter([])
            def read(self):
                return next(stream)
        def f():
            return Reader()
    """)
    with pytest.raises(NotKeyableError) as caught:
        function_digest(module.f)
    path = "edited.f, which reaches Reader, which reaches Reader.read"
    assert caught.value.context["path"] == f"{path}, which reads stream"


def test_a_long_chain_of_calls_has_a_fingerprint() -> None:
    chain = "".join(f"def f{n}(x):\n    return f{n + 1}(x)\n" for n in range(2000))
    source = f"def f(x):\n    return f0(x)\n{chain}def f2000(x):\n    return x\n"
    assert digest_of(source) == digest_of(source)
    edited = source.replace("f2000(x):\n    return x", "f2000(x):\n    return -x")
    assert digest_of(source) != digest_of(edited)


def test_functions_in_sets_and_attributes_of_functions_count() -> None:
    source = """
        def one(x):
            return x
        def other(x):
            return 2 * x
        BOTH = {one, other}
        def table(x):
            return table.values[x]
        table.values = [1, 2]
        def f(x):
            return BOTH, table.values, table(x)
    """
    edits = [("2 * x", "3 * x"), ("[1, 2]", "[1, 3]"), ("{one, other}", "{one}")]
    digests = {digest_of(source.replace(*edit)) for edit in edits}
    assert len(digests | {digest_of(source)}) == 4
    module = load(source)
    made = function_fingerprint(module.f)
    module.table.values.append(3)
    assert not made.holds()


def test_a_sentinel_is_known_by_its_place() -> None:
    source = "MISSING = object()\ndef f(x=MISSING):\n    return x is MISSING"
    assert digest_of(source) == digest_of(source)


def test_locks_that_code_takes_are_no_obstacle() -> None:
    lock = threading.RLock()

    def f() -> int:
        with lock:
            return 1

    assert function_digest(f)


PACKAGE = {
    "__init__.py": "",
    "api.py": """
        from pkg import data
        from pkg.helpers import clean
        import pkg.helpers

        def f(x):
            from pkg.late import finish
            from . import late
            return finish(clean(x)) + data.OFFSET + pkg.helpers.other(x)
    """,
    "data.py": "OFFSET = 1\nUNREAD = 1\n",
    "helpers.py": """
        from pkg import data
        def clean(x):
            return x + data.OFFSET
        def other(x):
            return x
        def unused(x):
            return x
    """,
    "late.py": "def finish(x):\n    return x\n",
}


def run_package(folder: Path, files: dict[str, str], *options: str) -> str:
    """Give the digest that a fresh process makes of `pkg.api.f`."""
    (folder / "pkg").mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        (folder / "pkg" / name).write_text(textwrap.dedent(source))
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "import pkg.api\n"
        "from gridcache.fingerprint import function_digest\n"
        "print(function_digest(pkg.api.f))"
    )
    command = [sys.executable, *options, "-B", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


EDITED_FILES = {
    "data read from a module": ("data.py", "OFFSET = 1", "OFFSET = 2", True),
    "data nobody reads": ("data.py", "UNREAD = 1", "UNREAD = 2", False),
    "a helper": ("helpers.py", "x + data", "x - data", True),
    "a helper by its full path": (
        "helpers.py",
        "r(x):\n            return x",
        "",
        True,
    ),
    "a helper nobody calls": ("helpers.py", "d(x):\n            return x", "", False),
    "a module imported late": ("late.py", "return x", "return -x", True),
}


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"), EDITED_FILES.values(), ids=EDITED_FILES
)
def test_functions_of_the_same_package_count(
    tmp_path: Path, file: str, old: str, new: str, counts: bool
) -> None:
    assert old in PACKAGE[file]
    edited = PACKAGE[file].replace(old, new or old.replace("return x", "return [x]"))
    before = run_package(tmp_path / "one", PACKAGE)
    after = run_package(tmp_path / "two", PACKAGE | {file: edited})
    assert (before != after) == counts


def test_a_fingerprint_is_the_same_in_every_process_and_folder(tmp_path: Path) -> None:
    made = {run_package(tmp_path / str(n), PACKAGE) for n in range(2)}
    assert len(made) == 1
