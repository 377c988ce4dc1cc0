"""Charge windows and vehicles of a site file: what must hold between their keys, and the model's values.

check(rows)       problems: for whom a window is, what it needs, who is called alike
notes(rows)       what may be right: vehicles on chargers that do not tell who is there
windows(rows), fleet(rows), default_window(rows)      once everything has been checked
"""

import itertools
from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Any

from drivers import library
from drivers.table import BadTable
from edge.core.fleet import TELLS
from edge.model.site import DefaultWindow, FleetVehicle, Window
from edge.shell.answers import DeskError
from edge.shell.siteread import Problem, Row, Rows, nearest, problem
from edge.shell.windowneeds import ARRIVES_WITH, Need, need

# Keys of [[window]] that say what it needs; the rest are fields of the model as they stand.
NEED_KEYS = ("need_wh", "soc_pm", "battery_wh", "km", "kwh_per_km")


def check(rows: Rows) -> Iterator[Problem]:
    """Return what is wrong."""
    for row in rows["default_window"]:
        if row.whole and not {"stay_ms", "ready_by_min"} & row.values.keys():
            yield problem(row, "stay_h", "missing; expected stay_h, or ready_by, or both")
    yield from _vehicles(rows)
    groups = _groups(rows)
    for row in rows["window"]:
        if not row.whole:
            continue
        found = list(_for_whom(row, rows, groups))
        yield from found
        if row.values["from_min"] == row.values["ready_by_min"]:
            yield problem(row, "ready_by", "expected another time than from")
        if not found:
            yield from _need_of(row, rows)


def _vehicles(rows: Rows) -> Iterator[Problem]:
    first: dict[str, Row] = {}
    for row in rows["vehicle"]:
        values = row.values
        if {"kwh_per_km", "km_per_kwh"} <= values.keys():
            yield problem(row, "km_per_kwh", "expected this or kwh_per_km, not both")
        for name in values.get("ids", ()):
            if name in first:
                told = f"is {first[name].label}'s already; expected one vehicle for each"
                yield problem(row, "ids", told, name)
            first.setdefault(name, row)
        if values.get("id") in rows.ids("charger"):
            yield problem(row, "id", "is a charger's; expected a name of its own", values["id"])
    chargers, _ = _groups(rows)
    for row in rows["vehicle"]:
        for name in row.values.get("groups", ()):
            if name in chargers or name in rows.ids("charger") | rows.ids("vehicle"):
                yield problem(row, "groups", "is the name of something else; expected one of its own", name)


def _groups(rows: Rows) -> tuple[set[str], set[str]]:
    """Return the names of groups of chargers and of vehicles."""
    chargers, vehicles = (
        {name for row in rows[table] for name in row.values.get("groups", ())}
        for table in ("charger", "vehicle")
    )
    return chargers, vehicles


def _for_whom(row: Row, rows: Rows, groups: tuple[set[str], set[str]]) -> Iterator[Problem]:
    """A window is for a charger, a group or a vehicle of the file."""
    values = row.values
    group, vehicle = values.get("group"), values.get("vehicle")
    if "charger" in values and group is not None:
        yield problem(row, "group", "expected this or charger, not both", group)
    elif "charger" not in values and group is None and vehicle is None:
        yield problem(row, "charger", "missing; expected a charger, a group or a vehicle")
    elif group is not None and group not in groups[0] | groups[1]:
        near = nearest(group, groups[0] | groups[1])
        yield problem(
            row, "group", f"no [[charger]] and no [[vehicle]] has this group {near}".rstrip(), group
        )
    elif "charger" not in values and group is None and vehicle not in rows.ids("vehicle"):
        near = nearest(str(vehicle), rows.ids("vehicle"))
        told = f"there is no [[vehicle]] with this id, and no charger is given {near}"
        yield problem(row, "vehicle", told.rstrip(), vehicle)


def _need_of(row: Row, rows: Rows) -> Iterator[Problem]:
    try:
        for vehicle in _meant(row.values, rows) or [{}]:
            _need(row.values, vehicle)
    except DeskError as error:
        key, _, expected = str(error).partition(": ")
        names = {"need": "need_kwh", "battery": "battery_kwh", "kwh-per-km": "kwh_per_km"}
        yield problem(row, names.get(key, key.replace("-", "_")), expected)


def _follows(values: dict[str, Any], rows: Rows) -> bool:
    """Tell whether a window is for vehicles rather than for chargers."""
    return "charger" not in values and ("group" not in values or values["group"] in _groups(rows)[1])


