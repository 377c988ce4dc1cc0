"""The controller, told as stories.  Currents and times are worked out by hand."""

from edge.model.flow import (
    Audit,
    Keep,
    Lost,
    Noted,
    OperatorLimit,
    Reading,
    Remember,
    SetCurrent,
    Tick,
    UtilitySaid,
    WindowSet,
    Written,
)
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload
from edge.model.records import Compliance, EventStep
from edge.model.site import Window
from tests.story.sites import WALL_MS, depot, flows, takes, there, tick, wrote
from tests.story.story import ANY, Nothing, Story

VALID_MS = 10_000


def sets(charger: str, amps: float, because: str = ANY) -> SetCurrent:
    return SetCurrent(charger, int(amps * 1000), VALID_MS, because)


def begin(chargers: int = 2, **more: int) -> Story:
    """A depot whose chargers were recognised, with a vehicle that waits at each (state B), told 0 A."""
    story = Story(depot(chargers, **more))
    for n in range(chargers):
        (known,) = there(0, f"bay-{n + 1}")
        story = story >> known >> takes(0, f"bay-{n + 1}", 0, state="B", setpoint_a=0)
    return story


def test_a_silent_meter_brings_every_charger_to_its_safe_current() -> None:
    """I3: after 5 s, not before."""
    assert (
        begin()
        >> flows(0, 23, 20, 20)
        >> tick(1_000)
        << sets("bay-1", 20, "main L1 is full: breaker 63 A, other load 23 A")
        << sets("bay-2", 20, "main L1 is full: breaker 63 A, other load 23 A")
        >> wrote(1_100, "bay-1", 20)
        >> wrote(1_100, "bay-2", 20)
        >> takes(4_900, "bay-1", 20, setpoint_a=20)
        >> takes(4_900, "bay-2", 20, setpoint_a=20)
        >> tick(5_000)
        << sets("bay-1", 20)
        << sets("bay-2", 20)
        >> tick(5_001)
        << sets("bay-1", 6)
        << sets("bay-2", 6)
    )


def test_before_the_meter_has_ever_answered_chargers_stay_at_their_safe_current() -> None:
    """I3: a restart with a dead meter."""
    assert begin() >> tick(1_000) << sets("bay-1", 6) << sets("bay-2", 6)


def test_an_oven_is_switched_on() -> None:
    """I5: the reduction goes out in the tick after the reading that shows the overload."""
    story = (
        begin()
        >> flows(0, 23, 20, 20)
        >> tick(1_000)
        << sets("bay-1", 20)
        << sets("bay-2", 20)
        >> wrote(1_100, "bay-1", 20)
        >> wrote(1_100, "bay-2", 20)
    )
    for second in (2, 3, 4):
        for bay in ("bay-1", "bay-2"):
            story = story >> takes(second * 1_000 + 700, bay, 20, setpoint_a=20)
        story = story >> flows(second * 1_000 + 900, 63, 60, 60) >> tick(second * 1_000 + 1_000)
    for bay in ("bay-1", "bay-2"):
        story = story >> takes(5_700, bay, 20, setpoint_a=20)
    assert (
        story
        >> flows(5_900, 81, 60, 60)  # 18 A more on L1: 41 A of other load leave 22 A
        >> tick(6_000)
        << sets("bay-1", 11, "main L1 is full: breaker 63 A, other load 41 A")
        << sets("bay-2", 11, "main L1 is full: breaker 63 A, other load 41 A")
    )


def test_a_second_vehicle_waits_until_the_first_one_is_seen_to_take_less() -> None:
    """I1: what bay-1 may still draw is not given away."""
    story = Story(depot(2, limit_ma=32_000, other_max_ma=0))
    for known in there(0, "bay-1", "bay-2"):
        story = story >> known
    assert (
        story
        >> takes(0, "bay-1", 0, state="B", setpoint_a=0)
        >> takes(0, "bay-2", 0, state="A", setpoint_a=0)
        >> flows(0, 0, 0, 0)
        >> tick(1_000)
        << sets("bay-2", 0, "no vehicle")
        << sets("bay-1", 32)
        >> wrote(1_100, "bay-1", 32)
        >> takes(3_000, "bay-1", 32, setpoint_a=32)
        >> flows(3_000, 32, 32, 32)
        >> takes(3_100, "bay-2", 0, state="B", setpoint_a=0)  # it has come
        >> tick(4_000)
        << sets("bay-1", 16)
        << sets("bay-2", 0, "waits until room has come free")
        >> wrote(4_100, "bay-1", 16)
        >> takes(4_200, "bay-1", 32, setpoint_a=16)  # told, not yet followed
        >> takes(4_200, "bay-2", 0, state="B", setpoint_a=0)
        >> flows(4_200, 32, 32, 32)
        >> tick(5_000)
        << sets("bay-1", 16)
        << sets("bay-2", 0)
        >> takes(8_200, "bay-1", 16, setpoint_a=16)  # seen
        >> takes(8_200, "bay-2", 0, state="B", setpoint_a=0)
        >> flows(8_200, 16, 16, 16)
        >> tick(9_000)
        << sets("bay-1", 16)
        << sets("bay-2", 16)
    )


