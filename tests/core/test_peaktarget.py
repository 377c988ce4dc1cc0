"""What is learned of a month's peak and of who comes later: figures worked out by hand."""

from edge.core import dayplan, peaktarget, prospect
from edge.core.peaktarget import Later, PeakTarget
from edge.core.plan import solve
from edge.model.dayplan import Came, PeakAim, Prospect, Stayer
from edge.model.flow import Audit, Keep, MonthsLearned, Restored
from edge.model.records import DemandNow, PriceNow, Session
from edge.model.site import Window
from edge.model.trends import MonthPeak
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from tests.story.sites import depot

SITE = depot(4, limit_ma=200_000, other_max_ma=0)
ZONE = SITE.timezone
MONDAY_MS = 1_794_816_000_000  # 2026-11-16, a Monday, 00:00 in Los Angeles
FULL_W = {c.id: 22_080 for c in SITE.chargers}


def session(day: int, hour: float, hours: float, wh: int, charger: str = "bay-1") -> Session:
    """A session that is over, so many days before that Monday."""
    begin = MONDAY_MS - day * DAY_MS + round(hour * HOUR_MS)
    name = f"{charger} {begin}"
    return Session(name, charger, begin, begin + round(hours * HOUR_MS), energy_wh=wh)


def learned(*sessions: Session) -> PeakTarget:
    target = PeakTarget(ZONE)
    for each in sessions:
        target.came(each)
    return target


def test_the_target_is_a_little_less_than_the_mean_of_the_last_three_months() -> None:
    target = PeakTarget(ZONE)
    assert target.aim(MONDAY_MS) is None, "nothing is known yet"
    kw = {"2026-07": 90, "2026-08": 50, "2026-09": 40, "2026-10": 60, "2026-11": 999}
    target.months(MonthsLearned(0, tuple(MonthPeak(m, "2026-11", w * 1000) for m, w in kw.items())))
    aim = target.aim(MONDAY_MS)
    assert aim is not None
    assert aim.target_w == 47_500, "95 % of August to October; November is not over"
    assert aim.days == (), "nobody is expected"


def test_who_comes_is_learned_of_days_of_the_same_kind() -> None:
    # Fridays, Thursdays, Wednesdays before a Monday; a Saturday and a Sunday; and Monday itself
    weekdays = [session(day, 9, 4, 8_000) for day in (3, 4, 5)]
    target = learned(*weekdays, session(2, 9, 4, 77_000), session(1, 9, 4, 77_000), session(0, 1, 1, 77_000))
    aim = target.aim(MONDAY_MS + 8 * HOUR_MS)
    assert aim == PeakAim(0, 8 * 60, ((Came(540, 240, 8_000, "bay-1"),),) * 3)
    assert learned(*weekdays[:2]).aim(MONDAY_MS) is None, "two days are no history"


def test_nobody_is_expected_where_a_window_says_who_comes() -> None:
    rows = [session(day, 9, 4, 8_000, bay) for day in (3, 4, 5) for bay in ("bay-1", "bay-2")]
    aim = learned(*rows).aim(MONDAY_MS, [Window("w", "bay-1", 0, 600, 10_000)])
    assert aim is not None
    assert {came.charger for day in aim.days for came in day} == {"bay-2"}


def test_sessions_are_taken_from_rows_and_from_the_store_once_they_are_over() -> None:
    rows = [session(day, 9, 4, 8_000) for day in (3, 4, 5)]
    open_one = Session("o", "bay-1", MONDAY_MS - 6 * DAY_MS, None, energy_wh=5)
    target = PeakTarget(ZONE)
    kept = [*rows[:2], open_one, MonthPeak("2026-10", "2026-11", 42_000)]
    target.restored(Restored(0, MONDAY_MS, "", None, kept, [], [], {}))
    commands = [Keep(rows[2]), Keep(rows[2]), Audit("a", "b", "c")]
    assert target.fold(commands) == commands
    aim = target.aim(MONDAY_MS)
    assert aim is not None
    assert (aim.target_w, [len(day) for day in aim.days]) == (39_900, [1, 1, 1])


