"""From what is known to a problem, and from its solution to steps: figures worked out by hand."""

from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import dayplan, prospect
from edge.core.plan import Solver
from edge.model.dayplan import Ceiling, DayPlan, Draw, Profile, Prospect, Row, Stayer, Stretch
from edge.model.planning import fault
from edge.model.records import DemandNow, PriceNow
from edge.model.site import Window
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from tests.story.sites import WALL_MS, depot

SITE = depot(2, limit_ma=63_000, other_max_ma=20_000)
SLOT_MS = 5 * MINUTE_MS


def stayer(charger: str = "bay-1", hours: float = 2, need_wh: int = 11_040, **more: object) -> Stayer:
    ready = WALL_MS + round(hours * HOUR_MS)
    base = Stayer(charger, WALL_MS, ready, need_wh, 6_000, 32_000, 22_080, (0, 1, 2), 0, True)
    return msgspec.structs.replace(base, **more)


def price(begin_min: int, end_min: int, micro: int) -> PriceNow:
    return PriceNow(WALL_MS + begin_min * MINUTE_MS, WALL_MS + end_min * MINUTE_MS, micro, "t")


def demand(per_kw_micro: int, already_w: int, begin_min: int = -600, end_min: int = 6_000) -> DemandNow:
    """A monthly charge on every quarter of an hour between two minutes of the story."""
    span = (WALL_MS + begin_min * MINUTE_MS, WALL_MS + end_min * MINUTE_MS)
    month = (WALL_MS - 10 * DAY_MS, WALL_MS + 20 * DAY_MS)
    return DemandNow("t", per_kw_micro, already_w, None, None, 15, "month", *month, [span])


def drawn(*stayers: Stayer, site=SITE, **more):
    return prospect.draw(site, Prospect(WALL_MS, stayers, **more)).problem


def test_a_slot_costs_the_mean_of_its_prices_and_unknown_time_the_dearest() -> None:
    # 5-min slots: 3 min of 0.20 and 2 of 0.40; 5 of 0.40; then nothing is known
    found = drawn(stayer(hours=0.25), prices=(price(0, 3, 200_000), price(3, 10, 400_000))).price_per_kwh
    assert [round(p, 6) for p in found] == [0.28, 0.40, 0.40]


def test_a_vehicle_is_planned_up_to_whole_slots_before_its_departure() -> None:
    (van,) = drawn(stayer(hours=2)).chargers
    assert (van.from_slot, van.to_slot) == (0, 23)  # 120 min less 3 to spare: 117 are 23 slots
    assert van.w_per_a == 690
    assert van.energy_wh == 11_040 * 51 / 50


def test_up_to_two_days_are_planned_in_longer_slots() -> None:
    assert (drawn(stayer(hours=24)).slot_s, drawn(stayer(hours=24)).slots) == (300, 288)
    assert (drawn(stayer(hours=40)).slot_s, drawn(stayer(hours=40)).slots) == (600, 240)
    assert drawn(stayer(hours=90)).slots == 288


def test_what_limits_the_site_stands_in_every_slot_that_it_touches() -> None:
    # The event: 23 kW from minute 7 to 13.  20 A of other load a phase: 15.18 kW at the highest plausible
    # 253 V.  What is left, 7.82 kW, becomes amperes at 253 V: 10/11 of it at 230.
    ceiling = Ceiling("main", WALL_MS + 7 * MINUTE_MS, WALL_MS + 13 * MINUTE_MS, limit_w=23_000)
    main = drawn(stayer(hours=0.5), ceilings=(ceiling,)).nodes[0]
    assert main.limit_ma == ((43_000, 43_000, 43_000),)
    assert main.limit_w == (None, 7_109, 7_109, None, None, None)


