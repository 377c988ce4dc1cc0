"""Makes model.tariff of a native tariff file's words, or says everything that is wrong with them.

    tariff_of(words, timezone) -> Tariff      raises TariffWrong: one line for each mistake, with its key

Nothing is guessed: a season that nobody defined, an hour without a price, a boundary inside a metering
interval are mistakes.
"""

import zoneinfo
from collections.abc import Callable, Iterator
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Any, get_args

from edge.core import holidays
from edge.core.tariff import Book, Moment
from edge.model.tariff import (
    ALWAYS,
    DAY_MIN,
    KINDS,
    WEEKDAYS,
    WEEKEND,
    DemandPrice,
    EnergyPrice,
    Export,
    Fixed,
    Kind,
    LoadFactorStep,
    Ratchet,
    Season,
    Subscription,
    Tariff,
    Tier,
    TierUnit,
    When,
)
from edge.shell import tariffwords as w

DAYS: dict[str, tuple[Kind, ...]] = {"all": KINDS, "weekdays": WEEKDAYS, "weekend": WEEKEND}
TIER_UNITS: tuple[str, ...] = get_args(TierUnit)
INTERVALS = (15, 30, 60)
QUARTER_MIN = 15
MOST = Decimal(10**9)
NANO = Decimal(10**9)


