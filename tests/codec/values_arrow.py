"""Arrow values, by the name of their test."""

import datetime as dt
import decimal
import uuid
from typing import Any

import pyarrow as pa

from gridcache.codec.arrow_arrays import HAS_VIEWS


def _arrow() -> dict[str, Any]:
    texts = pa.array(["a", None, "long text " * 3] * 500)
    views = texts.cast(pa.string_view())
    numbers = pa.array([1, None, 3])
    maps = pa.map_(pa.string(), pa.int64())
    table = pa.table({"n": range(1500), "t": texts, "d": texts.dictionary_encode()})
    union = pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [numbers, texts]
    )
    arrays = {
        "int64": numbers,
        "bool": pa.array([True, None, False] * 30),
        "null": pa.nulls(4),
        "string": texts,
        "large-string": texts.cast(pa.large_string()),
        "binary": pa.array([b"a", None]),
        "decimal": pa.array([decimal.Decimal("1.50"), None]),
        "timestamp": pa.array([dt.datetime(2026, 1, 1)], pa.timestamp("ms", "UTC")),
        "time": pa.array([dt.time(1), None]),
        "duration": pa.array([dt.timedelta(1)]),
        "list": pa.array([[1], None, [2, 3], []] * 20),
        "fixed-list": pa.array([[1, 2], None, [3, 4]] * 20, pa.list_(pa.int8(), 2)),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": "y"}] * 20),
        "map": pa.array([[("a", 1)], [], None], maps),
        "dictionary": texts.dictionary_encode(),
        "list-of-dictionary": pa.array(
            [["a"], ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))
        ),
        "extension": pa.array([uuid.UUID(int=7).bytes], pa.uuid()),
        "empty": pa.array([], pa.string()),
    }
    return {
        **{f"arrow-{name}": array for name, array in arrays.items()},
        **{f"arrow-{name}-slice": array[1:] for name, array in arrays.items()},
        "arrow-table": table,
        "arrow-table-slice": table.slice(700, 5),
        "arrow-table-chunks": pa.concat_tables([table, table.slice(3, 4)]),
        "arrow-table-metadata": table.replace_schema_metadata({"k": "v"}),
        "arrow-table-empty": pa.table({}),
        "arrow-batch": table.to_batches()[0],
        "arrow-batch-slice": table.to_batches()[0].slice(1, 2),
        "arrow-chunked": table["n"],
        "arrow-chunked-empty": pa.chunked_array([], pa.int8()),
        "arrow-nested": {"t": table, "u": [table, numbers]},
        # Older versions of Arrow cannot rebuild views from buffers.
        f"{'' if HAS_VIEWS else 'pickle:'}arrow-views": views,
        f"{'' if HAS_VIEWS else 'pickle:'}arrow-views-slice": views[1:],
        "pickle:arrow-union": union,
        "pickle:arrow-scalar": numbers[0],
    }


VALUES = _arrow()
