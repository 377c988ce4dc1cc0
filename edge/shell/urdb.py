"""Makes model.tariff of a rate in the shape of the Utility Rate Database (URDB), versions 3 to 8.

    tariff_of(document, stem, timezone) -> Tariff      raises TariffWrong: one line a mistake, with its key

The document is `{"items": [rate]}` as the API delivers it, one rate alone, or ours with a `_meta` beside the
items: currency, timezone (URDB has none: the site's holds) and how well the figures are verified.

Rule 1: what a rate says and is not read stands in the tariff's notes; nothing is passed over silently.
Rule 2: a unit that we cannot bill is refused.
Source: URDB rate format; the SAM utility rate model for what its fields mean on a bill (docs/tariffs.md).
"""

import json
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from edge.model.tariff import DemandPrice, EnergyPrice, Export, Fixed, Ratchet, Tariff, Tier
from edge.shell.tariffread import INTERVALS, TIER_UNITS, TariffWrong, nano
from edge.shell.urdbgrid import Grid, Seasons

MONTHS, HOURS = 12, 24

# A missing end of a tier, as other programs write it.
NO_END = Decimal("1e37")

# Far beyond any count, hour or month in a rate.
WHOLE_MAX = 1_000_000_000

# kW of one unit of demand.  kVA needs the power factor, which nobody has told.
DEMAND_UNITS = {
    "kW": (Decimal(1), "month"),
    "hp": (Decimal("0.7457"), "month"),
    "kW daily": (Decimal(1), "day"),
}

# Keys that are read, and keys that say nothing about money.
_READ = {
    "energyratestructure", "energyweekdayschedule", "energyweekendschedule", "demandratestructure",
    "demandweekdayschedule", "demandweekendschedule", "demandrateunit", "demandunits", "flatdemandstructure",
    "flatdemandmonths", "flatdemandunit", "demandwindow", "demandratchetpercentage", "lookbackpercent",
    "lookbackrange", "lookbackmonths", "fixedchargefirstmeter", "fixedchargeunits", "fixedmonthlycharge",
    "mincharge", "minchargeunits", "minmonthlycharge", "fueladjustmentsmonthly", "name", "utility",
    "startdate", "enddate", "source", "description",
}  # fmt: skip
_SAYS_NOTHING = {
    "label", "uri", "sector", "eiaid", "approved", "revisions", "country", "is_default", "servicetype",
    "supersedes", "energycomments", "demandcomments", "basicinformationcomments", "sourceparent",
    "usenetmetering",
    "voltagecategory", "phasewiring", "peakkwcapacitymin", "peakkwcapacitymax", "peakkwhusagemin",
    "peakkwhusagemax", "peakkwcapacityhistory", "peakkwhusagehistory", "voltageminimum", "voltagemaximum",
    "energyattrs", "fixedattrs", "demandattrs", "dgrules", "_meta",
}  # fmt: skip


def tariff_of(document: Any, stem: str, timezone: str = "") -> Tariff:
    """Return the tariff of a URDB document.  stem: a name where it has none.

    Raises TariffWrong with the first mistake of each part.
    """
    return _Reader(document, timezone).tariff(stem)