def test_an_operators_limit_lowers_the_breakers_until_it_ends() -> None:
    ceiling = Ceiling("main", 0, WALL_MS + 5 * MINUTE_MS, limit_ma=30_000)
    main = drawn(stayer(hours=0.25), ceilings=(ceiling,)).nodes[0]
    assert main.limit_ma == ((10_000,) * 3, (43_000,) * 3, (43_000,) * 3)


def test_a_vehicle_without_a_window_takes_its_room_as_long_as_it_is_counted_on() -> None:
    draw = Draw("main", (0,), 16_000, WALL_MS + 10 * MINUTE_MS)
    main = drawn(stayer(hours=0.25), draws=(draw,)).nodes[0]
    assert main.limit_ma == ((27_000, 43_000, 43_000), (27_000, 43_000, 43_000), (43_000,) * 3)


def test_who_is_to_come_within_a_day_is_planned_for_and_who_is_there_only_once() -> None:
    # The story begins on Sunday at 16:53 in Los Angeles.
    windows = (
        Window("a", "bay-1", 16 * 60, 20 * 60, 9_000),  # bay-1 is there; comes again on Monday at 16:00
        Window("b", "bay-2", 22 * 60, 6 * 60, 5_000),  # tonight
        Window("c", "bay-2", 9 * 60, 10 * 60, 4_000, days=("tue",)),  # too far away
        Window("d", "bay-9", 9 * 60, 10 * 60, 4_000),  # nobody knows that bay
    )
    found = prospect.draw(SITE, Prospect(WALL_MS, (stayer(hours=3.1),), windows=windows))
    assert [(s.charger, s.present, s.need_wh) for s in found.stayers] == [
        ("bay-1", True, 11_040),
        ("bay-2", False, 5_000),
        ("bay-1", False, 9_000),
    ]
    assert [c.id.split("@")[0] for c in found.problem.chargers] == ["bay-1", "bay-2", "bay-1"]


def test_who_needs_hours_is_planned_up_to_the_slack_that_departures_have() -> None:
    """Else whoever the plan keeps at the peak all night leaves it in the morning, at full power."""
    need_wh = 2 * 22_080  # two hours at its own maximum
    assert drawn(stayer(hours=6, need_wh=need_wh)).chargers[0].to_slot == 69  # 15 min before
    assert drawn(stayer(hours=2.25, need_wh=need_wh)).chargers[0].to_slot == 26  # no time for that: 3


def test_who_is_late_is_expected_for_two_hours() -> None:
    window = Window("a", "bay-2", 16 * 60, 20 * 60, 9_000)  # 53 minutes late
    today, _tomorrow = prospect.draw(SITE, Prospect(WALL_MS, (), windows=(window,))).stayers
    assert today.from_wall_ms == WALL_MS + 30 * MINUTE_MS
    later = Prospect(WALL_MS + 2 * HOUR_MS, (), windows=(window,))
    assert len(prospect.draw(SITE, later).stayers) == 1, "only tomorrow's"


def test_no_peak_and_no_price_is_worth_a_departure() -> None:
    found = drawn(stayer(), prices=(price(0, 600, 400_000),), demand=(demand(15_510_000, 30_000),))
    assert found.demand is not None
    assert (found.demand.per_kw, found.demand.already_kw) == (15.51, 30.0)
    # a kWh in one slot of five minutes raises the peak by 12 kW
    assert found.chargers[0].unmet_per_kwh > 12 * 15.51 + 0.40


def test_a_slot_in_which_demand_does_not_count_is_no_peak() -> None:
    found = drawn(stayer(hours=0.5), demand=(demand(15_510_000, 30_000, 7, 13), demand(1, 0)))
    assert found.base_w is not None
    assert [base > 0 for base in found.base_w] == [False, True, True, False, False, False]


def test_higher_priority_weighs_double() -> None:
    first, second, third = drawn(
        stayer(priority=5), stayer("bay-2", priority=-1), stayer(priority=5)
    ).chargers
    assert second.unmet_per_kwh == 2 * first.unmet_per_kwh
    assert third.unmet_per_kwh == first.unmet_per_kwh


