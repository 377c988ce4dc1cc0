"""The site's load by quarters of an hour, against loads worked out by hand."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.core.load import Load, SiteNow
from edge.model.flow import Restored, Tick
from edge.model.records import ChargeBlock, LoadBlock, Session
from edge.model.units import HOUR_MS, QUARTER_MS

NOON = int(datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp() * 1000)


def run(load, from_ms, to_ms, power_w, *, counter_wh=None, sessions=(), step_ms=1000, skew_ms=-NOON):
    """Tick from one time to another; return the last row of each key.  power_w: a figure, or of the time."""
    rows = {}
    for wall_ms in range(from_ms, to_ms, step_ms):
        w = power_w(wall_ms) if callable(power_w) else power_w
        for row in load.step(Tick(wall_ms + skew_ms, wall_ms), SiteNow(w, counter_wh), sessions):
            rows[(type(row), row.start_wall_ms, getattr(row, "session_id", ""))] = row
    return rows


def quarters(rows):
    return {
        row.start_wall_ms: row
        for row in rows.values()
        if isinstance(row, LoadBlock) and row.measured_ms == QUARTER_MS
    }


def test_a_steady_load():
    rows = quarters(run(Load(), NOON, NOON + HOUR_MS + 1000, 100_000))
    assert [(row.import_wh, row.export_wh) for row in rows.values()] == [(25_000, 0)] * 4
    assert list(rows) == [NOON + n * QUARTER_MS for n in range(4)]


def test_a_burst_that_straddles_two_quarters_is_split():
    """100 kW from 12:10 to 12:20 is 33.3 kW in each of two quarters."""

    def burst(wall_ms):
        return 100_000 if 10 * 60_000 <= wall_ms - NOON < 20 * 60_000 else 0

    rows = quarters(run(Load(), NOON, NOON + HOUR_MS, burst))
    highest_w = max(row.import_wh * 4 for row in rows.values())
    (case,) = [c for c in _cases() if c["name"] == "straddling burst"]
    assert highest_w == pytest.approx(case["block_15min_max_kw"] * 1000, abs=4)
    assert sum(row.import_wh for row in rows.values()) == 16_666


def _cases():
    return json.loads((Path(__file__).parent.parent / "vectors/demand_charge.json").read_text())["cases"]


def test_what_is_finer_than_a_watt_hour_is_carried_on():
    rows = quarters(run(Load(), NOON, NOON + 6 * HOUR_MS + 1000, 1_333))
    assert sum(row.import_wh for row in rows.values()) == 6 * 1_333
    assert {row.import_wh for row in rows.values()} == {333, 334}


def test_export_is_not_taken_from_import():
    def sun(wall_ms):
        return -40_000 if wall_ms - NOON < QUARTER_MS // 3 else 20_000

    (first, *_) = quarters(run(Load(), NOON, NOON + QUARTER_MS + 1000, sun)).values()
    assert first.import_wh == 3_333
    assert first.export_wh == 3_333


def test_what_was_not_measured_is_not_counted():
    def silent(wall_ms):
        return None if 5 * 60_000 <= wall_ms - NOON < 10 * 60_000 else 60_000

    rows = run(Load(), NOON, NOON + QUARTER_MS + 1000, silent)
    row = rows[(LoadBlock, NOON, "")]
    assert row.measured_ms == pytest.approx(600_000, abs=2_000)
    assert row.import_wh == pytest.approx(10_000, abs=40)


def test_a_tick_that_is_late_counts_and_a_stop_does_not():
    load = Load()
    load.step(Tick(0, NOON), SiteNow(36_000, None), ())
    load.step(Tick(4_000, NOON + 4_000), SiteNow(36_000, None), ())
    load.step(Tick(60_000, NOON + 60_000), SiteNow(36_000, None), ())
    (row,) = load.step(Tick(305_000, NOON + 305_000), SiteNow(36_000, None), ())
    assert (row.import_wh, row.measured_ms) == (40, 4_000)


def restored(wall_ms, *kept):
    return Restored(
        at_ms=0, wall_ms=wall_ms, boot_id="b", last_wall_ms=None, kept=list(kept), windows=[], events=[],
        opt_outs={},
    )  # fmt: skip


def test_a_restart_within_a_quarter_goes_on_with_it():
    """5 min at 60 kW, 5 min off while the meter counts 4 kWh on, 5 min at 60 kW."""
    before = run(Load(), NOON, NOON + 300_001, 60_000, counter_wh=1_000_000)[(LoadBlock, NOON, "")]
    assert (before.import_wh, before.counter_wh) == (5_000, 1_000_000)
    load = Load()
    load.restored(restored(NOON + 600_000, before))
    after = run(load, NOON + 600_000, NOON + QUARTER_MS + 1000, 60_000, counter_wh=1_004_000, skew_ms=7)
    row = after[(LoadBlock, NOON, "")]
    assert (row.import_wh, row.measured_ms) == (14_000, QUARTER_MS)


def test_after_a_restart_without_a_counter_the_gap_stays_a_gap():
    before = LoadBlock(NOON, 5_000, measured_ms=300_000)
    load = Load()
    load.restored(restored(NOON + 600_000, before))
    row = run(load, NOON + 600_000, NOON + QUARTER_MS + 1000, 60_000)[(LoadBlock, NOON, "")]
    assert (row.import_wh, row.measured_ms) == (10_000, 600_000)


def test_a_counter_of_an_earlier_quarter_fills_nothing():
    """What flowed before this quarter began is not this quarter's."""
    load = Load()
    run(load, NOON, NOON + 60_000, 60_000, counter_wh=1_000_000)
    run(load, NOON + 60_000, NOON + QUARTER_MS + 60_000, None)
    rows = run(load, NOON + QUARTER_MS + 60_000, NOON + 2 * QUARTER_MS + 1000, 60_000, counter_wh=1_500_000)
    row = rows[(LoadBlock, NOON + QUARTER_MS, "")]
    assert (row.import_wh, row.measured_ms) == (14_000, 840_000)


