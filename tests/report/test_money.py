"""What charging cost, by hand; the best in hindsight against the whole month as one programme (HiGHS)."""

import json
import random
from datetime import datetime
from zoneinfo import ZoneInfo

import highspy
import numpy as np
import pytest

from edge.cli import main
from edge.core.peaks import Quarter
from edge.core.tariff import Book
from edge.model.records import ChargeBlock, LoadBlock, Session
from edge.model.tariff import DemandPrice, EnergyPrice, Subscription, Tariff, Tier, When
from edge.model.units import HOUR_MS, QUARTER_MS
from edge.report.bill import bill
from edge.report.money import Stay, charged_otherwise, money, stays, uncontrolled
from edge.shell.store import Store
from tests.fakes.loads import month
from tests.story.sites import depot

NANO = 10**9


def at(text, zone="UTC"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def tariff(*demand, **more):
    """40 cents from 16 to 21, 10 else."""
    peak = EnergyPrice("peak", (Tier(400_000_000),), (When(from_min=960, to_min=1260),))
    return Tariff("t", "UTC", energy=(peak, EnergyPrice("else", (Tier(100_000_000),))), demand=demand, **more)


def per_kw(price, **more):
    return DemandPrice("demand", (Tier(round(price * NANO)),), **more)


def stay(name, begin, end, blocks, full_w=10_000, charger="bay-1"):
    return Stay(name, charger, name, at(begin), at(end), blocks, full_w)


def evening():
    """20 kWh, charged at 10 kW from 18 to 20, while 1 kW flows elsewhere; the vehicle stays till 6."""
    begin = at("2026-11-10T18:00")
    blocks = {begin + n * QUARTER_MS: 2_500 for n in range(8)}
    van = stay("van 7", "2026-11-10T18:00", "2026-11-11T06:00", blocks)
    load = [q._replace(import_wh=250 + blocks.get(q.start_wall_ms, 0)) for q in month("UTC", 2026, 11, 0)]
    return load, van


def by_name(found):
    return {way.name: way for way in found.ways}


def test_one_evening_by_hand():
    """At 40 cents 8.00; nobody could have charged faster; at best after 21:00 at 10 cents, 2.00."""
    load, van = evening()
    found = by_name(money(depot(), tariff(), "2026-11", load, [van]))
    assert found["billed"].charging_micro == 8_000_000
    assert found["uncontrolled"].charging_micro == 8_000_000
    assert found["hindsight"].charging_micro == pytest.approx(2_000_000, abs=100)
    assert found["billed"].per_kwh_micro == 400_000
    elsewhere = 720 * 0.1 + 150 * 0.3
    assert found["billed"].total_micro == pytest.approx((elsewhere + 8) * 1e6, abs=1)


def test_a_demand_charge_is_worth_some_dear_energy():
    """The night from 21 to 6 has 9 h: 20 kWh are 2.22 kW; at 5 a kW, charging then costs 2.00 + 5 × 2.22."""
    load, van = evening()
    found = by_name(money(depot(), tariff(per_kw(5)), "2026-11", load, [van]))
    assert found["billed"].charging_micro == 8_000_000 + 50_000_000
    # All 12 h: 20/12 kW is 1.667; 3 h × 1.667 at 40 cents.  Each kW less at night saves 5 and costs 9 × 0.30.
    best = 5 * 20 / 12 + 20 / 12 * 3 * 0.4 + 20 / 12 * 9 * 0.1
    assert found["hindsight"].charging_micro / 1e6 == pytest.approx(best, rel=0.01)
    assert found["hindsight"].charging_micro / 1e6 >= best - 1e-3, "nothing can be cheaper"


def test_a_window_of_demand_is_kept_free():
    load, van = evening()
    window = per_kw(5, during=(When(from_min=960, to_min=1260),))
    found = by_name(money(depot(), tariff(window), "2026-11", load, [van]))
    assert found["hindsight"].charging_micro == pytest.approx(2_000_000, abs=1_000)


def test_a_subscription_that_is_paid_anyway_is_used():
    """2 kW would do, 6 are subscribed: the peak is free up to there."""
    load, van = evening()
    plan = tariff(subscriptions=(Subscription("s", 6_000, 10 * NANO, 50 * NANO, 6_000),))
    found = by_name(money(depot(), plan, "2026-11", load, [van]))
    assert found["hindsight"].charging_micro == pytest.approx(2_000_000, abs=20_000)
    assert found["billed"].charging_micro == 8_000_000 + 5 * 50_000_000


def test_uncontrolled_is_full_power_from_the_coming_on():
    begin = at("2026-11-10T18:05")
    blocks = {at("2026-11-11T02:00") + n * QUARTER_MS: 1_000 for n in range(5)}
    late = Stay("s", "bay-1", "", begin, at("2026-11-11T06:00"), blocks, 12_000)
    assert uncontrolled([late]) == {"s": {at("2026-11-10T18:00"): 2_000, at("2026-11-10T18:15"): 3_000}}


def test_the_load_beside_charging_stays_and_the_sun_is_used_first():
    noon = at("2026-11-10T12:00")
    load = [Quarter(noon, 500, 1_000), Quarter(noon + QUARTER_MS, 3_000)]
    van = Stay("s", "bay-1", "", noon, noon + HOUR_MS, {noon + QUARTER_MS: 2_000}, 10_000)
    moved = charged_otherwise(load, [van], {"s": {noon: 2_000}})
    assert [(q.import_wh, q.export_wh) for q in moved] == [(1_500, 0), (1_000, 0)]
    nothing = charged_otherwise(load, [van], {})
    assert [(q.import_wh, q.export_wh) for q in nothing] == [(500, 1_000), (1_000, 0)]


def test_uncontrolled_charging_over_the_connection_is_told():
    load, van = evening()
    small = depot(limit_ma=16_000)
    found = money(small, tariff(), "2026-11", load, [msgspec_replace(van, full_w=30_000)])
    assert found.notes == ["uncontrolled: the connection's 11.04 kW would have been exceeded: 31 kW"]


def msgspec_replace(struct, **more):
    return type(struct)(**{**{f: getattr(struct, f) for f in struct.__struct_fields__}, **more})


def test_vehicles_share_what_is_not_energy_by_energy():
    begin = at("2026-11-10T18:00")
    dear = stay("a", "2026-11-10T18:00", "2026-11-11T06:00", {begin: 2_500})
    cheap_at = at("2026-11-11T02:00")
    cheap = stay("b", "2026-11-10T18:00", "2026-11-11T06:00", {cheap_at: 7_500}, 30_000, "bay-2")
    load = [
        q._replace(import_wh={begin: 2_500, cheap_at: 7_500}.get(q.start_wall_ms, 0))
        for q in month("UTC", 2026, 11, 0)
    ]
    found = money(depot(), tariff(per_kw(1)), "2026-11", load, [dear, cheap])
    billed = {v.vehicle: v.micro["billed"] for v in found.vehicles}
    assert billed == {"a": 1_000_000 + 30_000_000 // 4, "b": 750_000 + 30_000_000 * 3 // 4}
    for way in found.ways:
        assert sum(v.micro[way.name] for v in found.vehicles) == pytest.approx(way.charging_micro, abs=2)


def test_nobody_charged():
    found = money(depot(), tariff(per_kw(1)), "2026-11", month("UTC", 2026, 11, 3), [])
    assert [(way.charging_micro, way.per_kwh_micro) for way in found.ways] == [(0, None)] * 3


def test_who_was_there_and_what_it_could_take():
    """A session that began in the month before counts from the month's first moment; power as once seen."""
    first, last = at("2026-11-01T00:00"), at("2026-12-01T00:00")
    sessions = [
        Session("s1", "bay-1", first - HOUR_MS, first + HOUR_MS, vehicle="van", power_w_max=4_000),
        Session("s2", "bay-2", first + 5 * HOUR_MS, None, vehicle="van", power_w_max=11_000),
        Session("s3", "bay-1", first + 9 * HOUR_MS, first + 10 * HOUR_MS),
    ]
    blocks = [
        ChargeBlock("s1", first - QUARTER_MS, "bay-1", 900),
        ChargeBlock("s1", first, "bay-1", 800),
        ChargeBlock("s2", first + 6 * HOUR_MS, "bay-2", 700),
    ]
    found = stays(depot(), sessions, blocks, first, last)
    assert [(s.session_id, s.from_wall_ms, s.to_wall_ms, s.energy_wh, s.full_w) for s in found] == [
        ("s1", first, first + HOUR_MS, 800, 11_000),
        ("s2", first + 5 * HOUR_MS, last, 700, 11_000),
    ]


# --- against HiGHS --------------------------------------------------------------------------------------


def fleet(seed, vehicles=6):
    """A month of nights: vans come in the evening with a need, charge at once, and leave in the morning."""
    draw = random.Random(seed)
    first, sessions = at("2026-11-01T00:00"), []
    for day in range(29):
        for n in range(vehicles):
            if draw.random() < 0.3:
                continue
            begin = first + day * 24 * HOUR_MS + draw.randint(15 * 4, 20 * 4) * QUARTER_MS
            end = first + (day + 1) * 24 * HOUR_MS + draw.randint(4 * 4, 8 * 4) * QUARTER_MS
            full_w, need_wh = draw.choice([7_200, 11_000, 22_000]), draw.randint(5, 45) * 1000
            name, per_wh = f"{day}-{n}", full_w // 4
            blocks = {
                begin + k * QUARTER_MS: min(per_wh, need_wh - k * per_wh)
                for k in range(-(-need_wh // per_wh))
            }
            sessions.append(Stay(name, f"bay-{n + 1}", f"van {n}", begin, end, blocks, full_w))
    load = [
        q._replace(import_wh=1_500 + 1_000 * (q.start_wall_ms // HOUR_MS % 24 in range(6, 19)))
        for q in month("UTC", 2026, 11, 0)
    ]
    none = [
        s.__class__(s.session_id, s.charger, s.vehicle, s.from_wall_ms, s.to_wall_ms, {}, s.full_w)
        for s in sessions
    ]
    return charged_otherwise(load, none, {s.session_id: s.blocks for s in sessions}), sorted(
        sessions, key=lambda s: (s.from_wall_ms, s.session_id)
    )


def by_highs(of, load, sessions, per_kw_price):
    """Return the least that energy and the month's highest demand can cost: one programme for the month."""
    book = Book(of)
    base = {q.start_wall_ms: float(q.import_wh) for q in charged_otherwise(load, sessions, {})}
    cost, least, most, rows = [], [], [], []  # rows: (columns, values, low, high)
    taking = {}
    for s in sessions:
        own = []
        for start in range(s.from_wall_ms // QUARTER_MS * QUARTER_MS, s.to_wall_ms, QUARTER_MS):
            own.append(len(cost))
            taking.setdefault(start, []).append(len(cost))
            cost.append(book.price_nano(book.moment(start)) / 1e12)
            most.append(s.full_w / 4)
            least.append(0.0)
        rows.append((own, [1.0] * len(own), s.energy_wh, s.energy_wh))
    peak = len(cost)
    cost.append(per_kw_price * 4 / 1000)  # Wh of a quarter to kW
    least.append(max(base.values()))
    most.append(1e9)
    for start, own in taking.items():
        rows.append(([*own, peak], [1.0] * len(own) + [-1.0], -1e30, -base[start]))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(cost), len(rows)
    model.col_cost_, model.col_lower_, model.col_upper_ = np.array(cost), np.array(least), np.array(most)
    model.row_lower_ = np.array([row[2] for row in rows], dtype=float)
    model.row_upper_ = np.array([row[3] for row in rows], dtype=float)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.cumsum([0, *(len(row[0]) for row in rows)])
    model.a_matrix_.index_ = np.concatenate([row[0] for row in rows])
    model.a_matrix_.value_ = np.concatenate([row[1] for row in rows])
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(model)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    elsewhere = sum(wh * book.price_nano(book.moment(start)) for start, wh in base.items()) / 1e12
    return highs.getInfo().objective_function_value + elsewhere


@pytest.mark.parametrize(("seed", "rate"), [(1, 15.51), (2, 4.0)])
def test_hindsight_is_near_the_true_optimum_of_the_month(seed, rate):
    load, sessions = fleet(seed)
    of = tariff(per_kw(rate))
    wide = depot(chargers=6, limit_ma=300_000, other_max_ma=0)
    found = money(wide, of, "2026-11", load, sessions)
    ways = by_name(found)
    true = by_highs(of, load, sessions, rate)
    assert ways["hindsight"].total_micro / 1e6 >= true - 0.01, "nothing can be cheaper than the optimum"
    assert ways["hindsight"].total_micro / 1e6 <= true * 1.01
    assert ways["hindsight"].total_micro < ways["billed"].total_micro
    assert ways["billed"].total_micro == ways["uncontrolled"].total_micro, "that is how this fleet charged"
    assert bill(of, load, "2026-11").total_micro == ways["billed"].total_micro


# --- depot cost -----------------------------------------------------------------------------------------

SITE = """
[site]
id = "yard"
timezone = "UTC"
tariff = "tariff.toml"

[[node]]
id = "main"
limit_a = 63
other_max_a = 20
meter = "grid"

[[meter]]
id = "grid"
driver = "janitza_umg604"
tcp = "127.0.0.1:1"
unit = 1

[[charger]]
id = "bay-1"
node = "main"
driver = "alfen_eve"
tcp = "127.0.0.1:2"
unit = 1
max_a = 16
fallback_a = 6
"""
TARIFF = """
[tariff]
name = "t"
timezone = "UTC"
[[energy]]
name = "peak"
price = 0.4
during = { from = "16:00", to = "21:00" }
[[energy]]
name = "else"
price = 0.1
"""


@pytest.fixture
def kept(tmp_path):
    """The evening of above, recorded up to the 15th."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "tariff.toml").write_text(TARIFF)
    load, van = evening()
    store = Store(tmp_path / "depot.db", "boot")
    until = at("2026-11-15T00:00")
    for q in load:
        if q.start_wall_ms < until:
            store.keep(LoadBlock(q.start_wall_ms, q.import_wh, measured_ms=QUARTER_MS))
    store.keep(Session("s1", "bay-1", van.from_wall_ms, van.to_wall_ms, vehicle="van 7", power_w_max=10_000))
    for start, wh in van.blocks.items():
        store.keep(ChargeBlock("s1", start, "bay-1", wh))
    store.close(until)
    return tmp_path


def cost(capsys, folder, *more):
    words = ["cost", "--site", folder / "site.toml", "--store", folder / "depot.db", *more]
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def test_the_command(capsys, kept):
    code, out, _ = cost(capsys, kept, "--month", "2026-11", "--json")
    found = json.loads(out)
    assert code == 0
    assert [way["charging_micro"] for way in found["ways"]][:2] == [8_000_000, 8_000_000]
    assert found["ways"][2]["charging_micro"] == pytest.approx(2_000_000, abs=100)
    (van,) = found["vehicles"]
    assert (van["vehicle"], van["sessions"], van["energy_wh"]) == ("van 7", 1, 20_000)
    assert van["micro"]["billed"] == 8_000_000
    code, out, _ = cost(capsys, kept, "--month", "2026-11")
    assert "8.00 USD  0.40 USD/kWh" in out and "2.00 USD  0.10 USD/kWh" in out


def test_long_work_says_how_far_it_is_on_standard_error(capsys, kept, monkeypatch):
    """Without a demand charge there is one try; it is told, and JSON stays alone on its side."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ticks = iter(range(10_000))
    monkeypatch.setattr("edge.cli.progress.time.monotonic", lambda: float(next(ticks)))
    code, out, err = cost(capsys, kept, "--month", "2026-11", "--json")
    assert code == 0
    json.loads(out)
    told = [line.removeprefix("\x1b[K") for line in err.split("\r") if "looking for" in line]
    assert len(told) == 1
    assert told[-1] == "looking for the best in hindsight: 100 %, about 0 s left"
    assert err.endswith("\r\x1b[K")  # nothing is left on the line


def test_the_command_says_what_is_wrong(capsys, kept):
    assert cost(capsys, kept, "--month", "2026-10")[0] == 1, "nobody charged"
    assert cost(capsys, kept, "--month", "November")[0] == 2
    assert cost(capsys, kept, "--month", "2026-11", "--tariff", kept / "none.toml")[0] == 2
    code = main(["cost", "--month", "2026-11", "--store", str(kept / "depot.db")])
    assert code == 2 and "expected --site FILE" in capsys.readouterr().err


def test_what_was_given_back_is_in_the_bill_and_not_in_the_other_ways():
    """5 kWh out at 40 cents from 17 to 18, where 6 kW flow elsewhere; 25 in at 10 cents from 22 on.

    Without any vehicle 6 kWh would have been bought in that hour, not 1.  Uncontrolled, 20 kWh go in from 17
    on, at 40 cents: 10 kW until 19.
    """
    begin, night = at("2026-11-10T17:00"), at("2026-11-10T22:00")
    blocks = {night + n * QUARTER_MS: 2_500 for n in range(10)}
    given = {begin + n * QUARTER_MS: 1_250 for n in range(4)}
    van = Stay("van", "bay-1", "van", begin, at("2026-11-11T06:00"), blocks, 10_000, given)
    load = [
        q._replace(import_wh=1_500 + blocks.get(q.start_wall_ms, 0) - given.get(q.start_wall_ms, 0))
        for q in month("UTC", 2026, 11, 0)
    ]
    found = money(depot(), tariff(), "2026-11", load, [van])
    ways = by_name(found)
    assert ways["billed"].charging_micro == pytest.approx((25 * 0.10 - 5 * 0.40) * 1e6, abs=1)
    assert ways["uncontrolled"].charging_micro == pytest.approx(20 * 0.40 * 1e6, abs=1)
    assert ways["hindsight"].charging_micro == pytest.approx(20 * 0.10 * 1e6, abs=1)
    assert any("gave back 5.0 kWh" in note for note in found.notes)


def test_what_is_given_beyond_the_load_is_export_as_the_meter_counted_it():
    begin = at("2026-11-10T17:00")
    van = Stay("van", "bay-1", "van", begin, begin + HOUR_MS, {begin: 10}, 10_000, {begin: 1_000})
    (quarter,) = charged_otherwise([Quarter(begin, 0, export_wh=400)], [van], {})
    assert (quarter.import_wh, quarter.export_wh) == (590, 0)


def test_rows_of_the_store_bring_what_was_given():
    begin = at("2026-11-10T17:00")
    session = Session("s", "bay-1", begin, begin + HOUR_MS, power_w_max=8_000)
    rows = [ChargeBlock("s", begin, "bay-1", 0, 700), ChargeBlock("s", begin + QUARTER_MS, "bay-1", 900)]
    (found,) = stays(depot(), [session], rows, begin, begin + HOUR_MS)
    assert (found.blocks, found.given) == ({begin + QUARTER_MS: 900}, {begin: 700})
