"""Checks a file for EV-ChART by EV-ChART's own definitions; knows nothing of how our files are written.

    check(text, module, operational) -> list[Wrong]            empty: it is accepted

The columns, their types and bounds, and the unique keys are those of definitions/evchart.json; what concerns
more than one cell stands in `_rows_of_*` below.

Rule 1: a header is taken letter by letter, a blank included; unknown and doubled columns are refused.  The
        cells below the others are looked at all the same, so that one look tells all that is wrong.
Rule 2: rows without any value are passed over.  A byte order mark at the beginning is, too.
Rule 3: module 2: a row tells of no session (only station, port and provider) or all that is required of one.
        Module 3: who has operated for a year must give the uptime.  Module 4: an outage has an id and a
        duration or neither; who excludes one says why.
Rule 4: nothing is repaired: " TRUE" is no TRUE.

Source: US-JOET/ev-chart-open-source, definitions and error messages (definitions/evchart.json names the
commit).
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

MODULES = tuple(range(2, 10))

Rule = Literal[
    "empty file", "missing column", "unknown column", "duplicate column", "row length", "missing value",
    "only blanks", "too long", "too short", "wrong length", "datetime", "decimal", "precision", "scale",
    "minimum", "maximum", "boolean", "integer", "all or none", "order", "uptime required", "reason required",
    "duplicate row",
]  # fmt: skip

DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z?", re.ASCII)
DECIMAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?", re.ASCII)
INTEGER = re.compile(r"-?\d+", re.ASCII)

# Columns of every module.  network_provider is a varchar(30) of the data base.
STATION = {"name": "station_id", "required": True, "datatype": "string", "max_length": 36}
PROVIDER = {"name": "network_provider", "required": True, "datatype": "string", "max_length": 30}

Field = Mapping[str, Any]
Row = dict[str, str]


class Wrong(msgspec.Struct, frozen=True):
    """One thing that is refused.  line: of the file, None for the whole of it; column: "" for a whole row."""

    line: int | None
    column: str
    rule: Rule
    says: str

    def __str__(self) -> str:
        where = "the file" if self.line is None else f"line {self.line}"
        return f"{where}{': ' + self.column if self.column else ''}: {self.says}"


@cache
def fields(module: int) -> dict[str, Field]:
    """Return the columns of a module, by name."""
    own = _definitions()[str(module)]["fields"]
    return {field["name"]: field for field in [STATION, PROVIDER, *own]}


@cache
def _definitions() -> dict[str, Any]:
    text = files("edge.report").joinpath("definitions/evchart.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def check(text: str, module: int, operational: Mapping[str, date] | None = None) -> list[Wrong]:
    """Return what EV-ChART refuses of a file, by line.

    operational: by station, since when; of other stations nobody knows whether they must give an uptime.
    Raises ValueError if there is no such module.
    """
    if module not in MODULES:
        raise ValueError(f"module {module}: expected one of {', '.join(map(str, MODULES))}")
    lines = list(csv.reader(text.removeprefix("\ufeff").splitlines()))
    if not lines or not any(lines[0]):
        return [Wrong(None, "", "empty file", "expected a header and rows")]
    head, known = lines[0], fields(module)
    wrong = list(_header(head, known))
    whole = not any(each.rule == "missing column" for each in wrong)
    rows: list[tuple[int, Row]] = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(head) and any(cells):
            wrong.append(Wrong(number, "", "row length", f"expected {len(head)} cells, found {len(cells)}"))
        elif any(cells):
            rows.append((number, dict(zip(head, cells, strict=True))))
    if not rows and not wrong:
        return [Wrong(None, "", "empty file", "expected rows below the header")]
    for number, row in rows:
        wrong += (
            w for name, value in row.items() if name in known for w in _cell(number, known[name], value)
        )
        if whole:
            wrong += _rows_of(module, number, row, operational or {})
    if whole:
        wrong += _doubled(module, rows)
    return sorted(wrong, key=lambda each: (each.line or 0, each.column))


def _header(head: list[str], known: Mapping[str, Field]) -> Iterator[Wrong]:
    for name, field in known.items():
        if field["required"] and name not in head:
            yield Wrong(1, name, "missing column", "this column is required")
    for name in dict.fromkeys(head):
        if name not in known:
            yield Wrong(1, name, "unknown column", f'"{name}" is no column of this module')
        if head.count(name) > 1:
            yield Wrong(1, name, "duplicate column", "it stands there more than once")


# --- one cell ---------------------------------------------------------------------------------------


def _cell(line: int, field: Field, value: str) -> Iterator[Wrong]:
    name = field["name"]
    if value == "":
        if field["required"] and not field.get("required_empty_allowed"):
            yield Wrong(line, name, "missing value", "a value is required")
        return
    of = {
        "string": _string, "datetime": _datetime, "decimal": _decimal, "boolean": _boolean,
        "integer": _integer,
    }[field["datatype"]]  # fmt: skip
    for rule, says in of(field, value):
        yield Wrong(line, name, rule, f"{value!r}: {says}")


Refusals = Iterator[tuple[Rule, str]]


def _string(field: Field, value: str) -> Refusals:
    if not value.strip():
        yield "only blanks", "expected more than blanks"
    if len(value) > field.get("max_length", len(value)):
        yield "too long", f"expected at most {field['max_length']} characters"
    if len(value) < field.get("min_length", 0):
        yield "too short", f"expected at least {field['min_length']} characters"
    if len(value) != field.get("length", len(value)):
        yield "wrong length", f"expected {field['length']} characters"


def _datetime(_: Field, value: str) -> Refusals:
    try:
        good = DATETIME.fullmatch(value) is not None
        datetime.fromisoformat(value)
    except ValueError:
        good = False
    if not good:
        yield "datetime", "expected UTC as YYYY-MM-DDTHH:MM:SSZ (RFC 3339)"


def _decimal(field: Field, value: str) -> Refusals:
    found = DECIMAL.fullmatch(value)
    if found is None:
        yield "decimal", "expected a number"
        return
    scale = field["max_scale"]
    whole = field["max_precision"] - scale
    if len(found[3] or "") > scale:
        yield "scale", f"expected at most {scale} decimals"
    if len(found[2].lstrip("0")) > whole:
        yield "precision", f"expected at most {whole} digits before the point"
    yield from _bounds(field, Decimal(value))


def _integer(field: Field, value: str) -> Refusals:
    if INTEGER.fullmatch(value) is None:
        yield "integer", "expected a whole number"
        return
    if len(value) != field.get("length", len(value)):
        yield "wrong length", f"expected {field['length']} digits"
    yield from _bounds(field, Decimal(value))


def _bounds(field: Field, value: Decimal) -> Refusals:
    if "min_value" in field and value < Decimal(str(field["min_value"])):
        yield "minimum", f"expected {field['min_value']} or more"
    if "max_value" in field and value > Decimal(str(field["max_value"])):
        yield "maximum", f"expected {field['max_value']} or less"


def _boolean(_: Field, value: str) -> Refusals:
    if value.upper() not in ("TRUE", "FALSE"):
        yield "boolean", "expected TRUE or FALSE"


# --- more than one cell -----------------------------------------------------------------------------


def _rows_of(module: int, line: int, row: Row, operational: Mapping[str, date]) -> Iterator[Wrong]:
    match module:
        case 2:
            yield from _session(line, row)
        case 3:
            yield from _order(line, row, "uptime_reporting_start", "uptime_reporting_end")
            yield from _uptime(line, row, operational)
        case 4:
            yield from _outage(line, row)
        case 5:
            yield from _order(line, row, "maintenance_report_start", "maintenance_report_end")
        case 9:
            yield from _costs(line, row)


def _session(line: int, row: Row) -> Iterator[Wrong]:
    rest = {
        name: value
        for name, value in row.items()
        if name in fields(2) and name not in ("station_id", "port_id", "network_provider")
    }
    if not any(rest.values()):
        return
    for name, value in rest.items():
        if value == "" and fields(2)[name]["required"]:
            says = "a value is required of a session; without sessions all but station and port is blank"
            yield Wrong(line, name, "all or none", says)
    yield from _order(line, row, "session_start", "session_end")


def _order(line: int, row: Row, first: str, last: str) -> Iterator[Wrong]:
    if not (DATETIME.fullmatch(row[first]) and DATETIME.fullmatch(row[last])):
        return
    try:
        begin, end = (datetime.fromisoformat(row[key].removesuffix("Z")) for key in (first, last))
    except ValueError:
        return
    if begin > end:
        yield Wrong(line, last, "order", f"{row[last]} is before {first} {row[first]}")


def _uptime(line: int, row: Row, operational: Mapping[str, date]) -> Iterator[Wrong]:
    since = operational.get(row["station_id"])
    if row["uptime"] or since is None or not DATETIME.fullmatch(row["uptime_reporting_start"]):
        return
    start = date.fromisoformat(row["uptime_reporting_start"][:10])
    if since < _year_before(start):
        says = f"the station has operated for a year (since {since}): expected its uptime"
        yield Wrong(line, "uptime", "uptime required", says)


def _year_before(day: date) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if leap_day else day.day)


def _outage(line: int, row: Row) -> Iterator[Wrong]:
    for one, other in (("outage_id", "outage_duration"), ("outage_duration", "outage_id")):
        if row[one] == "" and row[other] != "":
            says = f"expected a value beside {other}; without an outage both are blank"
            yield Wrong(line, one, "all or none", says)
    if row.get("excluded_outage", "").upper() == "TRUE" and row.get("excluded_outage_reason", "") == "":
        yield Wrong(line, "excluded_outage_reason", "reason required", "expected why it is excluded, 1 to 6")


def _costs(line: int, row: Row) -> Iterator[Wrong]:
    totals = {
        name for name, field in fields(9).items() if field["required"] and field.get("required_empty_allowed")
    }
    empty = sorted(name for name in totals if row[name] == "")
    if empty and len(empty) < len(totals):
        yield Wrong(
            line, empty[0], "all or none", f"expected all total costs or none; blank: {', '.join(empty)}"
        )


def _doubled(module: int, rows: list[tuple[int, Row]]) -> Iterator[Wrong]:
    seen: dict[tuple[str, ...], int] = {}
    key = _definitions()[str(module)]["unique_key"]
    for line, row in rows:
        values = tuple(row[name] for name in key)
        if values in seen:
            says = f"the same {', '.join(key)} as in line {seen[values]}"
            yield Wrong(line, "", "duplicate row", says)
        seen.setdefault(values, line)