class _Reader:
    """Reads one rate; mistakes are collected."""

    def __init__(self, document: Any, timezone: str) -> None:
        self._wrong: list[str] = []
        self._seasons = Seasons()
        if not isinstance(document, dict):
            raise TariffWrong(["top level: expected an object with items"])
        meta = document.get("_meta", {})
        if not isinstance(meta, dict):
            raise TariffWrong(["_meta: expected an object"])
        self._meta: dict[str, Any] = meta
        self._rate = _only_rate(document)
        self._zone = self._text(meta, "timezone", timezone, "_meta.")

    def tariff(self, stem: str) -> Tariff:
        self._check_zone()
        energy, exports = self._energy()
        demand = [*self._tou_demand(), *self._flat_demand()]
        made = Tariff(
            name=self._text(self._rate, "name", stem),
            utility=self._text(self._rate, "utility", ""),
            timezone=self._zone,
            currency=self._text(self._meta, "currency", "USD", "_meta."),
            energy=(*energy, *self._fuel()),
            demand=tuple(self._with_ratchet(demand)),
            fixed=tuple(self._fixed()),
            exports=exports,
            minimum=self._minimum(),
            effective_from=self._date("startdate"),
            effective_to=self._date("enddate"),
            verification=self._text(self._meta, "verification", "", "_meta."),
            source=self._text(self._rate, "source", "") or self._text(self._meta, "source", "", "_meta."),
            notes=tuple(self._notes()),
        )
        if self._wrong:
            raise TariffWrong(self._wrong)
        return msgspec.structs.replace(made, seasons=self._seasons.all())

    # --- small things -------------------------------------------------------------------------------

    def _say(self, key: str, expected: str) -> None:
        self._wrong.append(f"{key}: {expected}")

    def _text(self, table: dict[str, Any], key: str, default: str, prefix: str = "") -> str:
        value = table.get(key, default)
        if isinstance(value, str):
            return value
        self._say(prefix + key, "expected a text")
        return default

    def _check_zone(self) -> None:
        try:
            zoneinfo.ZoneInfo(self._zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            told = f'"{self._zone}" is not a zone of the IANA time zone database'
            self._say("_meta.timezone", told if self._zone else "missing, and no other is given")

    def _date(self, key: str) -> str:
        value = self._rate.get(key)
        if value is None:
            return ""
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value < 10**11:
            return datetime.fromtimestamp(int(value), UTC).date().isoformat()
        self._say(key, "expected seconds since 1970")
        return ""

    def _number(self, table: dict[str, Any], key: str, where: str, most: int = 1000) -> Decimal:
        value = table.get(key, 0)
        number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
        if number is None or not -most <= number <= most:
            self._say(f"{where}.{key}".lstrip("."), f"expected a price, a number from -{most} to {most}")
            return Decimal(0)
        return number

    def _structure(self, key: str) -> list[list[dict[str, Any]]]:
        """Return periods of tiers; [] where the rate has none, or it is wrong."""
        structure = self._rate.get(key, [])
        if not isinstance(structure, list):
            self._say(key, "expected a list of periods, each a list of tiers")
            return []
        for number, tiers in enumerate(structure):
            if not isinstance(tiers, list) or not tiers or not all(isinstance(t, dict) for t in tiers):
                self._say(f"{key}[{number}]", "expected a list of tiers")
                return []
        return structure

    def _grid(self, kind: str, periods: int) -> Grid | None:
        days = [self._schedule(f"{kind}{day}schedule", periods) for day in ("weekday", "weekend")]
        return Grid(days[0], days[1]) if days[0] and days[1] else None

    def _schedule(self, key: str, periods: int) -> list[list[int]]:
        months = self._rate.get(key)
        if not isinstance(months, list) or len(months) != MONTHS:
            found = f"{len(months)}" if isinstance(months, list) else "none"
            self._say(key, f"expected {MONTHS} months of {HOURS} hours, found {found}")
            return []
        for number, hours in enumerate(months):
            if not isinstance(hours, list) or len(hours) != HOURS:
                found = f"{len(hours)}" if isinstance(hours, list) else json.dumps(hours, default=str)
                self._say(f"{key}[{number}]", f"expected {HOURS} hours, found {found}")
                return []
            for hour, period in enumerate(hours):
                if _whole(period) is None or not 0 <= period < periods:
                    expected = f"expected a period of the rate structure, 0 to {periods - 1}"
                    self._say(f"{key}[{number}][{hour}]", f"{expected}, found {period}")
                    return []
        return [[int(period) for period in hours] for hours in months]

    def _tiers(self, tiers: list[dict[str, Any]], where: str, per_unit: Decimal) -> tuple[Tier, ...]:
        """Return tiers.  per_unit: kW or kWh in one unit of the rate."""
        found: list[Tier] = []
        for number, tier in enumerate(tiers):
            key = f"{where}[{number}]"
            price = self._number(tier, "rate", key) + self._number(tier, "adj", key)
            most = tier.get("max")
            if most is not None and (
                not isinstance(most, int | Decimal) or isinstance(most, bool) or most <= 0
            ):
                self._say(f"{key}.max", f"expected an amount above 0, found {most}")
                most = None
            last = number == len(tiers) - 1
            if most is None and not last:
                self._say(f"{key}.max", "missing: expected on every tier but the last")
            ends = most is not None and most < NO_END and not last
            found.append(Tier(nano(price / per_unit), int(most * per_unit * 1000) if most and ends else None))
        return tuple(found)

    # --- energy -------------------------------------------------------------------------------------

    def _energy(self) -> tuple[tuple[EnergyPrice, ...], tuple[Export, ...]]:
        structure = self._structure("energyratestructure")
        if not structure:
            if not self._wrong:
                self._say("energyratestructure", "expected a list of periods, each a list of tiers")
            return (), ()
        keys = [f"energyratestructure[{number}]" for number in range(len(structure))]
        tiers = [self._tiers(each, key, Decimal(1)) for each, key in zip(structure, keys, strict=True)]
        units = [self._unit(each, key) for each, key in zip(structure, keys, strict=True)]
        sells = [
            self._number(each[0], "sell", f"{key}[0]") for each, key in zip(structure, keys, strict=True)
        ]
        grid = self._grid("energy", len(structure))
        if grid is None:
            return (), ()
        names = self._meta.get("periods", {})
        prices, exports = [], []
        for number, sell in enumerate(sells):
            during = grid.during(number, self._seasons)
            if not during:
                continue
            told = names.get(str(number)) if isinstance(names, dict) else None
            name = told if isinstance(told, str) else f"energy period {number}"
            prices.append(EnergyPrice(name, tiers[number], during, tier_unit=units[number]))
            if sell:
                exports.append(Export(f"export, {name}", nano(sell), during))
        return tuple(prices), tuple(exports)

    def _unit(self, tiers: list[dict[str, Any]], key: str) -> Any:
        units = [str(tier.get("unit", "kWh")).replace(" daily", "/day") for tier in tiers]
        for number, unit in enumerate(units):
            if unit not in TIER_UNITS or unit != units[0]:
                allowed = ", ".join(u.replace("/day", " daily") for u in TIER_UNITS)
                found = json.dumps(tiers[number].get("unit"), default=str)
                self._say(
                    f"{key}[{number}].unit", f"expected kWh ({allowed}; one for all tiers), found {found}"
                )
                return "kWh"
        return units[0]

    def _fuel(self) -> Iterator[EnergyPrice]:
        months = self._rate.get("fueladjustmentsmonthly")
        if months is None:
            return
        if not isinstance(months, list) or len(months) != MONTHS:
            self._say("fueladjustmentsmonthly", f"expected {MONTHS} prices per kWh")
            return
        values = [self._number({"": m}, "", f"fueladjustmentsmonthly[{n}]") for n, m in enumerate(months)]
        for value in sorted(set(values)):
            if value:
                of = frozenset(n + 1 for n, v in enumerate(values) if v == value)
                yield EnergyPrice(
                    "fuel adjustment", (Tier(nano(value)),), self._seasons.whole(of), "fuel adjustment"
                )

    # --- demand -------------------------------------------------------------------------------------

    def _tou_demand(self) -> Iterator[DemandPrice]:
        structure = self._structure("demandratestructure")
        if not structure:
            return
        grid = self._grid("demand", len(structure))
        if grid is None:
            return
        per_unit, per = self._demand_unit("demandrateunit")
        for number, tiers in enumerate(structure):
            during = grid.during(number, self._seasons)
            found = self._tiers(tiers, f"demandratestructure[{number}]", per_unit)
            if during and any(tier.price_nano for tier in found):
                yield DemandPrice(f"demand period {number}", found, during, per, self._minutes())

    def _flat_demand(self) -> Iterator[DemandPrice]:
        structure = self._structure("flatdemandstructure")
        if not structure:
            return
        months = self._rate.get("flatdemandmonths", [0] * MONTHS)
        ok = isinstance(months, list) and len(months) == MONTHS
        if not ok or any(_whole(m) is None or not 0 <= m < len(structure) for m in months):
            expected = f"expected {MONTHS} periods of flatdemandstructure, 0 to {len(structure) - 1}"
            self._say("flatdemandmonths", expected)
            return
        per_unit, per = self._demand_unit("flatdemandunit")
        for number, tiers in enumerate(structure):
            of = frozenset(n + 1 for n, m in enumerate(months) if m == number)
            found = self._tiers(tiers, f"flatdemandstructure[{number}]", per_unit)
            if of and any(tier.price_nano for tier in found):
                yield DemandPrice(
                    f"flat demand {number}", found, self._seasons.whole(of), per, self._minutes()
                )

    def _demand_unit(self, key: str) -> tuple[Decimal, Any]:
        unit = self._rate.get(key, "kW")
        if unit not in DEMAND_UNITS:
            self._say(key, f"expected {', '.join(DEMAND_UNITS)}, found {json.dumps(unit, default=str)}")
            return DEMAND_UNITS["kW"]
        return DEMAND_UNITS[unit]

    def _minutes(self) -> int:
        minutes = self._rate.get("demandwindow", self._meta.get("demand_interval_min", 15))
        if minutes in INTERVALS:
            return int(minutes)
        told = f"expected {', '.join(map(str, INTERVALS))} minutes, found {minutes}"
        if f"demandwindow: {told}" not in self._wrong:
            self._say("demandwindow", told)
        return 15

    def _with_ratchet(self, demand: list[DemandPrice]) -> Iterator[DemandPrice]:
        ratchet = self._ratchet()
        flat = [d for d in demand if d.name.startswith("flat")]
        for price in demand:
            held = ratchet is not None and price.per == "month" and (price in flat or not flat)
            yield msgspec.structs.replace(price, ratchet=ratchet) if held else price

    def _ratchet(self) -> Ratchet | None:
        percent = self._number(self._rate, "lookbackpercent", "", 100)
        if percent:
            share = percent if percent <= 1 else percent / 100
            months = _whole(self._rate.get("lookbackrange", 11)) or 11
            if not 1 <= months <= 12:
                self._say("lookbackrange", f"expected 1 to 12 months, found {months}")
            flags = self._rate.get("lookbackmonths", [])
            of = (
                frozenset(n + 1 for n, flag in enumerate(flags) if flag)
                if isinstance(flags, list)
                else frozenset()
            )
            season = self._seasons.name(of) if of and len(of) < MONTHS else ""
            return Ratchet(int(share * 1000), months, season)
        shares = self._rate.get("demandratchetpercentage")
        if isinstance(shares, list) and len(shares) == MONTHS and len(set(shares)) == 1 and shares[0]:
            share = self._number({"": shares[0]}, "", "demandratchetpercentage[0]", 100)
            return Ratchet(int((share if share <= 1 else share / 100) * 1000), 11)
        return None

    # --- the rest -----------------------------------------------------------------------------------

    def _fixed(self) -> Iterator[Fixed]:
        units = {"$/day": "day", "$/month": "month", "$/year": "year"}
        price = self._number(self._rate, "fixedchargefirstmeter", "", 10**7)
        unit = self._rate.get("fixedchargeunits", "$/month")
        if price:
            if unit not in units:
                self._say("fixedchargeunits", f"expected {', '.join(units)}, found {unit}")
            yield Fixed("fixed charge", nano(price), units.get(unit, "month"))  # type: ignore[arg-type]
        older = self._number(self._rate, "fixedmonthlycharge", "", 10**7)
        if older:
            yield Fixed("fixed charge", nano(older))

    def _minimum(self) -> Fixed | None:
        price = self._number(self._rate, "mincharge", "", 10**7)
        unit = self._rate.get("minchargeunits", "$/month")
        if price and unit in ("$/month", "$/day"):
            return Fixed("minimum bill", nano(price), "day" if unit == "$/day" else "month")
        older = self._number(self._rate, "minmonthlycharge", "", 10**7)
        return Fixed("minimum bill", nano(older)) if older else None

    def _notes(self) -> Iterator[str]:
        for key in sorted(self._rate.keys() - _READ - _SAYS_NOTHING):
            value = self._rate[key]
            if value not in (None, 0, "", [], {}):
                yield f"{key}: not read, and not on the bill"
        if self._rate.get("minchargeunits") == "$/year":
            yield "mincharge per year: not read, and not on the bill"
        shares = self._rate.get("demandratchetpercentage")
        if isinstance(shares, list) and len(set(map(str, shares))) > 1:
            yield "demandratchetpercentage: differs from month to month: not read, and not on the bill"
        for said in (self._rate.get("description"), self._meta.get("note"), self._meta.get("warning")):
            if isinstance(said, str) and said:
                yield said


def _only_rate(document: dict[str, Any]) -> dict[str, Any]:
    items = document.get("items", [document])
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        count = f"{len(items)}" if isinstance(items, list) else "no list"
        raise TariffWrong([f"items: expected a list of one rate, found {count}"])
    return items[0]


def _whole(value: Any) -> int | None:
    """Return a whole number, also where it was written 1.0; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if not -WHOLE_MAX <= value <= WHOLE_MAX or value % 1:  # in this order: 1E+28 % 1 is an error
        return None
    return int(value)
