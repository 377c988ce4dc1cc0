"""A month's bill, against figures worked out by hand."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from edge.core.peaks import Quarter
from edge.model.tariff import (
    WEEKDAYS,
    DemandPrice,
    EnergyPrice,
    Export,
    Fixed,
    LoadFactorStep,
    Ratchet,
    Season,
    Subscription,
    Tariff,
    Tier,
    When,
)
from edge.report.bill import bill
from edge.shell.tarifffile import load
from tests.fakes.loads import month

ROOT = Path(__file__).parent.parent.parent
TARIFFS = ROOT / "docs/tariffs"
CASES = {c["name"]: c for c in json.loads((ROOT / "tests/vectors/demand_charge.json").read_text())["cases"]}
NANO = 10**9


def price(value, name="energy", **more):
    return EnergyPrice(name, (Tier(round(value * NANO)),), **more)


def demand(value, name="demand", **more):
    return DemandPrice(name, (Tier(round(value * NANO)),), **more)


def tariff(*energy, zone="UTC", **more):
    return Tariff("t", zone, energy=energy or (price(0),), **more)


def amounts(found):
    return {line.name: line.amount_micro / 1e6 for line in found.lines}


def quantities(found):
    return {line.name: line.quantity for line in found.lines}


# --- published tariffs --------------------------------------------------------------------------------


def test_pge_bev_2_with_a_subscription_and_power_above_it():
    """July: 744 h at 40 kW, and 130 kW for a quarter of an hour on the 14th at 17:00.

    Every day has 5 h of peak (155 h), 5 of super off-peak (155 h) and 14 of off-peak (434 h).  The spike adds
    90 kW for a quarter, 22.5 kWh.  Two blocks of 50 kW are subscribed, 30 kW are above.
    """

    def kw(at):
        return 130 if (at.day, at.hour, at.minute) == (14, 17, 0) else 40

    found = bill(load(TARIFFS / "pge_bev_2_s.toml"), month("America/Los_Angeles", 2026, 7, kw), "2026-07")
    assert amounts(found) == pytest.approx({
        "peak": (155 * 40 + 22.5) * 0.41522,
        "super off-peak": 155 * 40 * 0.17872,
        "off-peak": 434 * 40 * 0.20199,
        "subscription": 2 * 95.56,
        "subscription, above it": 30 * 3.82,
    }, abs=1e-6)  # fmt: skip
    assert found.total_micro == sum(line.amount_micro for line in found.lines)
    assert (found.peak_w, found.import_wh) == (130_000, 29_782_500)


def test_sce_tou_ev_4_in_a_summer_month():
    """July 2019: 23 weekdays, 8 days of weekend; 10 kW always; on-peak 6 h, mid-peak 9 h, off-peak 9 h."""
    found = bill(
        load(TARIFFS / "sce_tou_ev_4_2019.toml"), month("America/Los_Angeles", 2019, 7, 10), "2019-07"
    )
    assert quantities(found) == {
        "summer on-peak": 23 * 6 * 10,
        "summer mid-peak": 23 * 9 * 10,
        "summer off-peak": 23 * 9 * 10 + 8 * 24 * 10,
        "facilities demand": 10,
    }
    total = 1380 * 0.26668 + 2070 * 0.0925 + 3990 * 0.05623 + 155.1
    assert found.total_micro / 1e6 == pytest.approx(total, abs=1e-6)
    assert found.notes == []


def test_a_month_outside_of_the_tariffs_time_is_noted():
    found = bill(load(TARIFFS / "sce_tou_ev_4_2019.toml"), [], "2020-01")
    assert found.notes == ["the tariff's figures hold from 2019-03-01 to 2019-12-31"]


def test_german_annual_peak_is_paid_in_twelfths_and_rises():
    """100 kW until March, 140 kW in April: by April 4/12 of 140 kW are paid, whatever was billed before."""
    german = load(TARIFFS / "german_annual_peak.toml")
    loads = {m: month("Europe/Berlin", 2026, m, 140 if m == 4 else 100)[:96] for m in range(1, 13)}
    paid, history = [], []
    for m in range(1, 13):
        history += loads[m]
        line = {x.name: x for x in bill(german, history, f"2026-{m:02}").lines}["Jahresleistungspreis"]
        paid.append(line.amount_micro / 1e6)
    assert paid[:3] == pytest.approx([110 * 100 / 12] * 3, abs=1e-6)
    assert paid[3] == pytest.approx(110 * 140 * 4 / 12 - 110 * 100 * 3 / 12, abs=1e-6)
    assert sum(paid) == pytest.approx(110 * 140, abs=1e-5), "the year's charge, to the cent"


def test_a_quarter_of_an_hour_makes_the_german_peak():
    def kw(at):
        return 80 if (at.day, at.hour, at.minute) == (3, 12, 15) else 20

    found = bill(load(TARIFFS / "german_annual_peak.toml"), month("Europe/Berlin", 2026, 1, kw), "2026-01")
    assert found.peak_w == 80_000
    assert amounts(found)["Jahresleistungspreis"] == pytest.approx(80 * 110 / 12, abs=1e-6)
    energy_kwh = 744 * 20 + 15
    assert amounts(found)["Energie"] == pytest.approx(energy_kwh * 0.2051, abs=1e-6)
    assert amounts(found)["Arbeitspreis Netz"] == pytest.approx(energy_kwh * 0.0349, abs=1e-6)
    assert amounts(found)["Messstellenbetrieb"] == pytest.approx(40)


def test_overlapping_windows_add_up():
    """July, a weekday: 90 kW at 19:00, 60 kW at 10:00, 100 kW at 23:00; by half hours."""
    peaks = {(8, 10): 60, (8, 19): 90, (8, 23): 100}

    def kw(at):
        return peaks.get((at.day, at.hour), 5)

    found = bill(load(TARIFFS / "coned_overlapping.toml"), month("America/New_York", 2026, 7, kw), "2026-07")
    assert quantities(found) | {"energy": 0} == {
        "energy": 0, "summer weekdays 8-18": 60, "summer weekdays 8-22": 90, "any time": 100,
    }  # fmt: skip
    rates = amounts(found)
    assert rates["summer weekdays 8-22"] == pytest.approx(90 * 23.35)
    winter = bill(load(TARIFFS / "coned_overlapping.toml"), month("America/New_York", 2026, 12, 5), "2026-12")
    assert set(amounts(winter)) == {"energy", "any time"}, "a summer window is not billed in December"


def test_flat_100_kw_under_two_urdb_demand_periods():
    path = ROOT / "tests/vectors/tariffs/pnm_4b_large_power_tou.json"
    found = bill(load(path), month("America/Denver", 2026, 7, 100), "2026-07")
    charged = sum(line.amount_micro for line in found.lines if line.kind == "demand")
    assert charged / 1e6 == CASES["PNM 4B July flat 100 kW"]["expect_usd_demand"]


# --- demand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "expected_kw"), [(15, 400), (30, 200), (60, 100)])
def test_the_metering_interval(minutes, expected_kw):
    def kw(at):
        return 400 if (at.day, at.hour, at.minute) == (9, 12, 15) else 0

    found = bill(tariff(demand=(demand(1, minutes=minutes),)), month("UTC", 2026, 11, kw), "2026-11")
    assert quantities(found)["demand"] == expected_kw
    assert CASES["30-min demand"]["block_30min_max_kw"] == 200


@pytest.mark.parametrize(("first", "hours"), [("2026-03", 743), ("2026-11", 721), ("2026-04", 720)])
def test_months_in_which_clocks_change(first, hours):
    """New York: March 2026 has an hour less, November one more."""
    year, number = map(int, first.split("-"))
    quarters = month("America/New_York", year, number, 10)
    assert len(quarters) == hours * 4
    found = bill(tariff(price(1), zone="America/New_York"), quarters, first)
    assert quantities(found)["energy"] == hours * 10


def test_the_hour_that_comes_twice_makes_two_intervals():
    """1 November 2026, New York: 200 kW in the first 1:00 hour only: 200 kW, not the mean of two hours."""
    first_hour_ms = 1_793_509_200_000  # 2026-11-01T05:00Z, 01:00 EDT
    quarters = [
        q._replace(import_wh=50_000 if 0 <= q.start_wall_ms - first_hour_ms < 3_600_000 else 0)
        for q in month("America/New_York", 2026, 11, 0)
    ]
    found = bill(tariff(zone="America/New_York", demand=(demand(1, minutes=60),)), quarters, "2026-11")
    assert quantities(found)["demand"] == 200


def test_daily_demand_is_paid_for_each_day():
    def kw(at):
        return at.day if at.hour == 17 else 1

    window = (When(from_min=16 * 60, to_min=21 * 60),)
    found = bill(tariff(demand=(demand(2, per="day", during=window),)), month("UTC", 2026, 11, kw), "2026-11")
    assert quantities(found)["demand"] == sum(range(1, 31))
    assert amounts(found)["demand"] == 2 * sum(range(1, 31))


def test_one_maximum_over_several_windows():
    window = (When(from_min=510, to_min=720), When(from_min=1080, to_min=1290))
    loads = {8: 30, 19: 50, 14: 99}
    found = bill(
        tariff(demand=(demand(1, during=window),)),
        month("UTC", 2026, 11, lambda at: loads.get(at.hour, 0)),
        "2026-11",
    )
    assert quantities(found)["demand"] == 50


def test_tiers_of_demand():
    tiers = DemandPrice("demand", (Tier(13_500_000_000, 100_000), Tier(12_100_000_000)))
    found = bill(tariff(demand=(tiers,)), month("UTC", 2026, 11, 140), "2026-11")
    assert amounts(found)["demand"] == pytest.approx(100 * 13.5 + 40 * 12.1)


def test_a_ratchet_remembers_the_months_before():
    """60 % of July's 300 kW is 180; in June next year it still is, in July it no longer counts."""
    ratcheted = tariff(demand=(demand(10, ratchet=Ratchet(600, 11)),))
    history = month("UTC", 2025, 7, 300)[:96]
    for m in range(8, 13):
        history += month("UTC", 2025, m, 100)[:96]
    found = bill(ratcheted, history, "2025-12")
    assert quantities(found)["demand"] == 180
    assert "measured 100 kW, billed at least" in found.lines[-1].words
    for m in range(1, 8):
        history += month("UTC", 2026, m, 100)[:96]
    assert quantities(bill(ratcheted, history, "2026-06"))["demand"] == 180
    assert quantities(bill(ratcheted, history, "2026-07"))["demand"] == 100


