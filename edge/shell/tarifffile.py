"""Reads a tariff file in the shape of the Utility Rate Database (URDB) into model.tariff.Tariff.

    load(path, timezone="") -> Tariff      raises TariffRefused: file, key, what was found, what was expected

The file is `{"_meta": {...}, "items": [rate]}`, or one rate alone as URDB itself delivers it.  `_meta` is
ours: currency, timezone (URDB has none: the site's holds) and how well the figures are verified.
Read: energy prices of the first tier, rate + adj.  Source: URDB rate format, version 7 and 8.
"""

import json
import zoneinfo
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

from edge.model.tariff import Schedule, Tariff

MONTHS, HOURS = 12, 24
# Units in which a tier's price is per kWh.  kWh/kW tiers depend on the month's peak: not a price of an hour.
KWH_UNITS = ("kWh", "kWh daily")


class TariffRefused(Exception):
    """The file cannot be read or is not a tariff.  The text names file and key."""


def load(path: Path | str, timezone: str = "") -> Tariff:
    """Return the tariff of a file.  timezone: where the file has none.

    Raises TariffRefused if it cannot be read or is not a tariff.
    """
    where = Path(path)
    try:
        document = json.loads(where.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise TariffRefused(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TariffRefused(f"{where}: cannot be read: {error}") from None
    except ValueError as error:
        raise TariffRefused(f"{where}: not JSON: {error}") from None
    return _Reader(where).tariff(document, timezone)


class _Reader:
    """Reads one document; every refusal names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _refuse(self, key: str, expected: str) -> TariffRefused:
        return TariffRefused(f"{self._path}: {key}: {expected}")

    def tariff(self, document: Any, timezone: str) -> Tariff:
        if not isinstance(document, dict):
            raise self._refuse("top level", "expected an object with items")
        meta = document.get("_meta", {})
        if not isinstance(meta, dict):
            raise self._refuse("_meta", "expected an object")
        rate = self._only_rate(document)
        prices = self._prices(rate)
        return Tariff(
            name=self._text(rate, "name", self._path.stem),
            utility=self._text(rate, "utility", ""),
            timezone=self._timezone(meta, timezone),
            currency=self._text(meta, "currency", "USD", "_meta."),
            price_micro=prices,
            weekday=self._schedule(rate, "energyweekdayschedule", len(prices)),
            weekend=self._schedule(rate, "energyweekendschedule", len(prices)),
            verification=self._text(meta, "verification", "", "_meta."),
        )

    def _only_rate(self, document: dict[str, Any]) -> dict[str, Any]:
        items = document.get("items", [document])
        if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
            count = f"{len(items)}" if isinstance(items, list) else "no list"
            raise self._refuse("items", f"expected a list of one rate, found {count}")
        return items[0]

    def _text(self, table: dict[str, Any], key: str, default: str, prefix: str = "") -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self._refuse(prefix + key, "expected a text")
        return value

    def _timezone(self, meta: dict[str, Any], default: str) -> str:
        name = self._text(meta, "timezone", default, "_meta.")
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            told = f'"{name}" is not a zone of the IANA time zone database'
            raise self._refuse("_meta.timezone", told if name else "missing, and no other is given") from None
        return name

    def _prices(self, rate: dict[str, Any]) -> tuple[int, ...]:
        """Return the first tier's price of every period, in millionths, rounded up (I8)."""
        structure = rate.get("energyratestructure")
        if not isinstance(structure, list) or not structure:
            raise self._refuse("energyratestructure", "expected a list of periods, each a list of tiers")
        prices = []
        for number, tiers in enumerate(structure):
            key = f"energyratestructure[{number}]"
            if not isinstance(tiers, list) or not tiers or not isinstance(tiers[0], dict):
                raise self._refuse(key, "expected a list of tiers")
            tier = tiers[0]
            if tier.get("unit", "kWh") not in KWH_UNITS:
                raise self._refuse(f"{key}[0].unit", f"expected kWh, found {json.dumps(tier['unit'])}")
            price = self._number(tier, "rate", key) + self._number(tier, "adj", key)
            prices.append(int((price * 1_000_000).to_integral_value(ROUND_CEILING)))
        return tuple(prices)

    def _number(self, tier: dict[str, Any], key: str, where: str) -> Decimal:
        value = tier.get(key, 0)
        number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
        if number is None or not -1000 <= number <= 1000:
            expected = "expected a price per kWh, a number from -1000 to 1000"
            raise self._refuse(f"{where}[0].{key}", expected)
        return number

    def _schedule(self, rate: dict[str, Any], key: str, periods: int) -> Schedule:
        months = rate.get(key)
        if not isinstance(months, list) or len(months) != MONTHS:
            found = f"{len(months)}" if isinstance(months, list) else "none"
            raise self._refuse(key, f"expected {MONTHS} months of {HOURS} hours, found {found}")
        for number, hours in enumerate(months):
            if not isinstance(hours, list) or len(hours) != HOURS:
                found = f"{len(hours)}" if isinstance(hours, list) else json.dumps(hours, default=str)
                raise self._refuse(f"{key}[{number}]", f"expected {HOURS} hours, found {found}")
            for hour, period in enumerate(hours):
                if not isinstance(period, int) or isinstance(period, bool) or not 0 <= period < periods:
                    expected = f"expected a period of energyratestructure, 0 to {periods - 1}"
                    raise self._refuse(f"{key}[{number}][{hour}]", f"{expected}, found {period}")
        return tuple(tuple(hours) for hours in months)