class TariffWrong(Exception):
    """What is wrong with a tariff file: `mistakes`, each with its key and the expectation."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def nano(price: Decimal) -> int:
    """Return a price in whole billionths; what is finer is the noise of binary fractions."""
    return int((price * NANO).to_integral_value(ROUND_HALF_EVEN))


def tariff_of(words: w.TariffWords, timezone: str = "") -> Tariff:
    """Return the tariff.  timezone: of the site, where the file has none.

    Raises TariffWrong with all mistakes.
    """
    return _Reader(words, timezone).tariff()


class _Reader:
    """Reads one file; mistakes are collected."""

    def __init__(self, words: w.TariffWords, timezone: str) -> None:
        self._words = words
        self._zone = words.tariff.timezone or timezone
        self._wrong: list[str] = []
        self._seasons = {s.name for s in words.season}

    def tariff(self) -> Tariff:
        head = self._words.tariff
        self._head(head)
        made = Tariff(
            name=head.name,
            timezone=self._zone,
            utility=head.utility,
            currency=head.currency,
            energy=tuple(self._each(self._words.energy, "energy", self._energy)),
            demand=tuple(self._each(self._words.demand, "demand", self._demand)),
            subscriptions=tuple(self._each(self._words.subscription, "subscription", self._subscription)),
            fixed=tuple(self._each(self._words.fixed, "fixed", self._fixed)),
            exports=tuple(self._each(self._words.export, "export", self._export)),
            minimum=self._fixed(self._words.minimum, "minimum") if self._words.minimum else None,
            seasons=self._read_seasons(),
            holidays=tuple(head.holidays),
            holiday_is=next((k for k in KINDS if k == head.holiday_is), "sun"),
            year_begins=head.year_begins,
            effective_from=head.effective_from,
            effective_to=head.effective_to,
            verification=head.verification,
            source=head.source,
            notes=tuple(head.notes),
        )
        if not self._wrong:
            self._wrong += uncovered(made)
        if self._wrong:
            raise TariffWrong(self._wrong)
        return made

    def _each(self, rows: list[Any], table: str, read: Callable[[Any, str], Any]) -> Iterator[Any]:
        for number, row in enumerate(rows):
            yield read(row, f"{table}[{number}]")

    def _say(self, key: str, expected: str) -> None:
        self._wrong.append(f"{key}: {expected}")

    def _one_of(self, key: str, value: Any, allowed: tuple[Any, ...]) -> bool:
        if value in allowed:
            return True
        self._say(key, f'expected {", ".join(map(str, allowed))}, found "{value}"')
        return False

    # --- the head -----------------------------------------------------------------------------------

    def _head(self, head: w.Head) -> None:
        try:
            zoneinfo.ZoneInfo(self._zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            told = f'"{self._zone}" is not a zone of the IANA time zone database'
            self._say("tariff.timezone", told if self._zone else "missing, and no other is given")
        self._one_of("tariff.holiday_is", head.holiday_is, KINDS)
        self._one_of("tariff.demand_minutes", head.demand_minutes, INTERVALS)
        if not 1 <= head.year_begins <= 12:
            self._say("tariff.year_begins", f"expected a month, 1 to 12, found {head.year_begins}")
        for number, rule in enumerate(head.holidays):
            try:
                holidays.on(rule, 2024)
            except ValueError:
                self._say(f"tariff.holidays[{number}]", f'expected {holidays.EXPECTED}, found "{rule}"')
        for key in ("effective_from", "effective_to"):
            value = getattr(head, key)
            try:
                date.fromisoformat(value or "2026-01-01")
            except ValueError:
                self._say(f"tariff.{key}", f'expected "YYYY-MM-DD", found "{value}"')
        if not self._words.energy:
            self._say("energy", "missing: expected at least one price per kWh (it may be 0)")

    def _read_seasons(self) -> tuple[Season, ...]:
        spans: dict[str, list[tuple[tuple[int, int], tuple[int, int]]]] = {}
        for number, row in enumerate(self._words.season):
            first = self._day(row.from_, f"season[{number}].from")
            last = self._day(row.to, f"season[{number}].to")
            if first and last:
                spans.setdefault(row.name, []).append((first, last))
        return tuple(Season(name, tuple(each)) for name, each in spans.items())

    def _day(self, text: str, key: str) -> tuple[int, int] | None:
        try:
            day = date(2024, int(text[:2]), int(text[3:]))  # a leap year: 02-29 is a day
        except ValueError:
            self._say(key, f'expected a day of the year, "MM-DD", found "{text}"')
            return None
        return day.month, day.day

    # --- when ---------------------------------------------------------------------------------------

    def _during(self, words: w.During | list[w.During], key: str, minutes: int) -> tuple[When, ...]:
        if isinstance(words, w.During):
            return (self._when(words, f"{key}.during", minutes),)
        found = [self._when(each, f"{key}.during[{n}]", minutes) for n, each in enumerate(words)]
        return tuple(found) or ALWAYS

    def _when(self, words: w.During, key: str, minutes: int) -> When:
        if words.season and words.season not in self._seasons:
            known = ", ".join(sorted(self._seasons)) or "there is none"
            self._say(f"{key}.season", f'"{words.season}" is no [[season]] of this file ({known})')
        begin = self._clock(words.from_, f"{key}.from", minutes)
        end = self._clock(words.to, f"{key}.to", minutes)
        if begin == end:
            self._say(key, f'from and to are both "{words.from_}": expected a time between them')
        return When(words.season, self._days(words.days, f"{key}.days"), begin, end)

    def _clock(self, text: str, key: str, minutes: int) -> int:
        minute = int(text[:2]) * 60 + int(text[3:])
        if minute > DAY_MIN or int(text[3:]) > 59:
            self._say(key, f'expected a time from "00:00" to "24:00", found "{text}"')
        elif minute % minutes:
            self._say(key, f'"{text}" lies inside a metering interval of {minutes} min, expected its edge')
        return minute

    def _days(self, words: str | list[str], key: str) -> tuple[Kind, ...]:
        if isinstance(words, str) and words in DAYS:
            return DAYS[words]
        names = words if isinstance(words, list) else [words]
        found: list[Kind] = [kind for kind in KINDS if kind in names]
        unknown = [name for name in names if name not in KINDS]
        if unknown or not found:
            expected = 'expected "all", "weekdays", "weekend" or a list of ' + " ".join(KINDS)
            self._say(key, f"{expected}, found {', '.join(unknown) or 'nothing'}")
        return tuple(found)

    # --- prices -------------------------------------------------------------------------------------

    def _money(self, price: Decimal, key: str) -> int:
        if not price.is_finite() or abs(price) > MOST:
            self._say(key, f"expected an amount of the currency, found {price}")
            return 0
        return nano(price)

    def _amount(self, value: Decimal, key: str, unit: str) -> int:
        """Return kW or kWh as whole W or Wh."""
        if not value.is_finite() or not 0 <= value <= MOST or value * 1000 % 1:
            self._say(key, f"expected {unit}, 0 or more and no finer than a thousandth, found {value}")
            return 0
        return int(value * 1000)

    def _share(self, value: Decimal, key: str) -> int:
        if not value.is_finite() or not 0 <= value <= 1 or value * 1000 % 1:
            self._say(key, f"expected a share from 0 to 1, no finer than a thousandth, found {value}")
            return 0
        return int(value * 1000)

    def _tiers(self, row: Any, key: str, unit: str) -> tuple[Tier, ...]:
        """Return a row's price, or its tiers.  unit: kwh or kw."""
        if (row.price is None) == (not row.tiers):
            self._say(key, "expected either a price or tiers")
            return (Tier(0),)
        if row.price is not None:
            return (Tier(self._money(row.price, f"{key}.price")),)
        found: list[Tier] = []
        for number, tier in enumerate(row.tiers):
            where = f"{key}.tiers[{number}]"
            up_to = getattr(tier, f"up_to_{unit}")
            last = number == len(row.tiers) - 1
            if (up_to is None) != last:
                expected = "no end on the last tier" if last else "an amount on every tier but the last"
                self._say(f"{where}.up_to_{unit}", f"expected {expected}")
            amount = None if up_to is None else self._amount(up_to, f"{where}.up_to_{unit}", unit)
            before = found[-1].up_to if found else 0
            if amount is not None and amount <= (before or 0):
                self._say(f"{where}.up_to_{unit}", f"expected more than the tier before, found {up_to}")
            found.append(Tier(self._money(tier.price, f"{where}.price"), amount))
        return tuple(found)

    def _energy(self, row: w.Energy, key: str) -> EnergyPrice:
        self._one_of(f"{key}.tier_unit", row.tier_unit, TIER_UNITS)
        self._one_of(f"{key}.tiers_over", row.tiers_over, ("price", "component"))
        return EnergyPrice(
            name=row.name or key,
            tiers=self._tiers(row, key, "kwh"),
            during=self._during(row.during, key, QUARTER_MIN),
            component=row.component,
            tier_unit=row.tier_unit,  # type: ignore[arg-type]
            tiers_over=row.tiers_over,  # type: ignore[arg-type]
        )

    def _demand(self, row: w.Demand, key: str) -> DemandPrice:
        minutes = row.minutes if row.minutes is not None else self._words.tariff.demand_minutes
        self._one_of(f"{key}.per", row.per, ("day", "month", "year"))
        if not self._one_of(f"{key}.minutes", minutes, INTERVALS):
            minutes = QUARTER_MIN
        if row.per != "month" and (row.ratchet or row.load_factor):
            self._say(key, 'a ratchet or load_factor belongs to demand per "month"')
        return DemandPrice(
            name=row.name or key,
            tiers=self._tiers(row, key, "kw"),
            during=self._during(row.during, key, minutes),
            per=row.per,  # type: ignore[arg-type]
            minutes=minutes,
            least_w=self._amount(row.least_kw, f"{key}.least_kw", "kW"),
            ratchet=self._ratchet(row.ratchet, f"{key}.ratchet") if row.ratchet else None,
            load_factor=self._load_factor(row.load_factor, f"{key}.load_factor"),
        )

    def _ratchet(self, row: w.RatchetWords, key: str) -> Ratchet:
        if not 1 <= row.months <= 12:
            self._say(f"{key}.months", f"expected 1 to 12, found {row.months}")
        if row.season and row.season not in self._seasons:
            self._say(f"{key}.season", f'"{row.season}" is no [[season]] of this file')
        return Ratchet(self._share(row.share, f"{key}.share"), row.months, row.season)

    def _load_factor(self, rows: list[w.LoadFactor], key: str) -> tuple[LoadFactorStep, ...]:
        found: list[LoadFactorStep] = []
        for number, row in enumerate(rows):
            last = number == len(rows) - 1
            if (row.up_to is None) != last:
                self._say(f"{key}[{number}].up_to", "expected on every step but the last")
            up_to = None if row.up_to is None else self._share(row.up_to, f"{key}[{number}].up_to")
            if found and up_to is not None and up_to <= (found[-1].up_to_pm or 0):
                self._say(f"{key}[{number}].up_to", "expected more than the step before")
            found.append(LoadFactorStep(self._share(row.share, f"{key}[{number}].share"), up_to))
        return tuple(found)

    def _subscription(self, row: w.SubscriptionWords, key: str) -> Subscription:
        block_w = self._amount(row.block_kw, f"{key}.block_kw", "kW")
        if row.block_kw <= 0:
            self._say(f"{key}.block_kw", f"expected more than 0 kW, found {row.block_kw}")
        subscribed = row.subscribed_kw
        return Subscription(
            name=row.name,
            block_w=block_w or 1,
            block_nano=self._money(row.block_price, f"{key}.block_price"),
            overage_nano=self._money(row.overage_price, f"{key}.overage_price"),
            subscribed_w=None
            if subscribed is None
            else self._amount(subscribed, f"{key}.subscribed_kw", "kW"),
            minutes=self._words.tariff.demand_minutes,
        )

    def _fixed(self, row: w.FixedWords, key: str) -> Fixed:
        allowed = ("day", "month") if key == "minimum" else ("day", "month", "year")
        self._one_of(f"{key}.per", row.per, allowed)
        name = "minimum bill" if key == "minimum" and row.name == "fixed charge" else row.name
        return Fixed(name, self._money(row.price, f"{key}.price"), row.per)  # type: ignore[arg-type]

    def _export(self, row: w.ExportWords, key: str) -> Export:
        return Export(
            row.name, self._money(row.price, f"{key}.price"), self._during(row.during, key, QUARTER_MIN)
        )


