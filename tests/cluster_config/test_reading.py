"""What a cluster file says, and what is said about one that is wrong."""

import pickle
import re
import subprocess
import sys
import warnings
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

import gridcache.config
from gridcache.cluster_config import (
    ClusterConfig,
    GridSettings,
    Launcher,
    ResourceSharing,
    load_cluster_config,
    read_cluster_config,
)
from gridcache.cluster_config.reading import _GRID, _LAUNCHER, _NODE, _SHARING
from gridcache.errors import CacheWarning, ConfigError

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED = ("laptop.yaml", "cluster.yaml", "my-cluster-enhanced.yaml")
GIB = 2**30


def test_an_empty_file_means_every_node_of_ray_and_no_pool(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert load_cluster_config(path) == ClusterConfig()
    assert ClusterConfig().resource_sharing == ResourceSharing(
        enabled=False, mode="static"
    )
    assert ClusterConfig().head is None


def test_the_seed_s_file_is_read_as_the_seed_means_it() -> None:
    config = load_cluster_config(CONFIG / "my-cluster-enhanced.yaml")
    assert config.resource_sharing == ResourceSharing(
        enabled=True, mode="dynamic_balancing"
    )
    gpu2 = config.node("gpu2")
    assert (gpu2.host, gpu2.role, gpu2.memory_nbytes) == ("gpu2", "worker", 32 * GIB)
    assert config.head is config.node("gpu-master")
    assert [node.name for node in config.giving] == ["gpu-master", "gpu1", "gpu2"]


def test_the_config_module_hands_out_the_same_function(tmp_path: Path) -> None:
    assert gridcache.config.load_cluster_config is load_cluster_config
    code = (
        "import sys; from gridcache.config import load_config;"
        "assert 'gridcache.cluster_config' not in sys.modules;"
        "from gridcache.config import load_cluster_config;"
        "assert 'yaml' not in sys.modules and 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    with pytest.raises(AttributeError, match="load_cluster_confog"):
        _ = gridcache.config.load_cluster_confog


def test_a_node_without_a_host_is_at_its_name_and_gives_nothing() -> None:
    config = read_cluster_config({"nodes": [{"name": "a"}, {"name": "b", "host": "h"}]})
    assert [(node.host, node.role) for node in config.nodes] == [
        ("a", "worker"),
        ("h", "worker"),
    ]
    assert config.giving == ()
    assert config.head is config.nodes[0]


@pytest.mark.parametrize("gb", [1, 0.5, 10.0])
def test_memory_gb_counts_binary_gigabytes(gb: float) -> None:
    config = read_cluster_config({"nodes": [{"name": "a", "memory_gb": gb}]})
    assert config.nodes[0].memory_nbytes == gb * GIB


def test_foreign_keys_are_named_in_one_warning_and_change_nothing() -> None:
    content: dict[str, object] = {
        "logging": {"level": "INFO"},
        "nodes": [{"name": "a", "memmory_gb": 4, "gpu_count": 1}],
        "execution": {"timeout_s": 3, "resource_sharing": {"policy": "aggressive"}},
    }
    with pytest.warns(CacheWarning) as caught:
        config = read_cluster_config(content)
    assert len(caught) == 1
    text = str(caught[0].message)
    for key in (
        "execution.resource_sharing.policy",
        "execution.timeout_s",
        "logging",
        "nodes[0].gpu_count",
        "nodes[0].memmory_gb (did you mean memory_gb?)",
    ):
        assert key in text
    assert caught[0].filename == __file__
    assert config == read_cluster_config({"nodes": [{"name": "a"}]})


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"replica": 2}, r"'gridcache.replica' \(argument\); did you mean replicas\?"),
        ({"zzz": 2}, r"'gridcache.zzz' .*known are grid, ray_address, port"),
        ({"launcher": {"ssh_usr": "x"}}, r"launcher.ssh_usr'.*did you mean ssh_user"),
    ],
)
def test_an_unknown_key_of_ours_is_an_error_with_a_suggestion(
    section: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_cluster_config({"gridcache": section})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"nodes": "a"}, "nodes = 'a'"),
    ({"nodes": ["a"]}, "nodes[0] = 'a'"),
    ({"nodes": [{"host": "h"}]}, "nodes[0] = {'host': 'h'}"),
    ({"nodes": [{"name": "a/b"}]}, "nodes[0].name = 'a/b'"),
    ({"nodes": [{"name": "a" * 64}]}, "nodes[0].name ="),
    ({"nodes": [{"name": "a\n"}]}, "nodes[0].name ="),
    ({"nodes": [{"name": "a"}, {"name": "a"}]}, "nodes: name = 'a'"),
    (
        {"nodes": [{"name": "a", "role": "head"}, {"name": "b", "role": "master"}]},
        "nodes = ['a', 'b']",
    ),
    ({"nodes": [{"name": "a", "role": "boss"}]}, "nodes[0].role = 'boss'"),
    ({"nodes": [{"name": "a", "host": "-oX"}]}, "nodes[0].host = '-oX'"),
    ({"nodes": [{"name": "a", "host": "h; rm"}]}, "nodes[0].host ="),
    ({"nodes": [{"name": "a", "memory_gb": 0}]}, "nodes[0].memory_gb = 0"),
    ({"nodes": [{"name": "a", "memory_gb": "4GiB"}]}, "nodes[0].memory_gb ="),
    ({"nodes": [{"name": "a", "memory_gb": True}]}, "nodes[0].memory_gb = True"),
    ({"nodes": [{"name": "a", "memory_gb": float("nan")}]}, "nodes[0].memory_gb ="),
    ({"nodes": [{"name": "a", "memory_gb": 1e30}]}, "nodes[0].memory_gb ="),
    ({"nodes": [{"name": "a", "labels": {"x": 1}}]}, "nodes[0].labels ="),
    ({"nodes": [{"name": "a", "labels": {"x": "$(y)"}}]}, "nodes[0].labels ="),
    ({"nodes": [{"name": "a", "labels": ["x"]}]}, "nodes[0].labels ="),
    ({"execution": 3}, "execution = 3"),
    (
        {"execution": {"resource_sharing": {"enabled": "yes"}}},
        "execution.resource_sharing.enabled = 'yes'",
    ),
    (
        {"execution": {"resource_sharing": {"mode": "offload_only"}}},
        "execution.resource_sharing.mode = 'offload_only'",
    ),
    ({"gridcache": {"grid": ""}}, "gridcache.grid = ''"),
    ({"gridcache": {"grid": "Mine"}}, "gridcache.grid = 'Mine'"),
    ({"gridcache": {"port": 65536}}, "gridcache.port = 65536"),
    ({"gridcache": {"port": "80"}}, "gridcache.port = '80'"),
    ({"gridcache": {"replicas": 3}}, "gridcache.replicas = 3"),
    ({"gridcache": {"replicas": True}}, "gridcache.replicas = True"),
    ({"gridcache": {"directory": "here"}}, "gridcache.directory = 'here'"),
    ({"gridcache": {"disk": "much"}}, "gridcache.disk = 'much'"),
    ({"gridcache": {"disk": 0}}, "gridcache.disk = 0"),
    ({"gridcache": {"disk_directory": "~/x"}}, "gridcache.disk_directory = '~/x'"),
    ({"gridcache": {"ray_address": " "}}, "gridcache.ray_address = ' '"),
    (
        {"gridcache": {"launcher": {"setup_commands": "ls"}}},
        "gridcache.launcher.setup_commands = 'ls'",
    ),
]


