"""Locations, sessions and CDRs in the shape of OCPI 2.2.1: its names, enumerations and bounds, as JSON.

    locations(station, intervals, timezone, now) -> list[object]
    sessions(station, rows) -> list[object]
    cdrs(station, rows) -> list[object]
    answer(data, wall_ms) -> object             the envelope of an OCPI response

Rule 1: a session is ACTIVE while it lasts and COMPLETED after; one in which power was asked for and never
        flowed is INVALID.  A CDR is of a session that is over and has delivered energy.
Rule 2: a driver is a pseudonym.  Where nobody is known the token is the fleet's.
Rule 3: the depot bills nobody: costs are 0, and say so.
Rule 4: energies are kWh, times are hours, as OCPI has them; what is not charging is parking.

Source: OCPI 2.2.1 (EVRoaming Foundation), modules Locations, Sessions, CDRs.
"""

import re
from collections.abc import Iterable
from typing import Any

from edge.model.records import PortInterval, Session
from edge.model.units import HOUR_MS
from edge.report.evchart import short, utc
from edge.report.starts import is_failed
from edge.report.station import Station, StationPort

Json = dict[str, Any]

STANDARDS = {
    "J1772": "IEC_62196_T1",
    "CCS1": "IEC_62196_T1_COMBO",
    "CCS2": "IEC_62196_T2_COMBO",
    "CHAdeMO": "CHADEMO",
    "NACS": "TESLA_S",  # 2.2.1 knows the connector under its old name
    "Type 2": "IEC_62196_T2",
}
POWER_TYPES = {0: "DC", 1: "AC_1_PHASE", 3: "AC_3_PHASE"}

# (state, cause) of a port's interval -> Status.  Silent is UNKNOWN, which OCPI has for offline as well.
STATUSES = {
    ("up", "available"): "AVAILABLE",
    ("up", "in use"): "CHARGING",
    ("up", "curtailed"): "CHARGING",
    ("down", "comms"): "UNKNOWN",
    ("down", "unavailable"): "INOPERATIVE",
    ("down", "power"): "INOPERATIVE",
}
OTHER_STATUS = {"up": "AVAILABLE", "down": "OUTOFORDER", "unknown": "UNKNOWN"}

EVSE_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}")

FLEET = "fleet"


def answer(data: list[Json], wall_ms: int) -> Json:
    """Return the envelope of a response with a list of objects."""
    return {"data": data, "status_code": 1000, "status_message": "Success", "timestamp": utc(wall_ms)}


def locations(station: Station, intervals: Iterable[PortInterval], timezone: str, wall_ms: int) -> list[Json]:
    """Return the station with its ports as they are: by the interval that lasts, or the last one there is."""
    newest: dict[str, PortInterval] = {}
    for row in sorted(intervals, key=lambda row: row.start_wall_ms):
        newest[row.port] = row
    evses = [_evse(station, port, newest.get(port.id), wall_ms) for port in station.ports]
    place = _place(station)
    return [
        {
            **_party(station),
            "id": short(station.id),
            "publish": False,
            **place,
            "time_zone": timezone,
            "evses": evses,
            "last_updated": max(evse["last_updated"] for evse in evses),
        }
    ]


def sessions(station: Station, rows: Iterable[Session]) -> list[Json]:
    """Return the sessions at the station's ports, by start."""
    found = []
    for row, port in _own(station, rows):
        status = "ACTIVE" if row.end_wall_ms is None else "INVALID" if is_failed(row) else "COMPLETED"
        until_ms = row.start_wall_ms + row.duration_ms if row.end_wall_ms is None else row.end_wall_ms
        session = {
            **_party(station),
            "id": short(row.id),
            "start_date_time": utc(row.start_wall_ms),
            "kwh": row.energy_wh / 1000,
            "cdr_token": _token(station, row),
            "auth_method": "WHITELIST",
            "location_id": short(station.id),
            "evse_uid": short(port.id),
            "connector_id": port.connector_id,
            "currency": station.currency,
            "charging_periods": [_period(row)],
            "total_cost": {"excl_vat": 0.0, "incl_vat": 0.0},
            "status": status,
            "last_updated": utc(until_ms),
        }
        if row.end_wall_ms is not None:
            session["end_date_time"] = utc(row.end_wall_ms)
        found.append(session)
    return found