def test_who_comes_later_is_expected_in_groups_with_the_mean_of_their_energy() -> None:
    three = (
        (Came(540, 240, 8_000, "bay-1"), Came(550, 200, 4_000, "bay-2")),
        (Came(545, 240, 6_000, "bay-1"),),
        (),
    )
    later = peaktarget.later(PeakAim(0, 480, three), FULL_W)
    # 18 kWh of three arrivals on three days; stays weighed by energy: (8·240 + 4·200 + 6·240) / 18 = 231 min
    assert later == [Later(65, 65 + 231, 6_000, 3 * 22_080 // 3)]
    assert peaktarget.later(PeakAim(0, 550, three), FULL_W) == [], "they have come, or will not"


def test_room_is_left_for_the_load_that_one_day_in_twenty_exceeds() -> None:
    # 1 to 21 kW for an hour from 9:00 on 21 days: 95 % of them stay at or below 20 kW
    days = tuple((Came(540, 60, kw * 1_000, "bay-1"),) for kw in range(1, 22))
    found = peaktarget.most_w(PeakAim(0, 510, days), 15 * MINUTE_MS, 8)
    assert found == [0, 0, 20_000, 20_000, 20_000, 20_000, 0, 0]
    assert peaktarget.most_w(PeakAim(0, 510, ()), 15 * MINUTE_MS, 3) == [0, 0, 0]


# --- what a plan makes of it ---------------------------------------------------------------------------

NOW_MS = MONDAY_MS + 8 * HOUR_MS


def look(aim: PeakAim | None, per: str = "month", already_w: int = 0) -> Prospect:
    """A vehicle that has from 8:00 to 12:00 for 20 kWh, at 10 $/kW; energy is dearer until 10:00."""
    van = Stayer(
        "bay-1",
        NOW_MS,
        NOW_MS + 4 * HOUR_MS + 3 * MINUTE_MS,
        20_000 * 50 // 51,
        0,
        32_000,
        22_080,
        (0, 1, 2),
        0,
        True,
    )
    ten = NOW_MS + 2 * HOUR_MS
    prices = (PriceNow(NOW_MS, ten, 150_000, "t"), PriceNow(ten, NOW_MS + 48 * HOUR_MS, 100_000, "t"))
    span = (NOW_MS - DAY_MS, NOW_MS + 9 * DAY_MS)
    demand = DemandNow("t", 10_000_000, already_w, None, None, 15, per, *span, [span])
    return Prospect(NOW_MS, (van,), prices=prices, demand=(demand,), aim=aim)


def made(prospect_: Prospect) -> list[float]:
    """Return the vehicle's power per half hour, in kW."""
    (row,) = dayplan.made(SITE, prospect_).rows
    watts = [0.0] * 48
    for stretch in row.stretches:
        for slot in range(stretch.from_slot, stretch.to_slot):
            watts[slot] = stretch.current_ma * 0.69
    return [sum(watts[n : n + 6]) / 6000 for n in range(0, 48, 6)]


def near(found: list[float], expected: list[float]) -> bool:
    return all(abs(a - b) < 0.15 for a, b in zip(found, expected, strict=True))


def test_a_plan_uses_the_peak_that_the_month_needs_anyway() -> None:
    assert near(made(look(None)), [5.0] * 8), "the lowest peak: 20 kWh in four hours"
    assert near(made(look(PeakAim(10_000, 480, ()))), [0.0] * 4 + [10.0] * 4), "10 kW in the cheap half"
    assert near(made(look(PeakAim(10_000, 480, ()), per="day")), [5.0] * 8), "a day's peak has no history"
    found = made(look(PeakAim(6_000, 480, ())))
    assert near(found[4:], [6.0] * 4), "6 kW in the cheap half"
    assert abs(sum(found[:4]) - 16) < 0.3, "and the rest before"
    assert max(found) < 6.1


def test_a_plan_makes_way_for_who_comes_later() -> None:
    # every day somebody takes 10 kWh from 10:00 to 11:00, as fast as that hour allows
    somebody = ((Came(600, 60, 10_000, "bay-9"),),) * 3
    found = made(look(PeakAim(10_000, 480, somebody)))
    assert near(found[4:], [0.0] * 2 + [10.0] * 2), "that hour is left to them"
    assert abs(sum(found) / 2 - 20) < 0.2, "and has its energy all the same"


def test_groups_cost_nothing_in_what_is_told_of_a_plan() -> None:
    somebody = ((Came(600, 60, 10_000, "bay-9"),),) * 3
    alone = look(PeakAim(10_000, 480, ()))
    plan = dayplan.made(SITE, look(PeakAim(10_000, 480, somebody)))
    assert plan.expected == 0
    assert plan.peak_w < 10_200
    drawn = prospect.draw(SITE, alone)
    (told,) = {dayplan.made(SITE, alone).peak_w // 200}
    assert told == 10_000 // 200
    assert drawn.charge is not None and drawn.charge.already_kw == 0, "what is reached, not what is aimed at"
    cost = dayplan.made(SITE, alone).cost_micro / 1e6
    assert abs(cost - (20 * 0.1 + 10 * 10)) < 1.5


def test_steps_of_setpoints_never_add_up_to_a_new_peak() -> None:
    """Twelve vehicles share a peak that is no whole number of steps: rounding up would raise it by 0.8 kW."""
    site = depot(12, limit_ma=400_000, other_max_ma=0)
    vans = tuple(
        Stayer(c.id, NOW_MS, NOW_MS + HOUR_MS + 3 * MINUTE_MS, 3_333, 0, 32_000, 22_080, (0, 1, 2), 0, True)
        for c in site.chargers
    )
    base = look(None)
    drawn = prospect.draw(site, Prospect(NOW_MS, vans, prices=base.prices, demand=base.demand))
    solution = solve(drawn.problem, lambda: False)
    plan = dayplan.day_plan(drawn, NOW_MS, solution)
    for slot in range(12):
        told_w = sum(
            s.current_ma * 0.69 for row in plan.rows for s in row.stretches if s.from_slot <= slot < s.to_slot
        )
        assert told_w <= solution.peak_kw * 1000 + 12 * 5 * 0.69
        assert told_w > solution.peak_kw * 1000 * 0.97
