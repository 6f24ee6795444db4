"""The grid's tables, from records: what people see, and what programs get."""

import json

from gridcache.cli.machine import as_csv, as_json
from gridcache.cli.plain import as_text
from gridcache.cli.tables.nodes import distribute_report, nodes_report
from gridcache.cli.tables.sharing import pool_report, sharing_report
from gridcache.cluster.actors.status import GridStatus, NodeInfo
from gridcache.cluster.table.view import Move
from gridcache.cluster_config import ResourceSharing

GIB = 2**30
HEAD = NodeInfo(
    name="head",
    host="10.0.0.1",
    state="serving",
    number=1,
    port=4000,
    epoch=7,
    cpus=8.0,
    memory_nbytes=4 * GIB,
    capacity_nbytes=2 * GIB,
    free_nbytes=GIB,
    entries=3,
    blocks=1,
    labels={"rack": "r1"},
    pid=12,
)
SILENT = NodeInfo(
    name="gpu2", host="10.0.0.2", state="lost", alive=False, reason="Ray lost it; up"
)
STATUS = GridStatus(
    name="default",
    epoch=7,
    nodes=(HEAD, SILENT),
    moves=(Move(1, 1, 2, 9), Move(2, 1, 2, 10), Move(3, 5, 1, 11)),
    mode="dynamic_balancing",
    ray_address="10.0.0.1:6379",
)
POOL = {"blocks": 1, "size_bytes": GIB, "capacity_bytes": 2 * GIB, "free_bytes": GIB}


def test_a_node_that_says_nothing_has_dashes_and_its_reason_is_told() -> None:
    report = nodes_report(STATUS.nodes)
    lines = as_text(report).splitlines()
    assert lines[1].split() == [
        "head",
        "10.0.0.1",
        "serving",
        "2.00",
        "GiB",
        "1.00",
        "GiB",
        "3",
        "1",
    ]
    assert lines[2].split() == ["gpu2", "10.0.0.2", "lost", "-", "-", "-", "-"]
    assert report.note == "gpu2: Ray lost it; up"


def test_programs_get_every_fact_of_a_node() -> None:
    head, silent = json.loads(as_json(nodes_report(STATUS.nodes)))["nodes"]
    assert head["capacity_nbytes"] == 2 * GIB
    assert head["labels"] == {"rack": "r1"}
    assert silent["entries"] is None
    assert silent["reason"] == "Ray lost it; up"
    assert as_csv(nodes_report(STATUS.nodes)).count("\n") == 3


def test_an_empty_grid_says_so() -> None:
    assert nodes_report(()).note == "no node has joined yet"


def test_distribute_sums_the_grid_and_counts_whole_processors() -> None:
    document = json.loads(as_json(distribute_report(STATUS)))
    assert document["grid"]["nodes"] == 2
    assert document["grid"]["capacity_nbytes"] == 2 * GIB
    assert [node["cpus"] for node in document["nodes"]] == [8, None]
    text = as_text(distribute_report(STATUS))
    assert text.splitlines()[-2].split() == [
        *("head", "8", "4.00", "GiB", "2.00", "GiB", "serving", "12", "7"),
    ]


def test_moves_are_counted_by_their_two_nodes() -> None:
    sharing = ResourceSharing(enabled=True, mode="static")
    stats = POOL | {"grid": "default", "nodes": [POOL | {"node": "head"}]}
    document = json.loads(as_json(sharing_report(sharing, stats, STATUS)))
    assert document["sharing"] == {"enabled": True, "mode": "dynamic_balancing"}
    assert document["moves"] == [
        {"source": "head", "target": "member 2", "partitions": 2},
        {"source": "member 5", "target": "head", "partitions": 1},
    ]
    assert document["pool"]["size_nbytes"] == GIB
    assert document["nodes"][0]["node"] == "head"
    assert as_text(pool_report(stats)).splitlines()[0] == "Pool"