def test_a_ratchet_of_the_summer_only():
    summer = Season("summer", (((6, 1), (9, 30)),))
    ratcheted = tariff(demand=(demand(1, ratchet=Ratchet(500, 11, "summer")),), seasons=(summer,))
    history = month("UTC", 2026, 2, 400) + month("UTC", 2026, 7, 300) + month("UTC", 2026, 10, 50)
    assert quantities(bill(ratcheted, history, "2026-10"))["demand"] == 150


@pytest.mark.parametrize(("hours_on", "share"), [(1, 0), (3, 0.25), (4, 0.5), (5.75, 0.75), (12, 1.0)])
def test_a_low_load_factor_pays_a_part(hours_on, share):
    """100 kW for so many hours a day: load factors of 4.2, 12.5, 16.7, 24 and 50 %."""
    steps = tuple(
        LoadFactorStep(part, up_to)
        for part, up_to in [(0, 100), (250, 150), (500, 200), (750, 250), (1000, None)]
    )
    found = bill(
        tariff(demand=(demand(10, load_factor=steps),)),
        month("UTC", 2026, 11, lambda at: 100 if at.hour + at.minute / 60 < hours_on else 0),
        "2026-11",
    )
    assert amounts(found)["demand"] == pytest.approx(1000 * share)


def test_a_contracted_minimum_of_demand():
    found = bill(tariff(demand=(demand(1, least_w=75_000),)), month("UTC", 2026, 11, 10), "2026-11")
    assert quantities(found)["demand"] == 75


