"""Reports as CSV for a spreadsheet: one table each, times as ISO 8601 in UTC, figures as they are."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Response

# What a spreadsheet would take for a formula: a vehicle may be called anything.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(rows: Sequence[msgspec.Struct], more: Mapping[str, Any] | None = None) -> str:
    """Return rows as CSV with a header.  more: columns with the same value in every row, at the front.

    A wall time gets a column of its own in words; what is a struct in itself becomes columns.
    """
    flat = [{**(more or {}), **_flat(msgspec.to_builtins(row))} for row in rows]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in flat)
    return out.getvalue()


def download(name: str, text: str) -> Response[str]:
    """Return text as a file to keep."""
    return Response(text, headers=named(name), media_type="text/csv; charset=utf-8")


def named(name: str) -> dict[str, str]:
    """Return the header by which a browser keeps an answer as a file."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    return {"Content-Disposition": f'attachment; filename="{safe}"'}


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            found |= _flat(value, f"{name}_")
        elif isinstance(value, list):
            found[name] = " ".join(str(each) for each in value)
        elif key.endswith("_wall_ms") and isinstance(value, int):
            found[name.removesuffix("_wall_ms")] = _utc(value)
        elif key.endswith("_wall_ms"):
            found[name.removesuffix("_wall_ms")] = ""
        else:
            found[name] = value
    return found


def _utc(wall_ms: int) -> str:
    try:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return str(wall_ms)


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return "" if value is None else value
