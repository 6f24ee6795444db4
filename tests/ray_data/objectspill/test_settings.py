"""Settings for `ray.init` and `ray start`: the environment says all."""

import os

import pytest

from gridcache.cluster.actors.simulated import no_warnings
from gridcache.errors import ConfigError
from gridcache.ray_data.objectspill.internals import HOOK_VARIABLE
from gridcache.ray_data.objectspill.place import Place
from gridcache.ray_data.objectspill.settings import ObjectSpilling, object_spilling

pytest.importorskip("ray")

_HOOK = "gridcache.ray_data.objectspill.hook.install"


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOOK_VARIABLE, raising=False)


def _made(**options: object) -> ObjectSpilling:
    with no_warnings():  # Ray's own, when it is imported
        return object_spilling(**options)  # type: ignore[arg-type]


def test_without_options_the_hook_is_all_there_is() -> None:
    made = _made()
    assert made.env == {HOOK_VARIABLE: _HOOK}
    assert made.init_kwargs() == {}
    assert str(made) == f"{HOOK_VARIABLE}={_HOOK} ray start"


def test_every_option_reaches_the_command() -> None:
    made = _made(
        path="/dev/shm/a b",
        capacity="4GiB",
        max_bytes="1GiB",
        grid=None,
        fallback_directory="/mnt/fast",
    )
    assert str(made) == (
        f"{HOOK_VARIABLE}={_HOOK} "
        "GRIDCACHE_OBJECT_SPILLING_PATH='/dev/shm/a b' "
        "GRIDCACHE_OBJECT_SPILLING_GRID='' "
        f"GRIDCACHE_OBJECT_SPILLING_CAPACITY_NBYTES={4 << 30} "
        f"GRIDCACHE_OBJECT_SPILLING_MAX_NBYTES={1 << 30} "
        "ray start --object-spilling-directory=/mnt/fast"
    )
    assert made.init_kwargs() == {"object_spilling_directory": "/mnt/fast"}


def test_a_place_comes_back_from_its_variables() -> None:
    place = Place("/dev/shm/a", "", 5, 6)
    assert Place.of(place.environment()) == place
    assert Place.of({}) == Place()


def test_the_environment_holds_inside_and_is_as_before_afterwards() -> None:
    before = dict(os.environ)
    with _made(capacity="1GiB").environment():
        assert os.environ[HOOK_VARIABLE] == _HOOK
    assert dict(os.environ) == before


def test_another_hook_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _made()
    monkeypatch.setenv(HOOK_VARIABLE, "another.hook")
    with pytest.raises(ConfigError, match="one function only"), made.environment():
        pass
    assert os.environ[HOOK_VARIABLE] == "another.hook"


def test_a_ray_with_other_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with no_warnings():
        from ray._private import external_storage  # noqa: PLC0415 - warns

    monkeypatch.delattr(external_storage.FileSystemStorage, "delete_spilled_objects")
    monkeypatch.delattr(external_storage.ExternalStorage, "delete_spilled_objects")
    with pytest.raises(ConfigError, match="delete_spilled_objects"):
        object_spilling()