@pytest.mark.parametrize(("content", "said"), WRONG, ids=repr)
def test_a_wrong_value_is_named_with_its_key_and_file(
    content: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=r"\(cluster\.yaml\) should be ") as caught:
        read_cluster_config(content, path=Path("cluster.yaml"))
    assert str(caught.value).startswith(said)


def test_a_disk_is_a_size_and_a_place() -> None:
    section = {"disk": "100GiB", "disk_directory": "/scratch/gridcache"}
    found = read_cluster_config({"gridcache": section}).gridcache
    assert found.disk_nbytes == 100 * GIB
    assert found.disk_directory == Path("/scratch/gridcache")
    assert read_cluster_config({"gridcache": {"disk": None}}).gridcache == (
        GridSettings()
    )


def test_a_mode_that_does_not_exist_is_answered_with_those_that_do() -> None:
    content: dict[str, Any] = {"execution": {"resource_sharing": {"mode": "dynamic"}}}
    with pytest.raises(ConfigError, match=r"should be one of static, dynamic_bal"):
        read_cluster_config(content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*gone\.yaml"):
        load_cluster_config(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match=r"no node 'x' in the cluster file: has none"):
        ClusterConfig().node("x")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_loads_without_a_warning_and_explains_every_key(
    name: str,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = load_cluster_config(CONFIG / name)
    assert config.nodes
    assert config.path == CONFIG / name
    lines = (CONFIG / name).read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if re.match(r"\s*(- )?[\w-]+:|\s*- ", line):
            assert before.lstrip().startswith("#"), line


def test_one_shipped_file_has_every_key() -> None:
    text = (CONFIG / "cluster.yaml").read_text()
    named = set(re.findall(r"^\s*(?:- )?(\w+):", text, re.MULTILINE))
    assert {*_NODE, *_SHARING, *_GRID, *_LAUNCHER} <= named
    ours = load_cluster_config(CONFIG / "cluster.yaml").gridcache
    assert ours.launcher.setup_commands
    for record, default in ((ours, GridSettings()), (ours.launcher, Launcher())):
        for field in fields(record):
            if field.name not in ("launcher", "setup_commands"):
                assert getattr(record, field.name) == getattr(default, field.name)


def test_a_config_is_frozen_and_pickles() -> None:
    config = load_cluster_config(CONFIG / "cluster.yaml")
    with pytest.raises(FrozenInstanceError):
        config.nodes = ()  # type: ignore[misc] # what the test is about
    assert pickle.loads(pickle.dumps(config)) == config
