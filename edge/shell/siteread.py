"""TOML into rows: every table and key by the words of sitewords.py, every problem with its line.

Nothing here knows what a key means to another one: that is sitecheck.py.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from edge.shell.sitekey import Key, Table
from edge.shell.sitekinds import Wrong
from edge.shell.sitewords import TABLES

# By what a table of many is called in messages: the first that it has.
NAMED_BY = ("id", "charger", "board", "group", "vehicle")

Lines = dict[tuple[str, int, str], int]


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong.  table: the heading with the id; line: 0 where it cannot be told."""

    table: str
    key: str
    found: str
    expected: str
    line: int = 0

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        words = [f"{where}{self.table}".rstrip()]
        if self.key:
            words.append(f"{self.key} = {self.found}" if self.found else self.key)
        return f"{': '.join(words)}: {self.expected}"


@dataclass(frozen=True)
class Row:
    """A table of the file as it was read.  values: by field of the model; label: for messages."""

    label: str
    values: dict[str, Any]
    lines: dict[str, int]
    whole: bool


class Rows(dict[str, list[Row]]):
    """Everything that was read, by table."""

    def ids(self, table: str) -> set[str]:
        return {row.values["id"] for row in self[table] if "id" in row.values}


def read(text: str, problems: list[Problem]) -> Rows:
    """Turn a document into rows; whatever is wrong goes to problems.

    Raises tomllib.TOMLDecodeError if it is not TOML.
    """
    document = tomllib.loads(text, parse_float=Decimal)
    lines = _lines(text)
    rows = Rows({name: [] for name in TABLES})
    for name, content in document.items():
        table = TABLES.get(name)
        if table is None:
            line = lines.get((name, 0, ""), lines.get(("", 0, name), 0))
            problems.append(Problem(f"[{name}]", "", "", _unknown(name, TABLES), line))
            continue
        many = content if isinstance(content, list) else [content]
        if isinstance(content, list) != table.many or not all(isinstance(each, dict) for each in many):
            line = lines.get((name, 0, ""), lines.get(("", 0, name), 0))
            problems.append(Problem(name, "", "", f"expected to be written {table.title}", line))
            continue
        for index, each in enumerate(many):
            at = {key: line for (t, n, key), line in lines.items() if (t, n) == (name, index)}
            rows[name].append(_row(table, index, each, at, problems))
    for table in TABLES.values():
        if table.required and not document.get(table.name):
            what = table.says[:1].lower() + table.says[1:]
            problems.append(Problem(table.title, "", "", f"missing; expected a table {table.title}: {what}"))
    return rows


def _lines(text: str) -> Lines:
    """Return the line of (table, how many before it, key); key "" is the heading.  Best effort.

    tomllib tells no lines.  Dotted keys and inline tables are not found: messages then have no line.
    """
    found: Lines = {}
    counts: dict[str, int] = {}
    table, index = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := re.match(r"\s*\[{1,2}\s*([A-Za-z0-9_-]+)\s*\]", line):
            table = heading[1]
            index = counts.get(table, 0)
            counts[table] = index + 1
            found[table, index, ""] = number
        elif key := re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=", line):
            found.setdefault((table, index, key[1]), number)
    return found


def _row(
    table: Table, index: int, content: dict[str, Any], lines: dict[str, int], problems: list[Problem]
) -> Row:
    label = table.title
    if table.many:
        name = next((content[key] for key in NAMED_BY if key in content), None)
        label += f' "{name}"' if isinstance(name, str) else f" number {index + 1}"
    before = len(problems)
    values: dict[str, Any] = {}
    for name, value in content.items():
        key = table.by_name.get(name)
        if key is None:
            problem = Problem(label, name, "", _unknown(name, table.by_name), lines.get(name, 0))
            problems.append(problem)
            continue
        try:
            values[key.target] = key.kind.read(value)
        except Wrong as wrong:
            expected = f"expected {wrong}"
            problems.append(Problem(label, name, shown(value), expected, lines.get(name, 0)))
    for key in table.keys:
        if key.required and key.name not in content:
            problems.append(Problem(label, key.name, "", _missing(key), lines.get("", 0)))
    return Row(label, values, lines, whole=len(problems) == before)


def _missing(key: Key) -> str:
    return f"missing; expected {key.says}"


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"is not known {nearest(name, known)}"


def problem(row: Row, key: str, expected: str, found: object = None) -> Problem:
    """Return a problem of one key of a row; without `found`, of what stands in the file there."""
    text = "" if found is None else shown(found)
    return Problem(row.label, key, text, expected, row.lines.get(key, row.lines.get("", 0)))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is like this one, in brackets, or the known names if they are few."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f'(did you mean "{near[0]}"?)'
    return f"(there are: {', '.join(names)})" if 0 < len(names) <= 20 else ""


def shown(value: object) -> str:
    """Return a value as it would stand in the file, cut short where it is long."""

    def plain(each: object) -> object:
        return float(each) if isinstance(each, Decimal) else str(each)

    text = json.dumps(value, ensure_ascii=False, default=plain)
    return text if len(text) <= 60 else text[:57] + "..."
