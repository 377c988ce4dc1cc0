"""Our bills against those of eeco (PyPI, MIT), another program, on its own tariffs and on random ones.

BILL_EXAMPLES=1000 pytest … makes it a campaign.

Where the two disagree on purpose is said in docs/tariffs.md, and shown at the end of this file.
"""

import os
import random
import warnings
from itertools import pairwise
from pathlib import Path

import pandas
import pytest
from eeco import costs
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.peaks import Quarter
from edge.model.units import QUARTER_MS
from edge.report.bill import bill
from tests.fakes.eeco_tariff import rows_of, tariff_of

CASES = Path(__file__).parent.parent / "vectors/eeco"
FILES = [
    "billing_customer", "billing_demand_2", "billing_demand_2_charge_limit", "billing_demand_daily",
    "billing_demand_monthly", "billing_energy_1", "billing_energy_3", "billing_energy_combine",
    "billing_energy_combine_charge_limit", "billing_energy_3_charge_limit", "billing_energy_peak",
    "billing_energy_super_off_peak", "billing_export", "billing_pge",
]  # fmt: skip
CENT = 0.005


def by_eeco(rows, year, month, import_kw, export_kw=None):
    """Return what eeco says the month costs, in its currency.  Powers: by quarters of an hour."""
    table = pandas.DataFrame(rows)
    numbers = [
        c for c in table if c not in ("utility", "type", "name", "assessed", "units", "period", "Notes")
    ]
    table[numbers] = table[numbers].apply(pandas.to_numeric)
    if "name" not in table:
        table["name"] = table.get("period", "")
    table["name"] = table["name"].replace("", None)
    if "assessed" in table:
        table["assessed"] = table["assessed"].replace("", None)
    start = pandas.Timestamp(year, month, 1)
    end = start + pandas.DateOffset(months=1)
    data = {"electric": pandas.Series(import_kw).to_numpy(dtype=float)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        charges = costs.get_charge_dict(start, end, table, resolution="15m")
        total, _ = costs.calculate_cost(charges, data, resolution="15m")
        if export_kw is not None:
            given_kw = {"electric": pandas.Series(export_kw).to_numpy(dtype=float)}
            only = {k: v for k, v in charges.items() if "_export_" in k}
            without = {k: v for k, v in charges.items() if "_export_" not in k}
            total, _ = costs.calculate_cost(without, data, resolution="15m")
            revenue, _ = costs.calculate_cost(only, given_kw, resolution="15m")
            total += revenue
    return float(total)


def quarters(year, month, import_kw, export_kw=None):
    begin = int(pandas.Timestamp(year, month, 1, tz="UTC").timestamp()) * 1000
    given_kw = export_kw or [0] * len(import_kw)
    return [
        Quarter(begin + n * QUARTER_MS, kw * 250, out * 250)
        for n, (kw, out) in enumerate(zip(import_kw, given_kw, strict=True))
    ]


def load(year, month, seed, most_kw=180):
    """Return whole kW by quarters of an hour: a walk, so that peaks are few."""
    draw = random.Random(seed)
    start = pandas.Timestamp(year, month, 1)
    count = (start + pandas.DateOffset(months=1) - start).days * 96
    level, found = draw.randint(0, most_kw), []
    for _ in range(count):
        level = min(most_kw, max(0, level + draw.randint(-15, 15)))
        found.append(level)
    return found


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("month", [2, 7, 11])
def test_their_own_cases(name, month):
    rows = [
        row for row in rows_of(CASES / f"{name}.csv") if row["type"] != "export" or name == "billing_export"
    ]
    used = load(2024, month, name)
    given_kw = load(2024, month, name + "x") if name == "billing_export" else None
    if given_kw:
        used = [0] * len(used)
    ours = bill(tariff_of(rows), quarters(2024, month, used, given_kw), f"2024-{month:02}")
    assert ours.total_micro / 1e6 == pytest.approx(by_eeco(rows, 2024, month, used, given_kw), abs=CENT)


HOURS = st.integers(0, 47).map(lambda half: half / 2)


@st.composite
def tables(draw):
    """Return random rows: time-of-use energy with tiers, demand windows that overlap, a customer charge."""
    rows = [_row("customer", charge=draw(st.integers(0, 10**6)) / 1000)]
    edges = sorted({0.0, 24.0, *draw(st.lists(HOURS, max_size=3))})
    limits = [0, *sorted(draw(st.sets(st.integers(2, 60), max_size=2)))]
    split = draw(st.booleans())
    for low, high in pairwise(edges):
        for days in ((0, 4), (5, 6)) if split else ((0, 6),):
            for limit in limits:
                price = draw(st.integers(0, 60_000)) / 100_000
                rows.append(_row("energy", limit=limit * 1000, hours=(low, high), days=days, charge=price))
    for number in range(draw(st.integers(0, 4))):
        low, high = sorted((draw(HOURS), draw(HOURS)))
        days = draw(st.sampled_from([(0, 6), (0, 4), (5, 6), (2, 3)]))
        months = draw(st.sampled_from([(1, 12), (5, 10), (1, 4)]))
        per = draw(st.sampled_from(["monthly", "daily"]))
        rows.append(_row("demand", f"window {number}", hours=(low, high + 0.5), days=days, months=months,
                         charge=draw(st.integers(0, 3_000)) / 100, assessed=per))  # fmt: skip
    if draw(st.booleans()):
        for limit in (0, draw(st.integers(20, 150))):
            rows.append(_row("demand", "any time", limit=limit, charge=draw(st.integers(0, 3_000)) / 100))
    return rows


def _row(kind, name="", limit=0, hours=(0, 24), days=(0, 6), months=(1, 12), charge=0.0, assessed="monthly"):
    return {
        "utility": "electric", "type": kind, "name": name, "assessed": assessed,
        "basic_charge_limit": str(limit),
        "month_start": str(months[0]), "month_end": str(months[1]), "hour_start": str(hours[0]),
        "hour_end": str(hours[1]), "weekday_start": str(days[0]), "weekday_end": str(days[1]),
        "charge": f"{charge:.9f}", "units": "",
    }  # fmt: skip


@pytest.mark.timeout(3600)
@settings(max_examples=int(os.environ.get("BILL_EXAMPLES", "25")), deadline=None)
@given(tables(), st.integers(1, 12), st.integers(0, 10**6))
def test_random_tariffs_and_loads(rows, month, seed):
    used = load(2025, month, seed)
    ours = bill(tariff_of(rows), quarters(2025, month, used), f"2025-{month:02}")
    assert ours.total_micro / 1e6 == pytest.approx(by_eeco(rows, 2025, month, used), abs=CENT)


# --- where we disagree ----------------------------------------------------------------------------------


def test_a_tier_of_a_demand_window_counts_that_windows_own_demand():
    """80 kW on-peak, 200 kW at night, a second tier from 100 kW on.

    eeco decides which tier an on-peak charge has reached by the highest demand at any time, and then bills
    100 kW on the first tier although 80 were reached.  We bill what the window reached.
    """
    window = {"hours": (16, 21)}
    rows = [
        _row("demand", "on-peak", limit=0, charge=20, **window),
        _row("demand", "on-peak", limit=100, charge=30, **window),
    ]
    used = [80 if 64 <= n % 96 < 84 else 200 for n in range(30 * 96)]
    ours = bill(tariff_of(rows), quarters(2026, 11, used), "2026-11")
    assert ours.total_micro / 1e6 == 80 * 20
    assert by_eeco(rows, 2026, 11, used) == 100 * 20


def test_a_tier_smaller_than_a_quarters_energy_is_billed():
    """100 kW is 25 kWh a quarter of an hour: a tier from 30 to 40 kWh is passed in one.  eeco omits it."""
    rows = [_row("energy", limit=limit, charge=price) for limit, price in ((0, 0.1), (30, 5.0), (40, 0.1))]
    used = [100] * (30 * 96)
    ours = bill(tariff_of(rows), quarters(2026, 11, used), "2026-11")
    total = (100 * 720 - 10) * 0.1 + 10 * 5.0
    assert ours.total_micro / 1e6 == pytest.approx(total, abs=1e-6)
    assert by_eeco(rows, 2026, 11, used) < total - 10