def cdrs(station: Station, rows: Iterable[Session]) -> list[Json]:
    """Return the charge detail records of sessions that are over and have delivered energy, by end."""
    found = []
    for row, port in _own(station, rows):
        if row.end_wall_ms is None or row.energy_wh <= 0:
            continue
        found.append(
            {
                **_party(station),
                "id": short(row.id),
                "start_date_time": utc(row.start_wall_ms),
                "end_date_time": utc(row.end_wall_ms),
                "session_id": short(row.id),
                "cdr_token": _token(station, row),
                "auth_method": "WHITELIST",
                "cdr_location": _cdr_location(station, port),
                "currency": station.currency,
                "charging_periods": [_period(row)],
                "total_cost": {"excl_vat": 0.0, "incl_vat": 0.0},
                "total_energy": row.energy_wh / 1000,
                "total_time": _hours(row.duration_ms),
                "total_parking_time": _hours(max(0, row.duration_ms - row.charging_ms)),
                "last_updated": utc(row.end_wall_ms),
            }
        )
    return sorted(found, key=lambda cdr: str(cdr["end_date_time"]))


def _own(station: Station, rows: Iterable[Session]) -> list[tuple[Session, StationPort]]:
    pairs = [(row, station.port(row.port or row.charger)) for row in rows]
    own = [(row, port) for row, port in pairs if port is not None]
    return sorted(own, key=lambda pair: (pair[0].start_wall_ms, pair[1].id))


def _party(station: Station) -> Json:
    return {"country_code": station.country_code, "party_id": station.party_id}


def _place(station: Station) -> Json:
    place = station.place
    optional = {"postal_code": place.postal_code, "state": place.state}
    return {
        "name": station.name,
        "address": place.address,
        "city": place.city,
        **{key: value for key, value in optional.items() if value},
        "country": place.country,
        "coordinates": {"latitude": f"{place.latitude:.6f}", "longitude": f"{place.longitude:.6f}"},
    }


def _evse(station: Station, port: StationPort, last: PortInterval | None, wall_ms: int) -> Json:
    updated = utc(last.start_wall_ms if last else wall_ms)
    status = "UNKNOWN" if last is None else STATUSES.get((last.state, last.cause), OTHER_STATUS[last.state])
    return {
        "uid": short(port.id),
        "evse_id": evse_id(station, port),
        "status": status,
        "physical_reference": port.id[:16],
        "connectors": [
            {
                "id": port.connector_id,
                **_connector(port),
                "max_voltage": port.voltage_v,
                "max_amperage": port.max_a,
                "max_electric_power": int(port.power_kw * 1000),
                "last_updated": updated,
            }
        ],
        "last_updated": updated,
    }


def _connector(port: StationPort, prefix: str = "") -> Json:
    return {
        f"{prefix}standard": STANDARDS[port.connector],
        f"{prefix}format": "CABLE" if port.cable else "SOCKET",
        f"{prefix}power_type": POWER_TYPES[port.phases],
    }


def _cdr_location(station: Station, port: StationPort) -> Json:
    return {
        "id": short(station.id),
        **_place(station),
        "evse_uid": short(port.id),
        "evse_id": evse_id(station, port),
        "connector_id": port.connector_id,
        **_connector(port, "connector_"),
    }


def evse_id(station: Station, port: StationPort) -> str:
    """Return the port's id in the form of eMI3: itself where it has that form, else made of it."""
    if EVSE_ID.fullmatch(port.id):
        return port.id
    own = re.sub(r"[^A-Z0-9]", "*", port.id.upper()).strip("*")[:30] or "1"
    return f"{station.country_code}*{station.party_id}*E{own}"


def _token(station: Station, row: Session) -> Json:
    uid = row.driver or row.vehicle or FLEET
    return {**_party(station), "uid": uid, "type": "RFID" if row.driver else "OTHER", "contract_id": uid}


def _period(row: Session) -> Json:
    dimensions = [
        {"type": "ENERGY", "volume": row.energy_wh / 1000},
        {"type": "MAX_POWER", "volume": row.power_w_max / 1000},
        {"type": "TIME", "volume": _hours(row.charging_ms)},
        {"type": "PARKING_TIME", "volume": _hours(max(0, row.duration_ms - row.charging_ms))},
    ]
    return {"start_date_time": utc(row.start_wall_ms), "dimensions": dimensions}


def _hours(ms: int) -> float:
    return round(ms / HOUR_MS, 4)