def test_while_nobody_has_set_the_clock_nothing_is_written():
    load = Load()
    assert load.step(Tick(0, 0, wall_trusted=False), SiteNow(5_000, None), ()) == []
    assert load.step(Tick(600_000, 600_000, wall_trusted=False), SiteNow(5_000, None), ()) == []


def test_a_clock_set_back_opens_no_quarter_again():
    load = Load()
    run(load, NOON, NOON + QUARTER_MS + 1000, 40_000)
    rows = run(load, NOON + 60_000, NOON + 2 * QUARTER_MS, 40_000, skew_ms=QUARTER_MS)
    assert min(row.start_wall_ms for row in rows.values()) == NOON + QUARTER_MS


def session(energy_wh, start=NOON, name="s1"):
    return Session(id=name, charger="bay-1", start_wall_ms=start, energy_wh=energy_wh, vehicle="van 7")


def test_what_a_vehicle_got_in_a_quarter():
    load = Load()
    early = NOON - HOUR_MS
    load.restored(restored(NOON, session(7_000, early)))
    run(load, NOON, NOON + 2_000, 30_000, sessions=[session(7_000, early)])
    run(load, NOON + 2_000, NOON + 4_000, 30_000, sessions=[session(9_500, early), session(10, NOON, "s2")])
    rows = run(load, NOON + 4_000, NOON + QUARTER_MS + 1000, 30_000, sessions=[session(9_600, early)])
    assert rows[(ChargeBlock, NOON, "s1")] == ChargeBlock("s1", NOON, "bay-1", 2_600)
    assert rows[(ChargeBlock, NOON, "s2")].energy_wh == 10, "it has left, and what it got stays"
    assert rows[(LoadBlock, NOON, "")].charging_wh == 2_610


def test_a_session_that_flickers_is_not_counted_twice():
    load = Load()
    early = NOON - HOUR_MS
    run(load, NOON, NOON + 1_000, 30_000, sessions=[session(20_000, early)])
    run(load, NOON + 1_000, NOON + QUARTER_MS + 5_000, 30_000, sessions=[])
    rows = run(
        load,
        NOON + QUARTER_MS + 5_000,
        NOON + 2 * QUARTER_MS + 1000,
        30_000,
        sessions=[session(20_100, early)],
    )
    assert not [row for row in rows.values() if isinstance(row, ChargeBlock)]


def test_what_a_vehicle_gives_back_is_kept_beside_what_it_gets() -> None:
    load, session = Load(), Session("s", "bay-1", NOON - 1)
    rows = {}
    for second in range(0, 1_801):
        wall_ms = NOON + second * 1000
        given = {"bay-1": 7_200} if second < 600 else {}
        for row in load.step(Tick(wall_ms - NOON, wall_ms), SiteNow(10_000, None), [session], given):
            if isinstance(row, ChargeBlock):
                rows[row.start_wall_ms] = row
    # from the second tick on to the 600th: 599 s of 7.2 kW
    assert [(r.energy_wh, r.given_wh) for r in rows.values()] == [(0, 7_200 * 599 // 3_600)]
    again = Load()
    again.restored(Restored(0, NOON + 700_000, "b", None, [*rows.values()], [], [], {}))
    assert again._given_wms == {"s": 1_198 * 3_600_000}


def test_a_meter_that_is_read_seldom_counts_as_long_as_it_is_believed():
    """By setting a meter may be silent for up to 10 s: what flowed between two such readings is no gap."""

    def measured_ms(load):
        rows = []
        for at_ms in range(0, QUARTER_MS + 8_000, 8_000):
            rows += load.step(Tick(at_ms, NOON + at_ms), SiteNow(60_000, None), [])
        return max(row.measured_ms for row in rows if isinstance(row, LoadBlock))

    assert measured_ms(Load(10_000)) == QUARTER_MS
    assert measured_ms(Load(5_000)) < QUARTER_MS // 10
