"""OCPI 2.2.1 as a judge: names, types, bounds and enumerations, written from the specification.

    wrong(value, "Location") -> list[str]        empty: the value is such an object

Shares nothing with edge/report/ocpi.py.  An object may have only the fields that the specification names.
"?" after a type: the field may be missing; "+": a list of one or more; "*": a list.  Text: (longest).
Source: OCPI 2.2.1, chapters 8 (Locations), 9 (Sessions), 10 (CDRs), 17 (Types).
"""

import re
from typing import Any

TEXT = re.compile(r"(CiString|string)\((\d+)\)")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

PATTERNS = {"latitude": r"-?[0-9]{1,2}\.[0-9]{5,7}", "longitude": r"-?[0-9]{1,3}\.[0-9]{5,7}"}

ENUMS = {
    "Status": "AVAILABLE BLOCKED CHARGING INOPERATIVE OUTOFORDER PLANNED REMOVED RESERVED UNKNOWN",
    "SessionStatus": "ACTIVE COMPLETED INVALID PENDING RESERVATION",
    "AuthMethod": "AUTH_REQUEST COMMAND WHITELIST",
    "TokenType": "AD_HOC_USER APP_USER OTHER RFID",
    "ConnectorFormat": "SOCKET CABLE",
    "PowerType": "AC_1_PHASE AC_2_PHASE AC_2_PHASE_SPLIT AC_3_PHASE DC",
    "ConnectorType": (
        "CHADEMO CHAOJI DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F DOMESTIC_G "
        "DOMESTIC_H DOMESTIC_I DOMESTIC_J DOMESTIC_K DOMESTIC_L DOMESTIC_M DOMESTIC_N DOMESTIC_O GBT_AC "
        "GBT_DC IEC_60309_2_single_16 IEC_60309_2_three_16 IEC_60309_2_three_32 IEC_60309_2_three_64 "
        "IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C "
        "NEMA_5_20 NEMA_6_30 NEMA_6_50 NEMA_10_30 NEMA_10_50 NEMA_14_30 NEMA_14_50 PANTOGRAPH_BOTTOM_UP "
        "PANTOGRAPH_TOP_DOWN TESLA_R TESLA_S"
    ),
    "CdrDimensionType": "CURRENT ENERGY ENERGY_EXPORT ENERGY_IMPORT MAX_CURRENT MIN_CURRENT MAX_POWER "
    "MIN_POWER PARKING_TIME POWER RESERVATION_TIME STATE_OF_CHARGE TIME",
}  # fmt: skip

OBJECTS = {
    "Location": {
        "country_code": "CiString(2)", "party_id": "CiString(3)", "id": "CiString(36)", "publish": "boolean",
        "name": "string(255)?", "address": "string(45)", "city": "string(45)", "postal_code": "string(10)?",
        "state": "string(20)?", "country": "string(3)", "coordinates": "GeoLocation", "evses": "EVSE*",
        "time_zone": "string(255)", "last_updated": "DateTime",
    },
    "GeoLocation": {"latitude": "string(10)", "longitude": "string(11)"},
    "EVSE": {
        "uid": "CiString(36)", "evse_id": "CiString(48)?", "status": "Status", "connectors": "Connector+",
        "physical_reference": "string(16)?", "last_updated": "DateTime",
    },
    "Connector": {
        "id": "CiString(36)", "standard": "ConnectorType", "format": "ConnectorFormat",
        "power_type": "PowerType", "max_voltage": "int", "max_amperage": "int", "max_electric_power": "int?",
        "last_updated": "DateTime",
    },
    "CdrToken": {
        "country_code": "CiString(2)", "party_id": "CiString(3)", "uid": "CiString(36)", "type": "TokenType",
        "contract_id": "CiString(36)",
    },
    "Session": {
        "country_code": "CiString(2)", "party_id": "CiString(3)", "id": "CiString(36)",
        "start_date_time": "DateTime", "end_date_time": "DateTime?", "kwh": "number", "cdr_token": "CdrToken",
        "auth_method": "AuthMethod", "location_id": "CiString(36)", "evse_uid": "CiString(36)",
        "connector_id": "CiString(36)", "meter_id": "string(255)?", "currency": "string(3)",
        "charging_periods": "ChargingPeriod*", "total_cost": "Price?", "status": "SessionStatus",
        "last_updated": "DateTime",
    },
    "ChargingPeriod": {
        "start_date_time": "DateTime", "dimensions": "CdrDimension+", "tariff_id": "CiString(36)?",
    },
    "CdrDimension": {"type": "CdrDimensionType", "volume": "number"},
    "Price": {"excl_vat": "number", "incl_vat": "number?"},
    "CDR": {
        "country_code": "CiString(2)", "party_id": "CiString(3)", "id": "CiString(39)",
        "start_date_time": "DateTime", "end_date_time": "DateTime", "session_id": "CiString(36)?",
        "cdr_token": "CdrToken", "auth_method": "AuthMethod", "cdr_location": "CdrLocation",
        "meter_id": "string(255)?", "currency": "string(3)", "charging_periods": "ChargingPeriod+",
        "total_cost": "Price", "total_energy": "number", "total_time": "number",
        "total_parking_time": "number?", "last_updated": "DateTime",
    },
    "CdrLocation": {
        "id": "CiString(36)", "name": "string(255)?", "address": "string(45)", "city": "string(45)",
        "postal_code": "string(10)?", "state": "string(20)?", "country": "string(3)",
        "coordinates": "GeoLocation", "evse_uid": "CiString(36)", "evse_id": "CiString(48)",
        "connector_id": "CiString(36)", "connector_standard": "ConnectorType",
        "connector_format": "ConnectorFormat", "connector_power_type": "PowerType",
    },
}  # fmt: skip


def wrong(value: Any, kind: str, where: str = "") -> list[str]:
    """Return what is wrong with a value of a type."""
    where = where or kind
    if kind in OBJECTS:
        return _object(value, OBJECTS[kind], where)
    if kind in ENUMS:
        return [] if value in ENUMS[kind].split() else [f"{where}: {value!r} is no {kind}"]
    if text := TEXT.fullmatch(kind):
        good = isinstance(value, str) and 0 < len(value) <= int(text[2])
        if text[1] == "CiString":
            good = good and value.isascii() and value.isprintable()
        pattern = PATTERNS.get(where.rpartition(".")[2])
        good = good and (pattern is None or re.fullmatch(pattern, value) is not None)
    elif kind == "DateTime":
        good = isinstance(value, str) and len(value) <= 25 and TIME.fullmatch(value) is not None
    elif kind == "boolean":
        good = isinstance(value, bool)
    else:
        types = {"int": int, "number": int | float}[kind]
        good = isinstance(value, types) and not isinstance(value, bool) and value >= 0
    return [] if good else [f"{where}: {value!r} is no {kind}"]


def _object(value: Any, fields: dict[str, str], where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    found = [f"{where}.{name}: not in the specification" for name in value if name not in fields]
    for name, kind in fields.items():
        here = f"{where}.{name}"
        if name not in value:
            found += [] if kind[-1] in "?*" else [f"{here}: missing"]
        elif kind[-1] in "+*":
            items = value[name]
            if not isinstance(items, list) or (kind[-1] == "+" and not items):
                found.append(f"{here}: expected a list")
            else:
                found += [error for item in items for error in wrong(item, kind[:-1], here)]
        else:
            found += wrong(value[name], kind.rstrip("?"), here)
    return found
