"""Rows of the EV Charging Use Data Specification (Atlas Public Policy).

    sessions(station, rows), uptime(station, months, kind), outages(station, pieces),
    ports(station), stations(station) -> list[Row]
    lacking(kind, rows) -> dict[str, int]           what the JSON schemas require and the rows do not have

Rule 1: what is not known is left out, not made up.  The JSON schemas require every field, also those that the
        specification itself calls optional (a state of charge that no AC charger reads); `lacking` says what
        a file lacks of them.
Rule 2: fees, contacts and the like are what the station file says under charging_use, in the schema's names.

Source: field names and types of the specification's JSON schemas (David Herron, BSD-3-Clause).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from edge.model.records import Session
from edge.model.units import MINUTE_MS, SECOND_MS
from edge.report.evchart import utc
from edge.report.outages import OutagePiece
from edge.report.portyear import FigureKind
from edge.report.starts import is_failed
from edge.report.station import Station, StationPort
from edge.report.uptime import PortUptime

Row = dict[str, Any]

CONNECTORS = {"J1772": "J1772", "CCS1": "CCS", "CCS2": "CCS", "CHAdeMO": "CHAdeMO", "NACS": "NACS"}

REQUIRED = {
    "session": (
        "session_id", "port_id", "plug_start_datetime", "plug_end_datetime", "charge_start_datetime",
        "charge_end_datetime", "session_duration", "charging_duration", "energy_kwh", "peak_kw",
        "total_fee_charged", "energy_fee", "session_fee", "time_fee", "user_id", "successful_completion",
        "ended_by", "start_soc", "end_soc", "error_code", "payment_type",
    ),
    "uptime": (
        "port_id", "station_id", "uptime_period_start", "uptime_period_end", "report_yr_mon", "uptime_pct",
        "outage_total", "outage_excluded",
    ),
    "outage": (
        "outage_id", "port_id", "station_id", "outage_start", "outage_end", "outage_duration", "outage_cause",
        "exempted_outage",
    ),
    "port": (
        "port_id", "project_id", "station_id", "data_provider_org", "data_provider_poc_email", "is_active",
        "power_level_kw", "port_latitude", "port_longitude", "station_activation_date", "charger_type",
        "connector_type", "energy_fee", "session_fee", "time_fee", "parking_fee", "idle_fee",
        "operating_hours", "equipment_manufacturer", "model_number", "equipment_serial",
        "data_provider_poc_last", "data_provider_poc_first", "network", "network_contact",
        "evse_manufacturer", "trailer_accessible", "payments_accepted",
    ),
    "station": (
        "station_id", "station_name", "station_address", "station_city", "station_state", "station_zip",
        "station_county", "station_lon", "station_lat", "operator_name", "operator_address", "operator_city",
        "operator_state", "operating_status", "access_type", "site_host_type", "site_host_type_detail",
        "host_first_name", "host_last_name", "host_email", "onsite_der",
    ),
}  # fmt: skip

# How charging may end as expected; "paused" is our own doing, and it went on or the vehicle left.
AS_EXPECTED = ("vehicle", "unplugged", "paused")


def lacking(kind: str, rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows lack a field that the schema requires, by field."""
    found: dict[str, int] = {}
    for row in rows:
        for name in REQUIRED[kind]:
            if name not in row:
                found[name] = found.get(name, 0) + 1
    return found


def sessions(station: Station, rows: Iterable[Session]) -> list[Row]:
    """Return the sessions that are over, by start."""
    own = [row for row in rows if row.end_wall_ms is not None and station.port(row.port or row.charger)]
    return [_session(station, row) for row in sorted(own, key=lambda row: row.start_wall_ms)]


