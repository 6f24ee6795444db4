"""Settings: precedence, origins, and what a wrong one says."""

import os
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from gridcache import config as config_module
from gridcache.config import Config, default_directory, load_config
from gridcache.errors import ConfigError
from gridcache.machine import automatic_capacity, free_nbytes, memory_nbytes

EXAMPLE = Path(__file__).parents[1] / "config" / "gridcache.yaml"
NOTHING: dict[str, str] = {"HOME": "/nonexistent"}
KEYS = [field.name for field in fields(Config) if field.name != "origins"]


@pytest.fixture(autouse=True)
def no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "config.yaml"
    path.parent.mkdir()
    monkeypatch.setattr(config_module, "_SYSTEM_FILE", path)
    return path


def env_with_file(tmp_path: Path, text: str, **more: str) -> dict[str, str]:
    path = tmp_path / "gridcache.yaml"
    path.write_text(text)
    return {"GRIDCACHE_CONFIG": str(path), **more}


def test_with_nothing_given_every_value_is_the_default() -> None:
    config = load_config(environ=NOTHING)
    assert config == Config()
    assert config.origins == dict.fromkeys(KEYS, "default")


def test_the_example_file_has_every_key_with_its_default() -> None:
    config = load_config(environ={"GRIDCACHE_CONFIG": str(EXAMPLE)})
    assert config == Config()
    assert config.origins == dict.fromkeys(KEYS, f"file {EXAMPLE}")


def test_every_key_of_the_example_file_is_explained() -> None:
    paragraphs = EXAMPLE.read_text().split("\n\n")
    assert all(paragraph.startswith("# ") for paragraph in paragraphs)


def test_argument_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    environ = env_with_file(
        tmp_path,
        "capacity: 1GiB\npolicy: lfu\nttl_s: 1h\n",
        GRIDCACHE_CAPACITY="2GiB",
        GRIDCACHE_POLICY="none",
    )
    config = load_config(environ=environ, capacity="3GiB")
    assert (config.capacity, config.policy, config.ttl_s) == (3 * 2**30, "none", 3600)
    assert config.origins["capacity"] == "argument"
    assert config.origins["policy"] == "environment GRIDCACHE_POLICY"
    assert config.origins["ttl_s"] == f"file {tmp_path / 'gridcache.yaml'}"
    assert config.origins["near_bytes"] == "default"


def test_none_is_a_value_and_an_empty_variable_is_not(tmp_path: Path) -> None:
    environ = env_with_file(tmp_path, "ttl_s: 5", GRIDCACHE_TTL_S=" ")
    assert load_config(environ=environ).ttl_s == 5
    config = load_config(environ=environ, ttl_s=None, compression=None)
    assert (config.ttl_s, config.compression) == (None, None)


