"""Reads a load from a table (CSV), to bill it: the utility's own interval data, or another program's.

    load(path) -> LoadTable      raises LoadRefused: file, line, what was found, what was expected

Columns: `time`, the beginning of each interval with its offset ("2026-07-01T00:00:00-07:00" or "…Z"), and
`kw` or `kwh`; `export_kw` or `export_kwh` where there is export.  All intervals are of one length.
"""

import csv
from collections import Counter
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import msgspec

from edge.core.peaks import Quarter
from edge.model.units import HOUR_MS, MINUTE_MS, QUARTER_MS

LENGTHS_MIN = (1, 5, 15, 30, 60)
MOST_KW = Decimal(10**6)


class LoadRefused(Exception):
    """The file cannot be read or is not a load.  The text names file, line and column."""


class LoadTable(msgspec.Struct, frozen=True):
    """A load by quarters of an hour.  minutes: of the file's own intervals."""

    quarters: tuple[Quarter, ...]
    minutes: int


def load(path: Path) -> LoadTable:
    """Return the load of a file.  Raises LoadRefused."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            rows = [_row(path, table.line_num, row) for row in table]
    except FileNotFoundError:
        raise LoadRefused(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LoadRefused(f"{path}: cannot be read: {error}") from None
    if len(rows) < 2:
        raise LoadRefused(f"{path}: expected a head with time and kw or kwh, and two rows at least")
    return _table(path, sorted(rows, key=lambda row: row[0]))


_Row = tuple[int, Decimal, Decimal, bool]


def _row(path: Path, line: int, row: dict[str, str]) -> _Row:
    """Return time, import and export, and whether these are energies."""
    at = _time(path, line, row.get("time"))
    energies = "kwh" in row
    taken = _number(path, line, row, "kwh" if energies else "kw")
    given = "export_kwh" if energies else "export_kw"
    return at, taken, _number(path, line, row, given) if given in row else Decimal(0), energies


def _time(path: Path, line: int, text: str | None) -> int:
    try:
        at = datetime.fromisoformat(text or "")
        if at.tzinfo is None:
            raise ValueError
    except ValueError:
        expected = 'expected a time with its offset, such as "2026-07-01T00:00:00-07:00"'
        raise LoadRefused(f'{path}: line {line}: time: {expected}, found "{text or ""}"') from None
    return int(at.timestamp() * 1000)


def _number(path: Path, line: int, row: dict[str, str], key: str) -> Decimal:
    text = row.get(key)
    try:
        value = Decimal(text or "")
        if not 0 <= value <= MOST_KW:
            raise InvalidOperation
    except InvalidOperation:
        raise LoadRefused(f'{path}: line {line}: {key}: expected 0 or more, found "{text or ""}"') from None
    return value


def _table(path: Path, rows: list[_Row]) -> LoadTable:
    steps = Counter(after[0] - before[0] for before, after in pairwise(rows))
    step_ms = steps.most_common(1)[0][0]
    if step_ms % MINUTE_MS or step_ms // MINUTE_MS not in LENGTHS_MIN:
        allowed = ", ".join(map(str, LENGTHS_MIN))
        raise LoadRefused(
            f"{path}: time: expected intervals of {allowed} min, found {step_ms / MINUTE_MS:g} min"
        )
    sums: dict[int, tuple[Fraction, Fraction, int]] = {}
    seen = set()
    for at, taken, given, energies in rows:
        if at in seen or at % step_ms:
            told = datetime.fromtimestamp(at / 1000).astimezone().isoformat()
            what = (
                "twice in the file"
                if at in seen
                else f"not at a whole interval of {step_ms // MINUTE_MS} min"
            )
            raise LoadRefused(f"{path}: time: {told} is {what}")
        seen.add(at)
        per_wh = Fraction(1000) if energies else Fraction(1000 * step_ms, HOUR_MS)
        _spread(sums, at, step_ms, Fraction(taken) * per_wh, Fraction(given) * per_wh)
    quarters = tuple(
        Quarter(start, taken, given, measured_ms=measured_ms)
        for start, (taken, given, measured_ms) in sorted(sums.items())
    )
    return LoadTable(quarters, step_ms // MINUTE_MS)


def _spread(
    sums: dict[int, tuple[Fraction, Fraction, int]], at: int, step_ms: int, taken: Fraction, given: Fraction
) -> None:
    """Add an interval to its quarter of an hour, or spread it evenly over several."""
    parts = max(1, step_ms // QUARTER_MS)
    length_ms = step_ms // parts
    for n in range(parts):
        start = (at + n * length_ms) // QUARTER_MS * QUARTER_MS
        before = sums.get(start, (Fraction(0), Fraction(0), 0))
        sums[start] = (before[0] + taken / parts, before[1] + given / parts, before[2] + length_ms)