def _session(station: Station, row: Session) -> Row:
    known: Row = {
        "session_id": row.id,
        "port_id": row.port or row.charger,
        "plug_start_datetime": utc(row.start_wall_ms),
        "plug_end_datetime": utc(row.end_wall_ms or 0),
        "session_duration": duration(row.duration_ms),
        "charging_duration": duration(row.charging_ms),
        "energy_kwh": row.energy_wh / 1000,
        "peak_kw": row.power_w_max / 1000,
        "user_id": row.driver or row.vehicle or "unknown",
        "successful_completion": not is_failed(row) and row.stop in AS_EXPECTED,
        "ended_by": row.stop or row.end_reason,
        "error_code": row.error or "none",
    }
    if row.first_power_ms is not None and row.last_power_ms is not None:
        known["charge_start_datetime"] = utc(row.start_wall_ms + row.first_power_ms)
        known["charge_end_datetime"] = utc(row.start_wall_ms + row.last_power_ms)
    if row.soc_start_pm is not None and row.soc_end_pm is not None:
        known["start_soc"], known["end_soc"] = row.soc_start_pm / 1000, row.soc_end_pm / 1000
    return {**_entered(station, "session"), **known}


def uptime(station: Station, months: Iterable[Iterable[PortUptime]], kind: FigureKind) -> list[Row]:
    """Return the uptime of every port and month: of the month itself."""
    rows = []
    for month in months:
        for port in month:
            if station.port(port.port):
                figure = port.conservative if kind == "conservative" else port.evidence
                rows.append(
                    {
                        "port_id": port.port,
                        "station_id": station.id,
                        "uptime_period_start": utc(port.from_wall_ms),
                        "uptime_period_end": utc(port.to_wall_ms),
                        "report_yr_mon": port.month.replace("-", ""),
                        "uptime_pct": float(figure.percent),
                        "outage_total": figure.outage_ms / MINUTE_MS,
                        "outage_excluded": figure.excluded_ms / MINUTE_MS,
                    }
                )
    return rows


def outages(station: Station, pieces: Iterable[OutagePiece]) -> list[Row]:
    """Return the outages that are over, cut at the ends of months and of exclusions."""
    return [
        {
            "outage_id": f"{piece.port}/{utc(piece.start_wall_ms, exact=True)}",
            "port_id": piece.port,
            "station_id": station.id,
            "outage_start": utc(piece.start_wall_ms, exact=True),
            "outage_end": utc(piece.end_wall_ms, exact=True),
            "outage_duration": duration(piece.duration_ms),
            "outage_cause": piece.excluded or piece.cause,
            "exempted_outage": bool(piece.excluded),
        }
        for piece in pieces
        if piece.ends and station.port(piece.port)
    ]


def ports(station: Station) -> list[Row]:
    """Return the ports as entered."""
    return [_port(station, port) for port in station.ports]


def _port(station: Station, port: StationPort) -> Row:
    known: Row = {
        "port_id": port.id,
        "station_id": station.id,
        "power_level_kw": float(port.power_kw),
        "port_latitude": float(station.place.latitude),
        "port_longitude": float(station.place.longitude),
        "station_activation_date": f"{station.operational.isoformat()}T00:00:00Z",
        "charger_type": "level_2" if port.phases else "DCFC",
        "network": station.network_provider,
    }
    if port.connector in CONNECTORS:
        known["connector_type"] = CONNECTORS[port.connector]
    return {**_entered(station, "port"), **known}


def stations(station: Station) -> list[Row]:
    """Return the station as entered."""
    place = station.place
    known: Row = {
        "station_id": station.id,
        "station_name": station.name,
        "station_address": place.address,
        "station_city": place.city,
        "station_state": place.state,
        "station_zip": place.postal_code,
        "station_county": place.county,
        "station_lat": float(place.latitude),
        "station_lon": float(place.longitude),
    }
    return [{**_entered(station, "station"), **{key: value for key, value in known.items() if value != ""}}]


def _entered(station: Station, kind: str) -> Row:
    entered = station.charging_use.get(kind, {})
    return {key: float(value) if isinstance(value, Decimal) else value for key, value in entered.items()}


def duration(ms: int) -> str:
    """Return a length of time as ISO 8601, in seconds with the milliseconds that there are."""
    whole, rest = divmod(ms, SECOND_MS)
    return f"PT{whole}.{rest:03d}S" if rest else f"PT{whole}S"
