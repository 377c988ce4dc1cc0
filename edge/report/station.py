"""What people enter of a station for those whom it reports to: names, addresses, connectors, costs.

Everything that the gateway cannot know stands in one file (shell/stationfile.py reads it, docs/exports.md
describes it).  Nothing here is guessed: what is missing is missing in the export, or the export is refused.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Connector = Literal["J1772", "CCS1", "CCS2", "CHAdeMO", "NACS", "Type 2"]
Id = Annotated[str, Meta(min_length=1, max_length=36)]
Text = Annotated[str, Meta(min_length=1, max_length=255)]


class _Entered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class StationPort(_Entered, frozen=True, kw_only=True):
    """A port.  id: as in the site file.  phases: 1, 3, or 0 for direct current.

    charger_id, connector_id: of EV-ChART and OCPI; the port's own id and "1" if not given.
    """

    id: Id
    connector: Connector
    power_kw: Decimal
    voltage_v: Annotated[int, Meta(gt=0)]
    max_a: Annotated[int, Meta(gt=0)]
    phases: Literal[0, 1, 3]
    charger_id: Annotated[str, Meta(max_length=36)] = ""
    connector_id: Id = "1"
    cable: bool = True


class Place(_Entered, frozen=True, kw_only=True):
    """Where the station is.  country: ISO 3166-1 alpha-3.  latitude, longitude: WGS 84, decimal degrees."""

    address: Annotated[str, Meta(min_length=1, max_length=45)]
    city: Annotated[str, Meta(min_length=1, max_length=45)]
    country: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    latitude: Decimal
    longitude: Decimal
    state: Annotated[str, Meta(max_length=20)] = ""
    postal_code: Annotated[str, Meta(max_length=10)] = ""
    county: str = ""

    def __post_init__(self) -> None:
        for name, most in (("latitude", 90), ("longitude", 180)):
            if abs(getattr(self, name)) > most:
                raise ValueError(f"{name}: expected from -{most} to {most}")


class Station(_Entered, frozen=True, kw_only=True):
    """A station.  id, network_provider: as registered with EV-ChART; provider_id: OCPI party, "US" and "NRT".

    operational: since when.  payment_method: what EV-ChART is told of every session.
    excluded_outage_reason: EV-ChART's number of each reason.  maintenance_cost, der, capital: modules 5, 8
    and 9 in EV-ChART's own names.  charging_use: what the charging-use files need beside it, in their names.
    """

    id: Id
    network_provider: Annotated[str, Meta(min_length=1, max_length=30)]
    name: Text
    country_code: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    party_id: Annotated[str, Meta(pattern="^[A-Z0-9]{3}$")]
    operational: date
    place: Place
    ports: Annotated[tuple[StationPort, ...], Meta(min_length=1)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "USD"
    payment_method: Text = "No payment"
    excluded_outage_reason: dict[str, int] = {}
    maintenance_cost: tuple[dict[str, Any], ...] = ()
    der: tuple[dict[str, Any], ...] = ()
    capital: tuple[dict[str, Any], ...] = ()
    charging_use: dict[str, dict[str, Any]] = {}

    def port(self, port_id: str) -> StationPort | None:
        """Return a port of the station, None if it is not one that is reported on."""
        return next((port for port in self.ports if port.id == port_id), None)
