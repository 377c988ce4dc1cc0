"""Charge windows from files: CSV with a header, or an iCalendar that a fleet's calendar exports.

    read("vans.csv", text) -> [Entry(line, wish)]          Raises DeskError: file, line, key, expectation

CSV: the columns are the options of `depot window add` (charger, from, ready_by, need_kwh, …); "," or ";".

iCalendar: one window per VEVENT.  LOCATION is the charger or group, SUMMARY the vehicle, DTSTART and DTEND
from and ready-by, UID the id.  RRULE FREQ=DAILY or FREQ=WEEKLY with BYDAY gives the days; without one it is
for that date.  EXDATE are exceptions.  What it needs stands in the DESCRIPTION: "40 kWh", "80 % of 60 kWh",
"180 km at 0.22 kWh/km".  Times in UTC or of a TZID become the site's.

Source: RFC 5545, 3.1 (folding), 3.3.10 (recurrence), 3.6.1 (events).
"""

import csv
import io
import re
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.shell.answers import DeskError
from edge.shell.windows import WindowWish

ENTRIES_MAX = 2_000

COLUMNS = {
    "charger": "charger", "group": "charger", "from": "from_time", "ready_by": "ready_by",
    "need_kwh": "need_kwh", "soc": "soc", "battery_kwh": "battery_kwh", "arrives_with": "arrives_with",
    "km": "km", "kwh_per_km": "kwh_per_km", "arrive_kwh": "arrive_kwh", "days": "days", "dates": "dates",
    "not_on": "not_on", "priority": "priority", "vehicle": "vehicle", "id": "id", "holidays": "holidays",
    "must_leave": "must_leave",
}  # fmt: skip
FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
BYDAY = {"MO": "mon", "TU": "tue", "WE": "wed", "TH": "thu", "FR": "fri", "SA": "sat", "SU": "sun"}

ENERGY = re.compile(r"(?<![\d.%/])\b([\d.]+)\s*kWh\b(?!/)", re.I)
CHARGE = re.compile(r"([\d.]+)\s*%\s*of\s*([\d.]+)\s*kWh", re.I)
DISTANCE = re.compile(r"([\d.]+)\s*km\s*(?:at|@)\s*([\d.]+)\s*kWh/km", re.I)


class Entry(NamedTuple):
    """A window of a file.  line: where it stands."""

    line: int
    wish: WindowWish


def read(name: str, text: str, timezone: str) -> list[Entry]:
    """Return the windows of a file, by what is in it.  timezone: of the site.  Raises DeskError."""
    text = text.removeprefix("\ufeff")
    calendar = text.lstrip().upper().startswith("BEGIN:VCALENDAR")
    found = _calendar(name, text, timezone) if calendar else _table(name, text)
    if not found:
        raise DeskError(f"{name}: no windows: expected rows below a header, or VEVENTs")
    if len(found) > ENTRIES_MAX:
        raise DeskError(f"{name}: {len(found)} windows: expected up to {ENTRIES_MAX}")
    return found


# --- CSV --------------------------------------------------------------------------------------------


def _table(name: str, text: str) -> list[Entry]:
    first = text.split("\n", 1)[0]
    rows = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ","
    )
    try:
        return _rows(name, rows)
    except csv.Error as error:
        raise DeskError(f"{name}: line {rows.line_num}: {error}: expected a table of text") from None


def _rows(name: str, rows: Any) -> list[Entry]:
    """Return the windows of a CSV reader's rows.  Raises DeskError, and csv.Error."""
    header = [cell.strip().lower().replace("-", "_").replace(" ", "_") for cell in next(rows, [])]
    unknown = [cell for cell in header if cell not in COLUMNS]
    if unknown or not header:
        known = ", ".join(COLUMNS)
        raise DeskError(f"{name}: line 1: column {(unknown or [''])[0]!r}: expected some of {known}")
    found = []
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{name}: line {rows.line_num}"
        if len(cells) > len(header):
            raise DeskError(f"{where}: {len(cells)} cells: expected {len(header)}, as the header has")
        found.append(Entry(rows.line_num, _row(where, dict(zip(header, cells, strict=False)))))
    return found


def _row(where: str, cells: dict[str, str]) -> WindowWish:
    values: dict[str, object] = {}
    for column, cell in cells.items():
        said = cell.strip()
        if said == "":
            continue
        key = COLUMNS[column]
        if key in ("holidays", "must_leave"):
            if said.lower() not in FLAGS:
                raise DeskError(f"{where}: {column}: {said!r}: expected yes or no")
            values[key] = FLAGS[said.lower()]
        elif key == "priority":
            if not re.fullmatch(r"-?\d{1,4}", said):
                raise DeskError(f"{where}: priority: {said!r}: expected a whole number")
            values[key] = int(said)
        elif key in ("dates", "not_on") or key == "days":
            values[key] = said.replace(" ", ",")
        else:
            values[key] = said
    for needed in ("charger", "from_time", "ready_by"):
        if needed not in values:
            column = {"from_time": "from"}.get(needed, needed)
            raise DeskError(f"{where}: {column}: is missing")
    return WindowWish(**values)  # type: ignore[arg-type]


# --- iCalendar --------------------------------------------------------------------------------------


class _Line(NamedTuple):
    number: int
    key: str
    parameters: dict[str, str]
    value: str