def test_the_user_s_file_is_read_before_the_system_s(
    tmp_path: Path, no_system_file: Path
) -> None:
    no_system_file.write_text("namespace: system")
    assert load_config(environ={"HOME": str(tmp_path)}).namespace == "system"
    user_file = tmp_path / ".config" / "gridcache" / "config.yaml"
    user_file.parent.mkdir(parents=True)
    user_file.write_text("store: mine")
    config = load_config(environ={"HOME": str(tmp_path)})
    assert (config.store, config.namespace) == ("mine", "default")
    elsewhere = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path)}
    assert load_config(environ=elsewhere).namespace == "system"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("directory", "~/stores", Path("~/stores").expanduser()),
        ("directory", "stores", Path.cwd() / "stores"),
        ("store", "a.b-c_1", "a.b-c_1"),
        ("namespace", "any text", "any text"),
        ("capacity", "auto", None),
        ("capacity", "1.5GB", 1_500_000_000),
        ("compression", "None", None),
        ("compression", "lz4", "lz4"),
        ("policy", "none", "none"),
        ("ttl_s", "none", None),
        ("ttl_s", "30m", 1800.0),
        ("allow_pickle", "No", False),
        ("allow_pickle", "1", True),
        ("near_bytes", "0", 0),
        ("stall_timeout_s", "250ms", 0.25),
        ("log_level", "debug", "DEBUG"),
    ],
)
def test_the_environment_is_read_as_people_write_it(
    key: str, text: str, value: object
) -> None:
    config = load_config(environ={**NOTHING, f"GRIDCACHE_{key.upper()}": text})
    assert getattr(config, key) == value
    assert type(getattr(config, key)) is type(value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("directory", 3),
        ("directory", " "),
        ("store", "../other"),
        ("store", ".hidden"),
        ("store", "a" * 65),
        ("store", "a\n"),
        ("namespace", ""),
        ("namespace", None),
        ("capacity", 0),
        ("capacity", -1),
        ("capacity", "a\nbc"),
        ("capacity", [1]),
        ("capacity", True),
        ("compression", "zip"),
        ("compression", 1),
        ("policy", None),
        ("policy", ["lru"]),
        ("ttl_s", 0),
        ("ttl_s", {"h": 1}),
        ("allow_pickle", "perhaps"),
        ("allow_pickle", 2),
        ("near_bytes", None),
        ("stall_timeout_s", "soon"),
        ("log_level", "LOUD"),
        ("log_level", 10),
    ],
    ids=repr,
)
def test_a_wrong_value_is_named_with_its_key_and_origin(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(environ=NOTHING, **{key: value})
    assert str(caught.value).startswith(f"setting {key} = {value!r} (argument) should")
    assert caught.value.context == {"key": key, "value": value, "origin": "argument"}


def test_a_wrong_value_of_the_file_is_an_error_even_where_another_wins(
    tmp_path: Path,
) -> None:
    environ = env_with_file(tmp_path, "near_bytes: [1, 2]\n")
    with pytest.raises(ConfigError, match=r"near_bytes = \[1, 2\] \(file /"):
        load_config(environ=environ, near_bytes=0)


def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    environ = env_with_file(tmp_path, "capcity: 1GiB\n")
    with pytest.raises(ConfigError, match=r"'capcity' \(file .*did you mean capacity"):
        load_config(environ=environ)
    environ = env_with_file(tmp_path, "1: 2\n")
    with pytest.raises(ConfigError, match=r"no setting 1 .*known are directory"):
        load_config(environ=environ)
    with pytest.raises(ConfigError, match=r"\(argument\); did you mean ttl_s"):
        load_config(environ=NOTHING, ttl=3)


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "---\n"])
def test_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    assert load_config(environ=env_with_file(tmp_path, text)) == Config()


@pytest.mark.parametrize("text", ["- a\n", "text", "a: [", "\tx", "a: !!python/name:a"])
def test_a_file_without_settings_is_refused_and_named(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ConfigError, match=r"gridcache\.yaml"):
        load_config(environ=env_with_file(tmp_path, text))


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*missing\.yaml"):
        load_config(environ={"GRIDCACHE_CONFIG": str(tmp_path / "missing.yaml")})


def test_a_config_is_frozen_hashable_and_pickles_with_its_origins() -> None:
    config = load_config(environ=NOTHING, store="s")
    with pytest.raises(FrozenInstanceError):
        config.store = "other"  # type: ignore[misc] # what the test is about
    again = pickle.loads(pickle.dumps(config))
    assert again == config
    assert hash(again) == hash(config)
    assert again.origins["store"] == "argument"


def test_without_a_file_no_yaml_is_loaded() -> None:
    code = (
        "import sys; from gridcache.config import load_config; load_config();"
        "assert 'yaml' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_directory_is_this_user_s_own() -> None:
    assert str(default_directory()).endswith(f"gridcache-{os.getuid()}")


def test_automatic_capacity_leaves_room_in_memory_and_in_the_file_system(
    store_dir: Path,
) -> None:
    wanted = automatic_capacity(store_dir / "not" / "yet")
    assert 0 < wanted <= memory_nbytes() // 4
    assert wanted <= free_nbytes(store_dir) // 2 + 2**24
    assert not (store_dir / "not").exists()


def test_a_cgroup_of_version_2_limits_the_memory(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("0::/outer/inner\n")
    for group, limit in (("outer", "1000000"), ("outer/inner", "max")):
        (tmp_path / group).mkdir()
        (tmp_path / group / "memory.max").write_text(f"{limit}\n")
    assert memory_nbytes(proc, tmp_path) == 1_000_000


def test_a_cgroup_of_version_1_limits_the_memory(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("9:name=systemd:/\n4:cpu,memory:/of/the/host\n0::/\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("2000000\n")
    assert memory_nbytes(proc, tmp_path) == 2_000_000


def test_without_cgroups_or_limits_the_machine_s_memory_counts(tmp_path: Path) -> None:
    unlimited = tmp_path / "cgroup"
    unlimited.write_text("4:memory:/\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")
    machine = memory_nbytes(tmp_path / "absent", tmp_path)
    assert machine == memory_nbytes(unlimited, tmp_path) > 2**28
