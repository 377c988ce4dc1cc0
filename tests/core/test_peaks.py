"""The demand so far, as the running daemon follows it, and what one more kW costs."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from edge.core.controller import Controller
from edge.core.peaks import Peaks, Quarter, looks_back_to
from edge.core.tariff import Book
from edge.model.flow import Noted, Restored, Tick
from edge.model.records import LoadBlock
from edge.model.tariff import (
    WEEKDAYS,
    DemandPrice,
    EnergyPrice,
    Ratchet,
    Subscription,
    Tariff,
    Tier,
    When,
)
from edge.model.units import DAY_MS, HOUR_MS, QUARTER_MS
from tests.fakes.loads import month
from tests.story.sites import depot, flows

ZONE = ZoneInfo("America/Los_Angeles")
RATE = 15_510_000_000


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 1000


def tariff(*demand, **more):
    energy = more.pop("energy", (EnergyPrice("energy", (Tier(100_000_000),)),))
    return Tariff("t", "America/Los_Angeles", energy=energy, demand=demand, **more)


def demand(name="any time", **more):
    return DemandPrice(name, (Tier(RATE),), **more)


def peaks(drawn, *quarters):
    found = Peaks(Book(drawn))
    for quarter in quarters:
        found.fold(quarter)
    return found


def test_the_peak_so_far_and_the_month_that_begins():
    """At noon of the 30th: 80 kW this month; next month, within 48 h, begins at nothing."""
    now = at("2026-11-30T12:00")
    this, following = peaks(
        tariff(demand()), *month("America/Los_Angeles", 2026, 10, 95), Quarter(at("2026-11-03T08:15"), 20_000)
    ).ahead(now, now + 48 * HOUR_MS)
    assert (this.already_w, this.already_wall_ms, this.before_w) == (80_000, at("2026-11-03T08:15"), 95_000)
    assert (following.already_w, following.already_wall_ms, following.before_w) == (0, None, 80_000)
    midnight = at("2026-12-01T00:00")
    assert (this.from_wall_ms, this.to_wall_ms, following.from_wall_ms) == (now, midnight, midnight)
    assert this.per_kw_micro == 15_510_000


def test_windows_say_when_they_are_open():
    window = (When(days=WEEKDAYS, from_min=16 * 60, to_min=21 * 60),)
    now = at("2026-11-20T17:00")  # a Friday
    (found,) = peaks(tariff(demand(during=window))).ahead(now, now + 3 * DAY_MS)
    assert found.open_wall_ms == [
        (now, at("2026-11-20T21:00")), (at("2026-11-23T16:00"), at("2026-11-23T17:00")),
    ]  # fmt: skip


def test_the_day_with_100_quarters():
    """1 November 2026: 25 h; a daily demand holds until its real end."""
    now = at("2026-11-01T00:00")
    first, second = peaks(tariff(demand(per="day"))).ahead(now, now + 26 * HOUR_MS)
    assert first.to_wall_ms - first.from_wall_ms == 25 * HOUR_MS
    assert second.from_wall_ms == at("2026-11-02T00:00")


def test_a_ratchet_and_a_contract_are_a_floor():
    ratcheted = tariff(demand(ratchet=Ratchet(800, 11), least_w=30_000))
    now = at("2026-11-10T00:00")
    (found,) = peaks(ratcheted, *month("America/Los_Angeles", 2026, 8, 100)).ahead(now, now + HOUR_MS)
    assert found.already_w == 80_000
    (without,) = peaks(ratcheted).ahead(now, now + HOUR_MS)
    assert without.already_w == 30_000


def test_the_year_of_an_annual_peak():
    annual = tariff(demand(per="year"), year_begins=4)
    assert looks_back_to(annual, at("2026-03-15T00:00")) == at("2025-04-01T00:00")
    now = at("2026-03-31T20:00")
    this, following = peaks(annual, Quarter(at("2025-06-03T08:15"), 20_000)).ahead(now, now + 12 * HOUR_MS)
    assert (this.already_w, following.already_w) == (80_000, 0)


def test_looking_back():
    now = at("2026-11-20T12:00")
    assert looks_back_to(tariff(demand()), now) == at("2026-10-01T00:00"), "for the peak of the month before"
    assert looks_back_to(tariff(demand(ratchet=Ratchet(800, 11))), now) == at("2025-12-01T00:00")


@pytest.mark.parametrize(
    ("subscribed_w", "already_w", "rate"), [(120_000, 150_000, 3.82), (None, 100_000, 1.9112)]
)
def test_a_subscription(subscribed_w, already_w, rate):
    """100 kW reached.  120 kW subscribed are three blocks; else two blocks, and a third costs 1.91 a kW."""
    plan = Subscription("blocks", 50_000, 95_560_000_000, 3_820_000_000, subscribed_w)
    now = at("2026-11-20T12:00")
    (found,) = peaks(tariff(subscriptions=(plan,)), Quarter(at("2026-11-03T08:15"), 25_000)).ahead(
        now, now + HOUR_MS
    )
    assert (found.already_w, found.per_kw_micro) == (already_w, round(rate * 1e6))


def test_tiers_fill_up_and_begin_anew_with_the_month():
    tiered = tariff(energy=(EnergyPrice("e", (Tier(10, 500_000), Tier(20))),))
    found = peaks(tiered, *month("America/Los_Angeles", 2026, 10, 1))
    assert found.filled == {0: 744_000}
    found.fold(Quarter(at("2026-11-01T00:00"), 250))
    assert found.filled == {0: 250}


# --- in the controller ----------------------------------------------------------------------------------


def ticked(controller, from_ms, to_ms, amps, step_ms=1000):
    """Let three phases of `amps` flow; return the last record."""
    record = None
    for wall_ms in range(from_ms, to_ms, step_ms):
        now_ms = wall_ms - at("2026-11-01T00:00")
        controller.handle(flows(now_ms, amps, amps, amps))
        for command in controller.handle(Tick(now_ms, wall_ms)):
            if isinstance(command, Noted):
                record = command.record
    return record


def restored(wall_ms, *blocks):
    return Restored(
        at_ms=wall_ms - at("2026-11-01T00:00"),
        wall_ms=wall_ms,
        boot_id="b",
        last_wall_ms=None,
        kept=list(blocks),
        windows=[],
        events=[],
        opt_outs={},
    )


def test_the_daemon_follows_the_peak_over_a_restart_and_a_month():
    """20 kW before; 60 A are 41.4 kW for the last quarter of November; then December begins at nothing."""
    start = at("2026-11-30T23:44")
    controller = Controller(depot(), tariff(demand()))
    controller.handle(restored(start, LoadBlock(at("2026-11-12T10:00"), 5_000, measured_ms=QUARTER_MS)))
    record = ticked(controller, start, start + 30_000, 60)
    assert record.demand[0].already_w == 20_000
    assert record.quarter_w == 41_400
    record = ticked(controller, start + 30_000, at("2026-12-01T00:00"), 60)
    assert record.quarter_w == 41_400
    record = ticked(controller, at("2026-12-01T00:00"), at("2026-12-01T00:01"), 10)
    assert (record.demand[0].already_w, record.demand[0].before_w) == (0, 41_400)