def _calendar(name: str, text: str, timezone: str) -> list[Entry]:
    found: list[Entry] = []
    event: dict[str, list[_Line]] | None = None
    begins = 0
    for line in _lines(text):
        if (line.key, line.value.upper()) == ("BEGIN", "VEVENT"):
            event, begins = {}, line.number
        elif (line.key, line.value.upper()) == ("END", "VEVENT"):
            if event is None:
                raise DeskError(f"{name}: line {line.number}: END:VEVENT without its beginning")
            found.append(Entry(begins, _event(f"{name}: line {begins}", event, timezone)))
            event = None
        elif event is not None:
            event.setdefault(line.key, []).append(line)
    if event is not None:
        raise DeskError(f"{name}: line {begins}: the VEVENT has no end: the file is cut off")
    return found


def _lines(text: str) -> list[_Line]:
    """Return the content lines, unfolded."""
    whole: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line[:1] in (" ", "\t") and whole:
            whole[-1] = (whole[-1][0], whole[-1][1] + line[1:])
        elif line.strip():
            whole.append((number, line))
    found = []
    for number, line in whole:
        head, _, value = line.partition(":")
        key, *parameters = head.split(";")
        pairs = (p.partition("=") for p in parameters)
        found.append(_Line(number, key.upper(), {k.upper(): v.strip('"') for k, _, v in pairs}, value))
    return found


def _event(where: str, event: dict[str, list[_Line]], timezone: str) -> WindowWish:
    def text(key: str) -> str:
        lines = event.get(key)
        said = lines[0].value if lines else ""
        return re.sub(r"\\([,;\\])", r"\1", said.replace("\\n", " ").replace("\\N", " ")).strip()

    for key, what in (("DTSTART", "when it comes"), ("DTEND", "when it leaves"), ("LOCATION", "the charger")):
        if key not in event:
            raise DeskError(f"{where}: {key}: is missing: {what}")
    begin = _moment(where, event["DTSTART"][0], timezone)
    end = _moment(where, event["DTEND"][0], timezone)
    if not 0 < (end - begin).total_seconds() < 24 * 3600:
        raise DeskError(f"{where}: DTEND: {end:%Y-%m-%d %H:%M}: expected within a day after DTSTART")
    days, dates = _recurrence(where, event, begin)
    except_ = sorted(
        _moment(where, line._replace(value=part), timezone).date().isoformat()
        for line in event.get("EXDATE", [])
        for part in line.value.split(",")
    )
    return WindowWish(
        charger=text("LOCATION"),
        from_time=f"{begin:%H:%M}",
        ready_by=f"{end:%H:%M}",
        days=days,
        dates=dates,
        not_on=",".join(except_),
        vehicle=text("SUMMARY")[:60],
        id=re.sub(r"[^A-Za-z0-9._-]", "-", text("UID")).strip("-.")[:40],
        **_needs(where, text("DESCRIPTION")),  # type: ignore[arg-type]
    )


def _recurrence(where: str, event: dict[str, list[_Line]], begin: datetime) -> tuple[str, str]:
    """Return days and dates of an event."""
    if "RRULE" not in event:
        return "daily", begin.date().isoformat()
    parts = dict(part.split("=", 1) for part in event["RRULE"][0].value.upper().split(";") if "=" in part)
    unknown = sorted(parts.keys() - {"FREQ", "BYDAY", "WKST"})
    interval = parts.get("INTERVAL") == "1"
    if parts.get("FREQ") not in ("DAILY", "WEEKLY") or (
        unknown and not (unknown == ["INTERVAL"] and interval)
    ):
        raise DeskError(
            f"{where}: RRULE: {event['RRULE'][0].value}: expected FREQ=DAILY or FREQ=WEEKLY with BYDAY, "
            "and no more"
        )
    if "BYDAY" not in parts:
        weekly = parts["FREQ"] == "WEEKLY"
        return (list(BYDAY.values())[begin.weekday()] if weekly else "daily"), ""
    named = parts["BYDAY"].split(",")
    wrong = next((day for day in named if day not in BYDAY), None)
    if wrong is not None:
        raise DeskError(f"{where}: RRULE: BYDAY {wrong}: expected some of {','.join(BYDAY)}")
    return ",".join(BYDAY[day] for day in named), ""


def _moment(where: str, line: _Line, timezone: str) -> datetime:
    """Return a date-time as the clock on site shows it."""
    site = ZoneInfo(timezone)
    said = line.value.strip()
    try:
        if re.fullmatch(r"\d{8}", said) and line.key == "EXDATE":
            return datetime.combine(date.fromisoformat(said), datetime.min.time(), site)
        at = datetime.strptime(said.removesuffix("Z"), "%Y%m%dT%H%M%S")
        zone = UTC if said.endswith("Z") else ZoneInfo(line.parameters.get("TZID", timezone))
    except (ValueError, ZoneInfoNotFoundError):
        raise DeskError(
            f"{where}: {line.key}: {said!r}: expected a time such as 20261124T180000, of a known TZID"
        ) from None
    return at.replace(tzinfo=zone).astimezone(site)


def _needs(where: str, text: str) -> dict[str, str]:
    if match := CHARGE.search(text):
        return {"soc": match[1], "battery_kwh": match[2]}
    if match := DISTANCE.search(text):
        return {"km": match[1], "kwh_per_km": match[2]}
    if match := ENERGY.search(text):
        return {"need_kwh": match[1]}
    raise DeskError(
        f'{where}: DESCRIPTION: {text[:40]!r}: expected "40 kWh", "80 % of 60 kWh" or "180 km at 0.22 kWh/km"'
    )
