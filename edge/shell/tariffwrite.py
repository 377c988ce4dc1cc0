"""Writes a tariff as a native file (TOML), to be read again by tarifffile.py as the same tariff.

text(tariff) -> str
"""

import json
from collections.abc import Iterator
from decimal import Decimal

from edge.model.tariff import (
    ALWAYS,
    DAY_MIN,
    KINDS,
    WEEKDAYS,
    WEEKEND,
    DemandPrice,
    EnergyPrice,
    Kind,
    Tariff,
    Tier,
    When,
)

_DAYS: dict[tuple[Kind, ...], str] = {WEEKDAYS: "weekdays", WEEKEND: "weekend"}


def text(tariff: Tariff) -> str:
    """Return the file's text."""
    tables = [
        ("[tariff]", list(_head(tariff))),
        *(("[[season]]", list(row)) for row in _seasons(tariff)),
        *(("[[energy]]", list(_energy(price))) for price in tariff.energy),
        *(("[[demand]]", list(_demand(price))) for price in tariff.demand),
        *(("[[subscription]]", list(row)) for row in _subscriptions(tariff)),
        *(("[[fixed]]", _fixed(f.name, f.price_nano, f.per)) for f in tariff.fixed),
        *(
            ("[[export]]", [_text("name", e.name), _money("price", e.price_nano), *_during(e.during)])
            for e in tariff.exports
        ),
    ]
    if tariff.minimum:
        minimum = tariff.minimum
        tables.append(("[minimum]", _fixed(minimum.name, minimum.price_nano, minimum.per)))
    return "\n".join("\n".join([head, *rows, ""]) for head, rows in tables)


def _head(tariff: Tariff) -> Iterator[str]:
    yield _text("name", tariff.name)
    for key in ("utility", "currency", "timezone", "effective_from", "effective_to"):
        if value := getattr(tariff, key):
            yield _text(key, value)
    if tariff.holidays:
        yield f"holidays = [{', '.join(map(_quoted, tariff.holidays))}]"
        yield _text("holiday_is", tariff.holiday_is)
    minutes = {s.minutes for s in tariff.subscriptions}
    if minutes:
        yield f"demand_minutes = {min(minutes)}"
    if tariff.year_begins != 1:
        yield f"year_begins = {tariff.year_begins}"
    for key in ("verification", "source"):
        if value := getattr(tariff, key):
            yield _text(key, value)
    if tariff.notes:
        yield f"notes = [{', '.join(map(_quoted, tariff.notes))}]"


def _seasons(tariff: Tariff) -> Iterator[Iterator[str]]:
    for season in tariff.seasons:
        for first, last in season.spans:
            begin, end = (f"{month:02}-{day:02}" for month, day in (first, last))
            yield iter([_text("name", season.name), _text("from", begin), _text("to", end)])


def _energy(price: EnergyPrice) -> Iterator[str]:
    yield _text("name", price.name)
    if price.component != "energy":
        yield _text("component", price.component)
    yield from _tiers(price.tiers, "kwh")
    if price.tier_unit != "kWh":
        yield _text("tier_unit", price.tier_unit)
    if price.tiers_over != "price":
        yield _text("tiers_over", price.tiers_over)
    yield from _during(price.during)


def _demand(price: DemandPrice) -> Iterator[str]:
    yield _text("name", price.name)
    yield from _tiers(price.tiers, "kw")
    yield _text("per", price.per)
    yield f"minutes = {price.minutes}"
    if price.least_w:
        yield f"least_kw = {_thousandths(price.least_w)}"
    if price.ratchet:
        ratchet = price.ratchet
        season = f", season = {_quoted(ratchet.season)}" if ratchet.season else ""
        yield f"ratchet = {{ share = {_thousandths(ratchet.share_pm)}, months = {ratchet.months}{season} }}"
    if price.load_factor:
        steps = [
            f"{{ share = {_thousandths(s.share_pm)}"
            + (f", up_to = {_thousandths(s.up_to_pm)} }}" if s.up_to_pm is not None else " }")
            for s in price.load_factor
        ]
        yield f"load_factor = [{', '.join(steps)}]"
    yield from _during(price.during)


def _subscriptions(tariff: Tariff) -> Iterator[Iterator[str]]:
    for each in tariff.subscriptions:
        rows = [
            _text("name", each.name),
            f"block_kw = {_thousandths(each.block_w)}",
            _money("block_price", each.block_nano),
            _money("overage_price", each.overage_nano),
        ]
        if each.subscribed_w is not None:
            rows.append(f"subscribed_kw = {_thousandths(each.subscribed_w)}")
        yield iter(rows)


def _fixed(name: str, price_nano: int, per: str) -> list[str]:
    return [_text("name", name), _money("price", price_nano), _text("per", per)]


def _tiers(tiers: tuple[Tier, ...], unit: str) -> Iterator[str]:
    if len(tiers) == 1:
        yield _money("price", tiers[0].price_nano)
        return
    yield "tiers = ["
    for tier in tiers:
        end = f", up_to_{unit} = {_thousandths(tier.up_to)}" if tier.up_to is not None else ""
        yield f"    {{ {_money('price', tier.price_nano)}{end} }},"
    yield "]"


def _during(during: tuple[When, ...]) -> Iterator[str]:
    if during == ALWAYS:
        return
    if len(during) == 1:
        yield f"during = {_when(during[0])}"
        return
    yield "during = ["
    yield from (f"    {_when(when)}," for when in during)
    yield "]"


def _when(when: When) -> str:
    parts = [_text("season", when.season)] if when.season else []
    if when.days != KINDS:
        named = _DAYS.get(when.days)
        parts.append(_text("days", named) if named else f"days = [{', '.join(map(_quoted, when.days))}]")
    if (when.from_min, when.to_min) != (0, DAY_MIN):
        parts += [_text("from", _clock(when.from_min)), _text("to", _clock(when.to_min))]
    return "{ " + ", ".join(parts) + " }" if parts else "{}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _text(key: str, value: str) -> str:
    return f"{key} = {_quoted(value)}"


def _quoted(value: str) -> str:
    """Return a TOML text; JSON's escapes are TOML's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _money(key: str, nano: int) -> str:
    return f"{key} = {_decimal(nano, 9)}"


def _thousandths(value: int) -> str:
    return _decimal(value, 3)


def _decimal(value: int, places: int) -> str:
    found = format(Decimal(value).scaleb(-places).normalize(), "f")
    return found if value % 10**places == 0 or "." in found else found + ".0"