def test_the_peak_so_far_is_kept_where_time_allows() -> None:
    """60 kWh in ten hours beside 4 kW: 10 kW are enough, and 36 kW for two hours are not needed."""
    site = depot(1, limit_ma=100_000, other_max_ma=30_000)
    quiet = Profile(now=(5_800, 5_800, 5_800, 4_000))
    look = Prospect(
        WALL_MS,
        (stayer(hours=10.1, need_wh=60_000, min_ma=6_000),),
        prices=(price(0, 120, 100_000), price(120, 700, 200_000)),
        other={"main": quiet},
        demand=(demand(15_510_000, 10_000),),
    )
    plan = dayplan.made(site, look, steps=400)
    assert plan.unmet_wh == 0
    assert 10_000 <= plan.peak_w <= 10_300, "6 kW above the base, ten hours long"
    (row,) = plan.rows
    assert not any(stretch.ahead for stretch in row.stretches), "who runs ahead would raise the peak"
    assert max(stretch.current_ma for stretch in row.stretches) <= 9_200  # 6.3 kW


# --- the plan at a moment ---------------------------------------------------------------------------

ROW = Row(
    "bay-1", WALL_MS + HOUR_MS, 5_000, 0,
    (Stretch(2, 4, 0, 3_680, False), Stretch(4, 6, 32_000, 3_680, True), Stretch(6, 8, 10_000, 1_150, False)),
)  # fmt: skip
PLAN = DayPlan(WALL_MS, SLOT_MS, 12, (ROW,), 0, 0, 0, 0, 0)


def step(minute: float) -> dayplan.Step | None:
    return dayplan.step(PLAN, ROW, WALL_MS + round(minute * MINUTE_MS))


def test_a_step_says_what_holds_until_when_and_what_is_still_to_come() -> None:
    now = step(10)
    assert now == dayplan.Step(0, WALL_MS + 20 * MINUTE_MS, 3_680, False, 0)
    assert step(20) == dayplan.Step(32_000, WALL_MS + 30 * MINUTE_MS, 3_680, True, 0)
    # half of the first stretch has passed: 3680 less half of the 2530 that it gives
    assert step(25) == dayplan.Step(32_000, WALL_MS + 30 * MINUTE_MS, 2_415, True, 0)
    assert step(30) == dayplan.Step(10_000, WALL_MS + 40 * MINUTE_MS, 1_150, False, 0)
    assert step(45) == dayplan.Step(0, None, 0, False, 0)


def test_outside_its_time_a_plan_says_nothing() -> None:
    assert step(-1) is None
    assert step(60) is None