def test_a_charger_that_falls_silent_keeps_its_room() -> None:
    story = begin(limit_ma=40_000, other_max_ma=0)
    assert (
        story
        >> flows(0, 0, 0, 0)
        >> tick(1_000)
        << sets("bay-1", 20)
        << sets("bay-2", 20)
        >> wrote(1_100, "bay-1", 20)
        >> wrote(1_100, "bay-2", 20)
        >> takes(2_000, "bay-1", 20, setpoint_a=20)
        >> takes(2_000, "bay-2", 20, setpoint_a=20)
        >> Lost(2_500, "bay-1", "no answer")
        >> flows(2_600, 40, 40, 40)
        >> tick(3_000)
        << sets("bay-1", 6, "does not answer: counted with all that it may draw")
        << sets("bay-2", 20)
    )


def test_the_operator_can_lower_a_limit_and_not_raise_it() -> None:
    """I10."""
    assert (
        begin(1, other_max_ma=0)
        >> flows(0, 0, 0, 0)
        >> OperatorLimit(500, WALL_MS, "main", 10_000, who="foreman")
        << Audit("foreman", "limit at main", "10000 mA")
        >> tick(1_000)
        << sets("bay-1", 10, "main L1 is full: operator limit by foreman, other load 0 A")
    )
    assert (
        begin(1, limit_ma=20_000, other_max_ma=0)
        >> flows(0, 0, 0, 0)
        >> OperatorLimit(500, WALL_MS, "main", 400_000, who="foreman")
        >> tick(1_000)
        << sets("bay-1", 20)
    )


def test_the_operators_limit_ends_when_it_was_said_to_end() -> None:
    assert (
        begin(1, other_max_ma=0)
        >> flows(0, 0, 0, 0)
        >> OperatorLimit(500, WALL_MS, "main", 10_000, until_wall_ms=WALL_MS + 2_000, who="f")
        >> tick(1_999)
        << sets("bay-1", 10)
        >> flows(1_999, 0, 0, 0)
        >> takes(1_999, "bay-1", 0, state="B", setpoint_a=10)
        >> tick(12_000)
        << sets("bay-1", 6)  # the meter is silent by now
        >> flows(12_100, 0, 0, 0)
        >> takes(12_100, "bay-1", 0, state="B", setpoint_a=6)
        >> tick(23_000)
    )


def test_a_device_that_the_site_does_not_have_changes_nothing() -> None:
    assert (
        begin(1)
        >> Reading(0, "who?", {"current_l1_ma": 1})
        >> wrote(0, "who?", 3)
        >> Lost(0, "who?", "")
        << Nothing(SetCurrent)
    )


def test_a_charge_window_that_is_set_counts_from_the_next_tick() -> None:
    window = Window("w", "bay-1", 0, 24 * 60 - 1, 0, vehicle="van 7")  # nothing needed until 23:59
    assert (
        begin(1)
        >> flows(0, 0, 0, 0)
        >> WindowSet(500, window)
        >> tick(1_000)
        << sets("bay-1", 0, "has its 0.0 kWh")
    )


def test_while_nobody_has_set_the_clock_vehicles_charge() -> None:
    window = Window("w", "bay-1", 0, 24 * 60 - 1, 0)
    story = begin(1, other_max_ma=0) >> WindowSet(0, window) >> flows(900, 0, 0, 0)
    assert story >> Tick(1_000, 86_400_000, wall_trusted=False) << sets("bay-1", 32)