def uncovered(tariff: Tariff) -> list[str]:
    """Return the times for which no price per kWh holds, as mistakes; at most one for each kind of day."""
    book = Book(tariff)
    days = [date.fromordinal(date(2024, 1, 1).toordinal() + n) for n in range(366)]
    kinds = [k for k in KINDS if k != "holiday" or (tariff.holiday_is == k and tariff.holidays)]
    said: dict[frozenset[str], str] = {}
    for seasons, group in groupby(days, key=lambda day: _seasons_of(book, day)):
        day = next(group)
        for kind in kinds:
            gap = _gap(book, day, kind, seasons)
            if gap is not None and seasons not in said:
                at = f"{gap // 60:02}:{gap % 60:02}"
                said[seasons] = (
                    f"energy: no price on {kind} at {at} ({day:%m-%d}), expected one at every time"
                )
    return list(said.values())


def _gap(book: Book, day: date, kind: Kind, seasons: frozenset[str]) -> int | None:
    for minute in range(0, DAY_MIN, QUARTER_MIN):
        if not book.energy(Moment(day, minute, kind, seasons, 0)):
            return minute
    return None


def _seasons_of(book: Book, day: date) -> frozenset[str]:
    return frozenset(s.name for s in book.tariff.seasons if book.in_season(s.name, day))