def test_an_interval_that_was_hardly_measured_is_no_demand():
    quarters = month("UTC", 2026, 11, 10)
    quarters[100] = Quarter(quarters[100].start_wall_ms, 50_000, measured_ms=400_000)
    quarters[200] = Quarter(quarters[200].start_wall_ms, 5_000, measured_ms=600_000, filled_wh=9_000)
    found = bill(tariff(price(1), demand=(demand(1),)), quarters, "2026-11")
    assert quantities(found)["demand"] == 30, "5 kWh in 10 of 15 min"
    assert quantities(found)["energy"] == 7_200 - 5 + 50 + 14


# --- subscriptions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peak_kw", "blocks", "above_kw"),
    [(0, 0, 0), (10, 0, 10), (24, 0, 24), (26, 1, 0), (50, 1, 0), (74, 1, 24), (76, 2, 0), (100, 2, 0)],
)
def test_without_a_chosen_subscription_the_cheapest_number_of_blocks(peak_kw, blocks, above_kw):
    """A block of 50 kW costs 95.56 and a kW above 3.82: from 25.02 kW on, a block is cheaper."""
    found = bill(
        tariff(subscriptions=(Subscription("s", 50_000, 95_560_000_000, 3_820_000_000),)),
        month("UTC", 2026, 11, peak_kw),
        "2026-11",
    )
    assert amounts(found).get("s", 0) == pytest.approx(blocks * 95.56)
    assert amounts(found).get("s, above it", 0) == pytest.approx(above_kw * 3.82)