def test_every_tick_is_noted_with_what_was_seen_and_decided() -> None:
    story = begin() >> flows(0, 23, 20, 20) >> tick(1_000)
    (noted,) = (c for c in story.last if isinstance(c, Noted))
    main = noted.record.nodes[0]
    assert main.flowing_ma == (23_000, 20_000, 20_000)
    assert main.limit_ma == (63_000, 63_000, 63_000)
    assert main.charging_ma == (40_000, 40_000, 40_000)
    assert noted.record.violations == []
    assert [c.granted_ma for c in noted.record.chargers] == [20_000, 20_000]
    assert story


def capacity(
    limit_kw: float, from_ms: int, for_ms: int, id_: str = "e1", kind: str = "IMPORT_CAPACITY_LIMIT"
) -> OpenAdrEvent:
    """Return an event for a stretch of the story's time."""
    interval = Interval(0, (Payload(kind, (limit_kw,)),))
    period = IntervalPeriod(WALL_MS + from_ms, for_ms)
    return OpenAdrEvent(
        id_, "p1", name="evening", period=period, intervals=(interval,), received_wall_ms=WALL_MS
    )


def test_a_utility_limits_the_site_from_the_start_to_the_end_of_its_event() -> None:
    event = capacity(10, from_ms=3_000, for_ms=4_000)
    story = (
        begin(1, other_max_ma=0)
        >> flows(0, 2, 2, 2)
        >> tick(0)
        >> flows(900, 2, 2, 2)
        >> UtilitySaid(950, WALL_MS + 950, "CREATE", event)
        << Remember(event)
        >> tick(1_000)
        # it begins within 13.2 s: the load goes down now, to hold it from its first second
        << sets(
            "bay-1",
            11.3,
            "main L1 is full: utility event evening, which begins soon, 10 kW until 16:53, other load 2 A",
        )
        >> Written(1_100, "bay-1", 11_300)
    )
    for second in (1, 2):
        story = (
            story
            >> takes(second * 1_000 + 700, "bay-1", 0, setpoint_a=11)
            >> flows(second * 1_000 + 900, 2, 2, 2)
            >> tick(second * 1_000 + 1_000)
        )
    # 10 kW less 1 380 W at 253 V is 34 071 mA on three phases, 11 357 each, down to a tenth of an amp
    until = "16:53"
    assert (
        story
        << sets("bay-1", 11.3, f"main L1 is full: utility event evening, 10 kW until {until}, other load 2 A")
        >> takes(6_700, "bay-1", 0, setpoint_a=11)
        >> flows(6_900, 2, 2, 2)
        >> tick(6_999)
        << sets("bay-1", 11.3)
        >> takes(7_000, "bay-1", 0, setpoint_a=11)
        >> flows(7_000, 2, 2, 2)
        >> tick(7_001)
        << Keep(ANY, tell="utility")
        << Keep(EventStep("e1", WALL_MS + 7_001, "done"))
    )
    # then the load comes back within two minutes, from 10 kW to 63 A on three phases, 43 470 W: 6 099 ms
    # after the end that is 1 701 W more.  Less 1 380 W at 253 V, 40 794 mA on three phases, 13 598 each.
    back = (
        "main L1 is full: after utility event evening: load comes back by and by, 11.701 kW, other load 2 A"
    )
    assert (
        story
        >> takes(13_000, "bay-1", 0, setpoint_a=11)
        >> flows(13_000, 2, 2, 2)
        >> tick(13_100)
        << sets("bay-1", 13.5, back)
    )


def test_what_was_done_about_a_limit_is_kept_and_told() -> None:
    story = begin(1) >> UtilitySaid(950, WALL_MS + 950, "CREATE", capacity(10, from_ms=1_500, for_ms=30_000))
    rows: list[Compliance] = []
    for second in range(1, 35):
        story = story >> flows(second * 1_000, 10, 10, 10) >> tick(second * 1_000 + 500)
        rows += [c.row for c in story.last if isinstance(c, Keep) and isinstance(c.row, Compliance)]
    assert story
    (row,) = rows
    assert (row.event_id, row.limit_w, row.mean_w, row.highest_w) == ("e1", 10_000, 6_900, 6_900)
    assert row.complied_after_ms == 0


def test_a_price_of_the_utility_takes_the_place_of_the_tariffs() -> None:
    event = capacity(0.5, from_ms=0, for_ms=3_600_000, kind="PRICE")
    story = begin(1) >> UtilitySaid(900, WALL_MS + 900, "CREATE", event) >> flows(950, 0, 0, 0) >> tick(1_000)
    (noted,) = (c for c in story.last if isinstance(c, Noted))
    assert [(p.price_micro, p.source) for p in noted.record.prices] == [(500_000, "utility event evening")]
    assert story
