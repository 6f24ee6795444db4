"""Which Ray node a node of the file is: label, else name, else host."""

from typing import Any

import pytest

from gridcache.cluster_config import (
    ClusterConfig,
    RayNode,
    match_nodes,
    read_cluster_config,
)
from gridcache.errors import ConfigError


def config(**hosts: str) -> ClusterConfig:
    nodes = [{"name": name, "host": host} for name, host in hosts.items()]
    return read_cluster_config({"nodes": nodes})


def ray_node(node_id: str, *, label: str = "", **facts: Any) -> RayNode:
    labels = {"gridcache-node": label} if label else {}
    return RayNode(node_id=node_id, labels=labels, **facts)


def matched(found: dict[str, RayNode]) -> dict[str, str]:
    return {name: node.node_id for name, node in found.items()}


def test_the_label_is_stronger_than_the_name_and_that_than_the_host() -> None:
    nodes = [
        ray_node("labelled", label="a", name="b", address="hc"),
        ray_node("named", name="a", address="hb"),
        ray_node("at host", name="9.9.9.9", address="ha"),
    ]
    assert matched(match_nodes(config(a="ha"), nodes)) == {"a": "labelled"}
    assert matched(match_nodes(config(a="ha"), nodes[1:])) == {"a": "named"}
    assert matched(match_nodes(config(a="ha"), nodes[2:])) == {"a": "at host"}


@pytest.mark.parametrize("fact", ["name", "host_name", "address"])
def test_a_host_is_any_name_of_the_machine(fact: str) -> None:
    nodes = [ray_node("1", **{fact: "10.0.0.2"})]
    assert matched(match_nodes(config(gpu2="10.0.0.2"), nodes)) == {"gpu2": "1"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_localhost_is_the_machine_that_asks(host: str) -> None:
    here = RayNode(node_id="here", address="10.0.0.1", here=True)
    there = RayNode(node_id="there", address="10.0.0.2")
    assert matched(match_nodes(config(laptop=host), [there, here])) == {
        "laptop": "here"
    }


def test_nodes_that_the_file_does_not_list_are_left_out_and_the_order_is_its() -> None:
    nodes = [ray_node(name, label=name) for name in ("x", "a", "b")]
    assert list(match_nodes(config(b="b", a="a"), nodes)) == ["b", "a"]
    assert match_nodes(ClusterConfig(), nodes) == {}


def test_no_match_lists_both_sides_and_the_cure() -> None:
    nodes = [ray_node("0123456789", label="gpu1", address="10.0.0.1")]
    with pytest.raises(ConfigError) as caught:
        match_nodes(config(gpu1="10.0.0.1", gpu2="10.0.0.2"), nodes)
    text = str(caught.value)
    assert "gpu2 is none of them" in text
    assert "gpu1 (host 10.0.0.1), gpu2 (host 10.0.0.2)" in text
    assert "Ray has gpu1 / 10.0.0.1 (01234567)" in text
    assert "ray start --labels" in text


def test_without_any_ray_node_the_error_says_so() -> None:
    with pytest.raises(ConfigError, match=r"Ray has none\."):
        match_nodes(config(a="a"), [])


def test_a_node_that_bears_another_s_label_is_not_found_by_its_host() -> None:
    nodes = [ray_node("1", label="gpu1", address="h")]
    with pytest.raises(ConfigError, match="gpu2 is none of them"):
        match_nodes(config(gpu2="h"), nodes)


def test_several_ray_nodes_at_one_host_need_labels() -> None:
    nodes = [ray_node("1", address="h"), ray_node("2", address="h")]
    with pytest.raises(ConfigError, match="a is several of them"):
        match_nodes(config(a="h"), nodes)


def test_two_names_for_one_machine_are_refused() -> None:
    with pytest.raises(ConfigError, match="a and b are the same one"):
        match_nodes(config(a="h", b="h"), [ray_node("1", address="h")])