# --- energy -------------------------------------------------------------------------------------------


def test_tiers_of_energy_in_a_month():
    tiers = EnergyPrice("e", (Tier(100_000_000, 1_000_000), Tier(200_000_000, 5_000_000), Tier(300_000_000)))
    found = bill(tariff(tiers), month("UTC", 2026, 11, 10), "2026-11")
    assert [(line.quantity, line.words) for line in found.lines] == [
        (1000, "tier 1"), (4000, "tier 2"), (2200, "tier 3"),
    ]  # fmt: skip
    assert found.total_micro == 100_000_000 + 800_000_000 + 660_000_000


def test_tiers_of_a_day():
    tiers = EnergyPrice("e", (Tier(100_000_000, 100_000), Tier(200_000_000)), tier_unit="kWh/day")
    found = bill(tariff(tiers), month("UTC", 2026, 11, lambda at: 10 if at.day == 3 else 2), "2026-11")
    assert quantities(found) == {"e": 140}, "the third is the only day above 100 kWh"
    assert [line.quantity for line in found.lines] == [100 + 29 * 48, 140]


def test_tiers_over_a_component_take_the_price_of_the_time():
    """3 days of 240 kWh; by then 300 kWh are reached on the second day at 06:00."""
    night = (When(from_min=0, to_min=720),)
    rows = [
        EnergyPrice(name, (Tier(a * 10**7, 300_000), Tier(b * 10**7)), during, tiers_over="component")
        for name, a, b, during in [("night", 1, 2, night), ("day", 10, 20, (When(),))]
    ]
    found = bill(tariff(*rows), month("UTC", 2026, 11, lambda at: 10 if at.day <= 3 else 0), "2026-11")
    assert [(line.name, line.words, line.quantity) for line in found.lines] == [
        ("night", "tier 1", 180), ("night", "tier 2", 180), ("day", "tier 1", 120), ("day", "tier 2", 240),
    ]  # fmt: skip


