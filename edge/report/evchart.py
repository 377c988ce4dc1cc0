"""Files for EV-ChART: sessions, uptime and outages from the records; costs and DER from what is entered.

    sessions(station, sessions, begin, end) -> Table            module 2
    uptime(station, months) -> Table                            module 3
    outages(station, pieces, ports) -> Table                    module 4
    entered(station, 5 | 8 | 9) -> Table                        modules 5, 8, 9
    written(table) -> str                                       CSV

Rule 1: a session is in the file of the period in which it ended; unfinished ones wait.
Rule 2: total_outage and total_outage_excl are of the twelve months that end with the reporting month, as the
        uptime is ("during the previous year"); uptime is blank where the records are shorter than that.
Rule 3: a port without sessions or outages has a row that says so: all but station and port is blank.
Rule 4: report/evchartcheck.py shares nothing with this file; the command checks what it writes.

Source: EV-ChART data format; column descriptions of US-JOET/ev-chart-open-source, database_central_config.
What excluded_outage_reason 1 to 6 mean is not in EV-ChART's code: ours is the order of the reasons in 23 CFR
680.116(b)(3), and a station file may say otherwise.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from edge.model.exclusion import DISASTER, MAINTENANCE, UTILITY, VANDALISM, VEHICLE
from edge.model.records import Session
from edge.model.units import SECOND_MS
from edge.report.outages import OutagePiece
from edge.report.portyear import FigureKind
from edge.report.spans import Span
from edge.report.starts import is_failed
from edge.report.station import Station
from edge.report.uptime import PortUptime, minutes

REASONS = {UTILITY: 1, VEHICLE: 2, MAINTENANCE: 3, VANDALISM: 4, DISASTER: 5}

COLUMNS = {
    2: (
        "station_id", "network_provider", "port_id", "charger_id", "session_id", "connector_id",
        "session_start", "session_end", "session_error", "error_other", "energy_kwh", "power_kw",
        "payment_method", "payment_other",
    ),
    3: (
        "station_id", "network_provider", "port_id", "uptime_reporting_start", "uptime_reporting_end",
        "uptime", "total_outage", "total_outage_excl",
    ),
    4: (
        "station_id", "network_provider", "port_id", "outage_id", "outage_duration", "excluded_outage",
        "excluded_outage_reason", "excluded_outage_notes",
    ),
    5: (
        "station_id", "network_provider", "project_id", "maintenance_report_start", "maintenance_report_end",
        "caas", "maintenance_cost_total", "maintenance_cost_federal", "maintenance_notes",
    ),
    8: (
        "station_id", "network_provider", "der_upgrade", "der_onsite", "der_type", "der_type_other", "der_kw",
        "der_kwh",
    ),
    9: (
        "station_id", "network_provider", "project_id", "station_upgrade", "real_property_acq_date",
        "real_property_acq_owned", "real_property_cost_total", "real_property_cost_federal",
        "equipment_acq_date", "equipment_acq_owned", "equipment_cost_total", "equipment_cost_federal",
        "equipment_install_date", "equipment_install_cost_total", "equipment_install_cost_federal",
        "equipment_install_cost_elec", "equipment_install_cost_const", "equipment_install_cost_labor",
        "equipment_install_cost_other", "der_acq_owned", "der_cost_total", "der_cost_federal",
        "der_install_cost_total", "der_install_cost_federal", "dist_sys_cost_total", "dist_sys_cost_federal",
        "service_cost_total", "service_cost_federal",
    ),
}  # fmt: skip
ENTERED = {5: "maintenance_cost", 8: "der", 9: "capital"}

ID_MAX = 36
NO_ERROR = "No error"
OTHER = "Other"
MREC = re.compile(r"CX\d{3}")

# Shorter pieces are 0.00 minutes, and EV-ChART takes 0.01 and more.
SHORTEST_MS = 300


class Table(msgspec.Struct, frozen=True):
    """A file.  rows: cells as they are written, by column."""

    module: int
    rows: list[dict[str, str]]


def written(table: Table) -> str:
    """Return a file as CSV (RFC 4180)."""
    text = io.StringIO()
    to = csv.DictWriter(text, COLUMNS[table.module], lineterminator="\r\n")
    to.writeheader()
    to.writerows(table.rows)
    return text.getvalue()


def _row(station: Station, module: int, **cells: str) -> dict[str, str]:
    blank = dict.fromkeys(COLUMNS[module], "")
    return {**blank, "station_id": station.id, "network_provider": station.network_provider, **cells}


def sessions(station: Station, rows: Iterable[Session], period: Span) -> Table:
    """Return module 2: the sessions that ended in a period, by port and start."""
    found: list[dict[str, str]] = []
    ended = [row for row in rows if row.end_wall_ms is not None and period[0] <= row.end_wall_ms < period[1]]
    for port in station.ports:
        own = sorted(
            (row for row in ended if (row.port or row.charger) == port.id), key=lambda row: row.start_wall_ms
        )
        for row in own:
            error, other = _error(row)
            found.append(
                _row(
                    station,
                    2,
                    port_id=port.id,
                    charger_id=port.charger_id,
                    session_id=short(row.id),
                    connector_id=port.connector_id,
                    session_start=utc(row.start_wall_ms),
                    session_end=utc(row.end_wall_ms or 0),
                    session_error=error,
                    error_other=other,
                    energy_kwh=_kilo(row.energy_wh),
                    power_kw=_kilo(row.power_w_max),
                    payment_method=station.payment_method,
                )
            )
        if not own:
            found.append(_row(station, 2, port_id=port.id))
    return Table(2, found)


def _error(row: Session) -> tuple[str, str]:
    """Return session_error and error_other: MREC codes where known, else in words."""
    codes = MREC.findall(row.error)
    if codes:
        return ", ".join(codes), "" if len(", ".join(codes)) == len(row.error) else row.error[:255]
    if row.error:
        return OTHER, row.error[:255]
    return (OTHER, "power was asked for and never flowed") if is_failed(row) else (NO_ERROR, "")


def uptime(station: Station, months: Iterable[Iterable[PortUptime]], kind: FigureKind) -> Table:
    """Return module 3: one row a port and month.  kind: which of the two figures is reported."""
    rows = []
    for month in months:
        for port in month:
            if station.port(port.port) is None:
                continue
            past = port.past_conservative if kind == "conservative" else port.past_evidence
            year = port.year_conservative if kind == "conservative" else port.year_evidence
            rows.append(
                _row(
                    station,
                    3,
                    port_id=port.port,
                    uptime_reporting_start=utc(port.from_wall_ms),
                    uptime_reporting_end=utc(port.to_wall_ms - SECOND_MS),
                    uptime=year.percent if year else "",
                    total_outage=minutes(past.outage_ms),
                    total_outage_excl=minutes(past.excluded_ms),
                )
            )
    return Table(3, rows)


def outages(station: Station, pieces: Iterable[OutagePiece]) -> Table:
    """Return module 4: one row a piece of an outage, or that a port had none."""
    numbers = {**REASONS, **station.excluded_outage_reason}
    own = [piece for piece in pieces if piece.duration_ms >= SHORTEST_MS]
    rows = []
    for port in station.ports:
        of_port = [piece for piece in own if piece.port == port.id]
        for piece in of_port:
            cells = {
                "outage_id": utc(piece.start_wall_ms, exact=True),
                "outage_duration": minutes(piece.duration_ms),
                "excluded_outage": "TRUE" if piece.excluded else "FALSE",
            }
            if piece.excluded:
                cells["excluded_outage_reason"] = str(numbers[piece.excluded])
                cells["excluded_outage_notes"] = (f"{piece.excluded}: {piece.evidence}")[:255]
            rows.append(_row(station, 4, port_id=port.id, **cells))
        if not of_port:
            rows.append(_row(station, 4, port_id=port.id))
    return Table(4, rows)


def entered(station: Station, module: int) -> Table:
    """Return module 5, 8 or 9 from what was entered.

    Raises ValueError naming what is no column of it.
    """
    name = ENTERED[module]
    rows: tuple[Mapping[str, Any], ...] = getattr(station, name)
    for row in rows:
        for key in row:
            if key not in COLUMNS[module]:
                raise ValueError(f"{name}: {key}: expected one of {', '.join(COLUMNS[module][2:])}")
    cells = [{key: _cell(f"{name}: {key}", value) for key, value in row.items()} for row in rows]
    return Table(module, [_row(station, module, **row) for row in cells])


def _cell(key: str, value: object) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime():
            return utc(int(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * SECOND_MS))
        case date():
            return _cell(key, datetime.combine(value, time(), UTC))
        case int() | Decimal():
            return str(Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP))
        case str():
            return value
    raise ValueError(f"{key}: {value!r}: expected a text, a number, a date, true or false")


def utc(wall_ms: int, exact: bool = False) -> str:
    """Return a time as EV-ChART takes it: whole seconds, or with the milliseconds that there are."""
    at = datetime.fromtimestamp(wall_ms // SECOND_MS, UTC)
    rest = f".{wall_ms % SECOND_MS:03d}" if exact and wall_ms % SECOND_MS else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{rest}Z"


def short(name: str) -> str:
    """Return an id of at most 36 characters: itself, or a hash that is always the same."""
    return name if len(name) <= ID_MAX else hashlib.sha256(name.encode()).hexdigest()[:32]


def _kilo(value: int) -> str:
    return str((Decimal(value) / 1000).quantize(Decimal("0.01"), ROUND_HALF_UP))
