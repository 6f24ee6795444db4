"""The page: an overview as HTML. Names are the user's text and are escaped."""

import time
from collections.abc import Iterable, Sequence
from html import escape

from gridcache.dask.dashboard.overview import Overview
from gridcache.dask.dashboard.stored import MOST_NAMES
from gridcache.dask.describe import NameInfo
from gridcache.units import format_bytes, format_duration

__all__ = ["page_html"]

_AGAIN_S = 5

_HEAD = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="refresh" content="{_AGAIN_S}"><title>gridcache</title>
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 1.5em; color-scheme: light dark }}
table {{ border-collapse: collapse; margin-bottom: 1.5em }}
th, td {{ text-align: left; padding: .15em 1.2em .15em 0 }}
th {{ border-bottom: 1px solid; font-weight: 600 }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums }}
.problem {{ color: #c33 }}
</style></head><body><h1>gridcache</h1>
"""


def page_html(overview: Overview) -> str:
    """The whole page."""
    problems = "".join(
        f'<p class="problem">{escape(problem)}</p>' for problem in overview.problems
    )
    return "".join(
        (
            _HEAD,
            problems,
            _names(overview.names),
            _nodes(overview),
            _workers(overview),
            '<p><a href="gridcache.json">JSON</a> &middot; <a href="status">Dask</a>',
            f" &middot; {time.strftime('%H:%M:%S', time.localtime(overview.at_s))}</p>",
            "</body></html>",
        )
    )


def _names(names: Sequence[NameInfo]) -> str:
    if not names:
        hint = 'gridcache.dask.persist(collection, "NAME")'
        return f"<h2>Published</h2><p>Nothing yet: <code>{escape(hint)}</code></p>"
    now = time.time()
    rows = [
        (
            one.name,
            f"{one.kind} {one.shape}",
            f"{one.present:,} of {one.partitions:,}",
            format_bytes(one.nbytes),
            format_duration(max(0.0, now - one.created_s)),
            _parts(one.nodes),
        )
        for one in names
    ]
    more = "<p>The first ones only.</p>" if len(names) == MOST_NAMES else ""
    heads = ("name", "kind", "#partitions", "#bytes", "#age", "nodes")
    return _table("Published", heads, rows) + more


def _nodes(overview: Overview) -> str:
    rows = [
        (
            str(node["node"]),
            f"{node['workers']:,}",
            f"{node['entries']:,}",
            format_bytes(node["stored_nbytes"]),
            _of(node["taken_nbytes"], node["capacity_nbytes"]),
            f"{node['hits']:,}",
            f"{node['misses']:,}",
        )
        for node in overview.nodes
    ]
    heads = ("node", "#workers", "#entries", "#of Dask", "#store", "#hits", "#misses")
    return _table("Nodes", heads, rows)


def _workers(overview: Overview) -> str:
    rows = []
    for worker in overview.workers:
        spill, recovery = worker["spill"], worker["recovery"]
        rows.append(
            (
                str(worker["name"]),
                str(worker["node"] or "-"),
                format_bytes(spill["memory_bytes"]),
                format_bytes(spill["grid_own_bytes"]),
                format_bytes(spill["grid_others_bytes"]),
                format_bytes(spill["disk_bytes"]),
                f"{spill['fell']:,}",
                f"{recovery['lost']:,}" if recovery else "-",
                "yes" if worker["into_grid"] else "no",
            )
        )
    heads = ("worker", "node", "#memory", "#own node", "#other nodes", "#disk")
    more = ("#fell", "#lost", "spills into the grid")
    return _table("Workers", (*heads, *more), rows)


def _of(nbytes: int, capacity_nbytes: int) -> str:
    return f"{format_bytes(nbytes)} of {format_bytes(capacity_nbytes)}"


def _parts(nodes: dict[str, int]) -> str:
    return ", ".join(f"{node} {format_bytes(nbytes)}" for node, nbytes in nodes.items())


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; heads that begin with # stand over numbers."""
    numbers = [head.startswith("#") for head in heads]

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' if number else ''}>{escape(cell)}</{tag}>"
            for cell, number in zip(cells, numbers, strict=True)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    head = line("th", [head.lstrip("#") for head in heads])
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"