def test_the_next_changes_are_shown_in_order_of_time() -> None:
    until, steps = dayplan.changes(PLAN, WALL_MS + 11 * MINUTE_MS)
    assert [((s.wall_ms - WALL_MS) // MINUTE_MS, s.current_ma) for s in steps] == [
        (20, 32_000), (30, 10_000), (40, 0),
    ]  # fmt: skip
    assert until == WALL_MS + 20 * MINUTE_MS
    assert dayplan.changes(PLAN, WALL_MS + 50 * MINUTE_MS) == (WALL_MS + 60 * MINUTE_MS, ())


# --- promises ---------------------------------------------------------------------------------------


@st.composite
def prospects(draw) -> Prospect:
    stayers = tuple(
        stayer(
            f"bay-{n + 1}",
            draw(st.floats(0.01, 47)),
            draw(st.integers(0, 200_000)),
            max_ma=draw(st.integers(6_000, 80_000)),
            priority=draw(st.integers(-100, 100)),
        )
        for n in range(draw(st.integers(0, 2)))
    )
    edges = sorted(draw(st.lists(st.integers(0, 2_880), min_size=2, max_size=6, unique=True)))
    prices = tuple(price(a, b, draw(st.integers(-(10**6), 10**6))) for a, b in pairwise(edges))
    times = st.tuples(st.integers(-99, 999), st.none() | st.integers(0, 999))
    ceilings = tuple(
        Ceiling("main", WALL_MS + begin * MINUTE_MS, end and WALL_MS + end * MINUTE_MS, 20_000)
        for begin, end in draw(st.lists(times, max_size=3))
    )
    charges = draw(st.lists(st.builds(demand, st.integers(0, 10**9), st.integers(0, 10**8)), max_size=2))
    window = Window("w", "bay-2", draw(st.integers(0, 1439)), draw(st.integers(0, 1439)), 10_000)
    return Prospect(WALL_MS, stayers, (window,), prices=prices, ceilings=ceilings, demand=tuple(charges))


@settings(max_examples=80, deadline=None)
@given(prospects())
def test_every_prospect_is_a_problem_that_can_be_planned(look: Prospect) -> None:
    found = prospect.draw(SITE, look)
    assert fault(found.problem) is None
    solver = Solver(found.problem)
    solver.step(40)
    plan = dayplan.day_plan(found, WALL_MS, solver.plan())
    for row in plan.rows:
        assert 0 <= row.unmet_wh <= row.need_wh
        lefts = [stretch.left_wh for stretch in row.stretches]
        assert lefts == sorted(lefts, reverse=True)
        assert all(s.current_ma == 0 or s.current_ma >= 6_000 for s in row.stretches)


def test_what_the_site_would_export_is_planned_first_and_makes_no_room() -> None:
    """9 kW of sun at a limit of 12 kW: 9 kW at the price of export, and still 12 kW and no more."""
    site = depot(2, limit_ma=63_000, other_max_ma=20_000, limit_w=12_000)
    sun = {"main": Profile(now=(0, 0, 0, -9_000), day=((0, 0, 0, -9_000),) * 96)}
    paid = (price(0, 30, 50_000), price(30, 60, 300_000))
    problem = drawn(stayer(hours=1.5), site=site, other=sun, prices=(price(0, 90, 200_000),), export=paid)
    assert problem.own is not None and fault(problem) is None
    assert set(problem.own.w) == {9_000.0}
    # what was not paid would have been given away; what pays more than import costs is not modelled as gain
    assert [problem.own.price_per_kwh[n] for n in (0, 5, 6, 11, 12)] == [0.05, 0.05, 0.2, 0.2, 0.0]
    assert problem.nodes[0].limit_w == (12_000 * 10 // 11,)
    assert problem.nodes[0].limit_ma == ((63_000,) * 3,)


def test_without_sun_nothing_is_its_own() -> None:
    assert drawn(stayer(), other={"main": Profile(now=(0, 0, 0, 5_000))}).own is None


def test_a_vehicle_does_not_run_ahead_of_cheaper_sun_to_come() -> None:
    """No later slot is cheaper to import in, but an hour from now the roof gives."""
    day = [(0, 0, 0, 0)] * 96
    quarter = WALL_MS // (15 * MINUTE_MS) * 15 * MINUTE_MS
    for n in range(4, 8):
        local = prospect.forecast.quarter_of_week(quarter + n * 15 * MINUTE_MS, SITE.timezone) % 96
        day[local] = (0, 0, 0, -11_000)
    profile = {"main": Profile(now=(0, 0, 0, 0), day=tuple(day))}
    far = stayer(hours=3, need_wh=30_000)
    prices = (price(0, 180, 200_000),)
    with_sun = dayplan.made(SITE, Prospect(WALL_MS, (far,), prices=prices, other=profile))
    without = dayplan.made(SITE, Prospect(WALL_MS, (far,), prices=prices))
    assert all(s.ahead for s in without.rows[0].stretches)
    before = [s for s in with_sun.rows[0].stretches if s.to_slot <= 12]
    assert before and not any(s.ahead for s in before)
