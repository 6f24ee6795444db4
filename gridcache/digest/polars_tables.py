"""polars: frames and series, through Arrow.

Not covered: lazy frames, which are a plan and may read files; they are refused.
"""

from typing import Any

import polars as pl

from gridcache.digest.engine import FAMILIES, Digester, leaf
from gridcache.digest.errors import Unkeyable

__all__: list[str] = []


def _frame(d: Digester, value: pl.DataFrame) -> bytes:
    columns = [d.part(part, f"[{part.name!r}]") for part in value.get_columns()]
    return d.node(
        "polars frame", [d.token((type(value).__name__, *value.shape)), *columns]
    )


def _series(d: Digester, value: pl.Series) -> bytes:
    label = d.token([value.name, repr(value.dtype)])
    return d.node("polars series", [label, d.part(_content(value), "")])


def _content(value: pl.Series) -> Any:
    return value.to_list() if value.dtype == pl.Object else value.to_arrow()


def _lazy(_: Digester, value: pl.LazyFrame) -> bytes:
    raise Unkeyable(value, "is a plan, not data; collect it first")


def _expression(_: Digester, value: pl.Expr) -> bytes:
    return leaf("polars expression", value.meta.serialize())


FAMILIES |= {
    pl.DataFrame: _frame,
    pl.Series: _series,
    pl.LazyFrame: _lazy,
    pl.Expr: _expression,
}