def test_hours_of_use():
    """URDB's LP1: 300 kWh per kW at 4.2 cents, the rest at 2.9; 50 kW all of November is 720 h of use."""
    path = ROOT / "tests/vectors/tariffs/urdb_lp1.json"
    found = bill(load(path, "America/Chicago"), month("America/Chicago", 2026, 11, 50), "2026-11")
    hours = 721
    assert amounts(found) == pytest.approx(
        {"energy period 1": (hours - 300) * 50 * 0.029, "flat demand 0": 50 * 13.5}
    )
    first = next(line for line in found.lines if line.words == "tier 1")
    assert (first.quantity, first.amount_micro) == (15_000, 630_000_000)


def test_hours_of_use_by_the_day():
    tiers = EnergyPrice("e", (Tier(100_000_000, 10_000), Tier(0)), tier_unit="kWh/kW/day")
    found = bill(tariff(tiers), month("UTC", 2026, 11, lambda at: at.day), "2026-11")
    assert found.lines[0].quantity == 10 * sum(range(1, 31))


def test_components_add_up_and_exports_are_paid():
    rows = (price(0.1, "delivery", component="delivery"), price(0.2, "generation", component="generation"))
    found = bill(
        tariff(*rows, exports=(Export("sun", 50_000_000),)),
        month("UTC", 2026, 11, lambda at: -8 if at.hour == 12 else 1),
        "2026-11",
    )
    assert amounts(found) == pytest.approx({"delivery": 69, "generation": 138, "sun": -12})
    assert (found.import_wh, found.export_wh) == (690_000, 240_000)


def test_weekday_windows_on_a_holiday():
    """Thanksgiving, 26 November 2026, counts as a Sunday: 20 weekdays instead of 21."""
    on_peak = price(1, "on-peak", during=(When(days=WEEKDAYS, from_min=960, to_min=1260),))
    quarters = month("UTC", 2026, 11, 1)
    with_it = bill(tariff(on_peak, price(0, "off"), holidays=("4th thu nov",)), quarters, "2026-11")
    without = bill(tariff(on_peak, price(0, "off")), quarters, "2026-11")
    assert (quantities(with_it)["on-peak"], quantities(without)["on-peak"]) == (100, 105)


# --- fixed --------------------------------------------------------------------------------------------


def test_fixed_charges_and_the_minimum():
    fixed = (
        Fixed("a day", 500_000_000, "day"),
        Fixed("a month", 20 * NANO),
        Fixed("a year", 120 * NANO, "year"),
    )
    found = bill(tariff(fixed=fixed, minimum=Fixed("minimum", 60 * NANO)), [], "2026-02")
    assert amounts(found) == {"a day": 14, "a month": 20, "a year": 10, "minimum": 16}
    assert found.total_micro == 60_000_000
    above = bill(tariff(fixed=fixed, minimum=Fixed("minimum", 30 * NANO)), [], "2026-02")
    assert "minimum" not in amounts(above)


def test_what_is_paid_for_export_may_go_below_the_minimum():
    found = bill(
        tariff(exports=(Export("sun", NANO),), minimum=Fixed("minimum", 30 * NANO)),
        month("UTC", 2026, 11, lambda at: -1 if at.hour == 12 else 0),
        "2026-11",
    )
    assert found.total_micro == 0


def test_an_amount_is_rounded_once_a_line():
    """A third of a Wh a quarter of an hour at 0.333333333 is exact until the line is written."""
    quarters = [q._replace(import_wh=Fraction(1, 3)) for q in month("UTC", 2026, 11, 0)]
    found = bill(tariff(price(0.333333333)), quarters, "2026-11")
    assert found.total_micro == round(Fraction(720 * 4, 3) / 1000 * 333_333_333 / 1000)


@pytest.mark.parametrize("wrong", ["2026", "2026-13", "July", "2026-7"])
def test_a_month_that_is_none(wrong):
    with pytest.raises(ValueError, match="expected YYYY-MM"):
        bill(tariff(), [], wrong)
