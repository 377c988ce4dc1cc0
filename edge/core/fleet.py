"""Which vehicle of the fleet stands where, and which windows are its own.

    Fleet(site).who(values) -> FleetVehicle | None      by what a charger has read, as a pseudonym
    windows_of(window, vehicles) -> windows             a window that follows vehicles, one for each

A vehicle is known by its EVCCID or MAC where the charger tells it, else by the RFID card of the session.
Where a charger tells neither, nobody is known there, and the bay's own windows hold.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from edge.model.site import FleetVehicle, Site, Window

# What a charger may tell of who is there, in the order in which it is believed.
TELLS = ("vehicle_id", "tag")


class Guest(NamedTuple):
    """Who is at a charger, since when (UTC ms).  vehicle: None where nobody knows."""

    since_wall_ms: int
    vehicle: FleetVehicle | None = None


class Fleet:
    """The vehicles of a site, by pseudonym."""

    def __init__(self, site: Site) -> None:
        self._known = {name: vehicle for vehicle in site.fleet for name in vehicle.ids}

    def who(self, values: Mapping[str, int | str]) -> FleetVehicle | None:
        """Return the vehicle that a charger tells of, None where it tells none that is known."""
        if not self._known:
            return None
        told = (str(values.get(key) or "") for key in TELLS)
        return next((self._known[name] for name in told if name in self._known), None)

    def of_session(self, vehicle: str, driver: str) -> FleetVehicle | None:
        """Return the vehicle of a recorded session, by its pseudonyms."""
        return self._known.get(vehicle) or self._known.get(driver)


def windows_of(window: Window, vehicles: Iterable[FleetVehicle]) -> list[Window]:
    """Return a window that follows vehicles for each of them, with the need worked out for it."""
    own = [v for v in vehicles if (window.group in v.groups if window.group else v.id == window.vehicle)]
    return [msgspec.structs.replace(_for(window, v), vehicle=v.id) for v in own]


def _for(window: Window, vehicle: FleetVehicle) -> Window:
    """Return a window with what it leaves open taken from a vehicle: need, battery, priority."""
    need_wh, battery_wh = window.need_wh, window.battery_wh
    if window.distance_m and vehicle.wh_per_km:
        need_wh = -(-window.distance_m * vehicle.wh_per_km // 1000)
    if window.soc_pm and not battery_wh:
        battery_wh = vehicle.battery_wh
        need_wh = -(-(window.soc_pm - window.arrives_pm) * battery_wh // 1000) if battery_wh else need_wh
    return msgspec.structs.replace(
        window,
        id=f"{window.id}/{vehicle.id}" if window.group else window.id,
        charger="",
        need_wh=need_wh,
        battery_wh=battery_wh,
        priority=window.priority or vehicle.priority,
    )