def _meant(values: dict[str, Any], rows: Rows) -> list[dict[str, Any]]:
    """Return the vehicles that a window follows."""
    if not _follows(values, rows):
        return []
    group, vehicle = values.get("group"), values.get("vehicle")
    all_of_them = (row.values for row in rows["vehicle"] if row.whole)
    return [v for v in all_of_them if (group in v.get("groups", ()) if group else v["id"] == vehicle)]


def _need(values: dict[str, Any], vehicle: dict[str, Any]) -> Need:
    """Return what a window needs, of a vehicle where it leaves something open.  Raises DeskError."""
    whole = values.get("need_wh")
    soc_pm, arrives_pm = values.get("soc_pm"), values.get("arrives_pm")
    battery_wh = values.get("battery_wh", vehicle.get("battery_wh"))
    per_km = values.get("kwh_per_km", _kwh_per_km(vehicle))
    found = need(
        "" if whole is None or soc_pm else str(Decimal(whole) / 1000),
        "" if soc_pm is None else str(Decimal(soc_pm) / 10),
        "" if battery_wh is None else str(Decimal(battery_wh) / 1000),
        str(values.get("km", "")),
        "" if per_km is None else str(per_km),
        ARRIVES_WITH if arrives_pm is None else str(Decimal(arrives_pm) / 10),
    )
    return found._replace(need_wh=whole) if whole and soc_pm else found


def _kwh_per_km(vehicle: dict[str, Any]) -> Decimal | None:
    if "km_per_kwh" in vehicle:
        return 1 / Decimal(vehicle["km_per_kwh"])
    return vehicle.get("kwh_per_km")


# --- notes ------------------------------------------------------------------------------------------


def tells(driver: str) -> bool:
    """Say whether a family of chargers tells who is plugged in."""
    try:
        table = library.load(driver)
    except (BadTable, library.UnknownDriver):
        return False
    return bool(table.cyclic & set(TELLS))


def notes(rows: Rows) -> Iterator[Problem]:
    """Return where a vehicle would not be known."""
    follow = [row for row in rows["window"] if row.whole and _follows(row.values, rows)]
    blind = [r.values["id"] for r in rows["charger"] if r.whole and not tells(r.values["driver"])]
    if not blind or not (follow or rows["vehicle"]):
        return
    everywhere = len(blind) == len(rows["charger"])
    where = "no charger tells who is plugged in" if everywhere else f"{', '.join(blind)}: tell nobody's id"
    for row in follow:
        told = "it will hold nowhere; give it a charger" if everywhere else "it does not hold there"
        yield problem(row, "vehicle" if "vehicle" in row.values else "group", f"{where}: {told}")
    if not follow:
        yield problem(rows["vehicle"][0], "ids", f"{where}: vehicles are not known there")
    for row in rows["vehicle"]:
        if row.whole and not row.values.get("ids"):
            yield problem(row, "ids", "missing: it will be known nowhere")


# --- building ---------------------------------------------------------------------------------------


def windows(rows: Rows) -> tuple[Window, ...]:
    """Return the windows; one without an id is called after whom it is for, "bay-1-1"."""
    taken = rows.ids("window")
    found = []
    for row in rows["window"]:
        values = row.values
        who = values.get("charger") or values.get("group") or values["vehicle"]
        free = next(name for n in itertools.count(1) if (name := f"{who}-{n}") not in taken)
        window = Window(**{"id": free, "charger": "", **_fields(values, rows)}, source="site")
        taken.add(window.id)
        found.append(window)
    return tuple(found)


def _fields(values: dict[str, Any], rows: Rows) -> dict[str, Any]:
    """Return a window's fields: what it needs worked out, or left to be worked out for each vehicle."""
    meant = _meant(values, rows)
    needs = max(_need(values, vehicle) for vehicle in meant or [{}])
    own = {key: value for key, value in values.items() if key not in NEED_KEYS}
    own |= {"need_wh": needs.need_wh, "soc_pm": needs.soc_pm, "battery_wh": needs.battery_wh}
    if meant:
        own["follows"] = True
        own["battery_wh"] = values.get("battery_wh", 0)
        own["distance_m"] = int(values["km"] * 1000) if "km" in values and "kwh_per_km" not in values else 0
    return own


def fleet(rows: Rows) -> tuple[FleetVehicle, ...]:
    """Return the vehicles."""
    found = []
    for row in rows["vehicle"]:
        own = {k: v for k, v in row.values.items() if k not in ("kwh_per_km", "km_per_kwh")}
        per_km = _kwh_per_km(row.values)
        if per_km is not None:
            own["wh_per_km"] = int((per_km * 1000).to_integral_value(ROUND_CEILING))
        found.append(FleetVehicle(**own))
    return tuple(found)


def default_window(rows: Rows) -> DefaultWindow | None:
    """Return what a vehicle without a window is promised."""
    return next((DefaultWindow(**row.values) for row in rows["default_window"]), None)
