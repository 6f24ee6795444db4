"""The command: arguments in, a table or JSON out. Measures nothing itself."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from gridcache.bench.document import as_document
from gridcache.bench.machine import MachineFacts, machine_facts
from gridcache.bench.place import private_place
from gridcache.bench.result import Result
from gridcache.bench.rivals import RIVALS
from gridcache.bench.run import BENCHMARKS, Plan, measure
from gridcache.bench.scale import FULL, QUICK
from gridcache.bench.table import as_report

__all__ = ["main"]

_FAULT = 1
_CLUSTERS = {
    "grid": ("gridcache.bench.grid.run", "measure_grid"),
    "dask": ("gridcache.bench.dask", "measure_dask"),
    "ray-data": ("gridcache.bench.ray_data", "measure_ray_data"),
}
"""Not among those that run without names: they start a cluster. The module and its
function that measures them."""
_NAMES = ", ".join((*BENCHMARKS, *_CLUSTERS))


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments name.

    Returns
    -------
    int
        0, also where goals were missed or rivals are absent; 1 if a figure of
        ours could not be measured because something broke.
    """
    options = _parser().parse_args(arguments)
    plan = Plan(
        names=tuple(dict.fromkeys(options.names)) or tuple(BENCHMARKS),
        scale=QUICK if options.quick else FULL,
        without=frozenset(options.without),
        trace=options.trace,
        say=_progress if sys.stderr.isatty() else lambda _: None,
    )
    facts = machine_facts()
    with private_place() as place:
        results = list(_measured(plan, place))
    _print(results, facts, as_json=options.json, quick=options.quick)
    broken = any(result.absent and result.absent.fault for result in results)
    return _FAULT if broken else 0


def _measured(plan: Plan, place: Path) -> Iterator[Result]:
    names = tuple(name for name in plan.names if name not in _CLUSTERS)
    yield from measure(replace(plan, names=names), place)
    for name, (module, function) in _CLUSTERS.items():
        if name in plan.names:  # most runs have none of them
            yield from getattr(import_module(module), function)(plan, place)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grid bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        type=_known,
        help=f"which ones ({_NAMES}); without {', '.join(_CLUSTERS)} if none is named",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--quick", action="store_true", help="fewer and smaller: a look, no figures"
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=sorted(RIVALS),
        help="a rival to leave out",
    )
    parser.add_argument(
        "--trace", type=_file, help="keys (and sizes) to replay, .npz (policies)"
    )
    return parser


def _known(name: str) -> str:
    if name not in {*BENCHMARKS, *_CLUSTERS}:
        message = f"no benchmark {name!r}; there are {_NAMES}"
        raise argparse.ArgumentTypeError(message)
    return name


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        message = f"no file {name!r}"
        raise argparse.ArgumentTypeError(message)
    return path


def _progress(text: str) -> None:
    sys.stderr.write(f"measuring {text} ...\n")
    sys.stderr.flush()


def _print(
    results: list[Result], facts: MachineFacts, *, as_json: bool, quick: bool
) -> None:
    if as_json:
        document = as_document(results, facts, quick=quick)
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    from gridcache.cli.options import Options  # noqa: PLC0415 - JSON needs no tables
    from gridcache.cli.render import emit  # noqa: PLC0415

    emit(as_report(results, facts, quick=quick), Options())
