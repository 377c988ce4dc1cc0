"""A tariff table of the program eeco (MIT) as ours, so that both bill the same load.

eeco's rows add up; a row of energy holds in its own hours.  Its tiers (basic_charge_limit) count the energy
of the whole month, or the demand.  Rows of demand with one name share one maximum.
"""

import csv
from decimal import Decimal

from edge.model.tariff import (
    KINDS,
    DemandPrice,
    EnergyPrice,
    Export,
    Fixed,
    Season,
    Tariff,
    Tier,
    When,
)


def rows_of(path):
    """Return the rows of a file of ours and theirs, electricity only."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["utility"] == "electric"]


def tariff_of(rows, zone="UTC"):
    """Return the tariff of eeco's rows (texts)."""
    seasons = {}
    energy, demand, exports, fixed = {}, {}, [], []
    for number, row in enumerate(rows):
        price = int(Decimal(_get(row, "charge", "charge (metric)")).scaleb(9).to_integral_value())
        if row["type"] == "customer":
            fixed.append(Fixed(f"customer {number}", price))
            continue
        when = _when(row, seasons)
        limit = int(Decimal(_get(row, "basic_charge_limit", "basic_charge_limit (metric)") or 0) * 1000)
        if row["type"] == "energy":
            energy.setdefault(when, {})[limit] = price
        elif row["type"] == "export":
            exports.append(Export(f"export {number}", price, (when,)))
        else:
            name = _get(row, "name", "period") or f"{number}"
            per = "day" if row.get("assessed") == "daily" else "month"
            demand.setdefault((name, per), {}).setdefault(limit, []).append((when, price))
    return Tariff(
        "eeco",
        zone,
        energy=tuple(
            EnergyPrice(f"energy {n}", _tiers(limits), (when,), tiers_over="component")
            for n, (when, limits) in enumerate(energy.items())
        ),
        demand=tuple(
            DemandPrice(
                name,
                _tiers({limit: each[0][1] for limit, each in limits.items()}),
                tuple(when for when, _ in limits[0]),
                per,
            )
            for (name, per), limits in demand.items()
        ),
        fixed=tuple(fixed),
        exports=tuple(exports),
        seasons=tuple(Season(name, (span,)) for name, span in seasons.items()),
    )


def _get(row, *keys):
    return next((row[key] for key in keys if row.get(key)), "")


def _tiers(limits):
    begins = sorted(limits)
    ends = [*begins[1:], None]
    return tuple(Tier(limits[begin], end) for begin, end in zip(begins, ends, strict=True))


def _when(row, seasons):
    first, last = max(1, int(row["month_start"])), int(row["month_end"])
    name = "" if (first, last) == (1, 12) else f"{first}-{last}"
    if name:
        seasons[name] = ((first, 1), (last, 31 if last != 2 else 29))
    days = KINDS[int(row["weekday_start"]) : int(row["weekday_end"]) + 1]
    begin, end = (int(Decimal(row[key]) * 60) for key in ("hour_start", "hour_end"))
    return When(name, days, begin, end)
