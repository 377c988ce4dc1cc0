"""The utility's signals and the grid operator's limits in the controller, told as stories; figures by hand.

One node of 3 x 63 A and one meter; 253 V is the highest plausible voltage.
"""

from typing import Any

import msgspec

from edge.core.asks import delay_ms
from edge.core.controller import Controller
from edge.model.flow import Audit, GridReset, Keep, Reading, SetCurrent, UtilitySaid, UtilityTaken
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload, PayloadDescriptor
from edge.model.records import EventStep, GridCount
from edge.model.site import Charger, GridLimit, Response, Site, Window
from tests.story.sites import NOWHERE, WALL_MS, depot, flows, takes, there, tick
from tests.story.story import ANY, Story

# 13.8 kWh until 18:53, and it is 16:53:21: 6.9 kW and a little more, 10 A on three phases, up to 0.1 A
EXEMPT_A = 10.1
NO_RAMPS = Response(ramp_down_ms=0, ramp_up_ms=1)


def sets(charger: str, amps: float, because: str = ANY) -> SetCurrent:
    return SetCurrent(charger, round(amps * 1000), 10_000, because)


def told(story: Story) -> dict[str, float]:
    """What the last tick told every charger, A."""
    assert story
    return {c.charger: c.current_ma / 1000 for c in story.last if isinstance(c, SetCurrent)}


def why(story: Story, charger: str) -> str:
    (found,) = (c.because for c in story.last if isinstance(c, SetCurrent) and c.charger == charger)
    return found


def site(chargers: int = 2, response: Response = NO_RAMPS, **more: Any) -> Site:
    return msgspec.structs.replace(depot(chargers, other_max_ma=0), response=response, **more)


def begin(made: Site) -> Story:
    """Vehicles wait at all chargers, told 0 A; nothing else flows."""
    story = Story(Controller(made))
    for charger in made.chargers:
        (known,) = there(0, charger.id)
        story = story >> known >> takes(0, charger.id, 0, state="B", setpoint_a=0)
    return story >> flows(0, 0, 0, 0)


def signal(kind: str, value: Any, targets: tuple[str, ...] = (), units: str = "") -> UtilitySaid:
    event = OpenAdrEvent(
        id="e1",
        program_id="p",
        targets=targets,
        period=IntervalPeriod(WALL_MS, 3_600_000),
        intervals=(Interval(0, (Payload(kind, (value,)),)),),
        payload_descriptors=(PayloadDescriptor(kind, units),) if units else (),
        modified_wall_ms=1,
        received_wall_ms=WALL_MS,
    )
    return UtilitySaid(500, WALL_MS + 500, "CREATE", event)


def test_simple_two_leaves_charging_forty_per_cent_whatever_else_flows() -> None:
    # full power: 63 A on three phases, 43 470 W; 40 % of it 17 388 W; at 253 V 68 727 mA, 22 909 a phase
    story = begin(site()) >> signal("SIMPLE", 2) >> tick(1_000)
    assert sorted(told(story).values()) == [11.4, 11.5]
    because = "main L1 is full: utility event e1, SIMPLE 2, 17.388 kW until 17:53, other load 0 A"
    assert why(story, "bay-1") == because


def test_a_signal_to_a_group_limits_its_chargers_and_nobody_else() -> None:
    made = depot(3, limit_ma=100_000, other_max_ma=0)
    vans = (made.chargers[0], *(msgspec.structs.replace(c, groups=("vans",)) for c in made.chargers[1:]))
    made = msgspec.structs.replace(made, chargers=vans, response=NO_RAMPS)
    # 10 kW for bay-2 and bay-3: 39 525 mA on six conductors, 6 587 each
    story = begin(made) >> signal("DISPATCH_SETPOINT", 10, ("vans",), "KW") >> tick(1_000)
    assert told(story) == {"bay-1": 32, "bay-2": 6.5, "bay-3": 6.5}
    assert why(story, "bay-3") == "utility event e1, DISPATCH_SETPOINT 10, 10 kW until 17:53"


def test_a_current_for_each_charger() -> None:
    made = msgspec.structs.replace(depot(2, limit_ma=100_000, other_max_ma=0), response=NO_RAMPS)
    story = begin(made) >> signal("CONTROL_SETPOINT", 10, (), "AMPS") >> tick(1_000)
    assert told(story) == {"bay-1": 10, "bay-2": 10}
    assert why(story, "bay-2") == "utility event e1, CONTROL_SETPOINT 10, 10 A until 17:53"


def test_a_vehicle_that_must_leave_charges_through_an_emergency_as_far_as_it_needs() -> None:
    # 16:53 local, ready by 18:53: 13.8 kWh in two hours are 6.9 kW, 10 A on three phases
    window = Window("w", "bay-1", 16 * 60, 18 * 60 + 53, 13_800, vehicle="ambulance", must_leave=True)
    story = begin(site(windows=(window,))) >> signal("ALERT_GRID_EMERGENCY", "now") >> tick(1_000)
    assert told(story) == {"bay-1": EXEMPT_A, "bay-2": 0}


def test_a_capacity_limit_holds_for_it_as_well_unless_the_installer_says_otherwise() -> None:
    window = Window("w", "bay-1", 16 * 60, 18 * 60 + 53, 13_800, must_leave=True)
    assert (
        begin(site(windows=(window,)))
        >> signal("IMPORT_CAPACITY_LIMIT", 0)
        >> tick(1_000)
        << sets("bay-1", 0)
    )
    over = msgspec.structs.replace(NO_RAMPS, must_leave_over_limits=True)
    made = site(windows=(window,), response=over)
    story = begin(made) >> signal("IMPORT_CAPACITY_LIMIT", 0) >> tick(1_000)
    assert told(story) == {"bay-1": EXEMPT_A, "bay-2": 0}


def test_every_step_of_an_event_is_on_disk_and_on_the_audit_log() -> None:
    assert (
        begin(site())
        >> signal("SIMPLE", 1)
        << Keep(EventStep("e1", WALL_MS + 500, "received", "created"))
        << Audit("utility", "event e1", "received: created")
        >> UtilityTaken(900, WALL_MS + 900, "e1")
        << Keep(EventStep("e1", WALL_MS + 900, "acknowledged", "it is on the disk"))
        << Audit("utility", "event e1", "acknowledged: it is on the disk")
    )


CONTACT = GridLimit("dso", "contact", "main", "bay-2", "enabled", 1, "open", limit_w=10_000)


def test_a_contact_of_the_grid_operator_limits_at_once_and_exempts_nobody() -> None:
    # 10 kW at 253 V: 39 525 mA, 13 175 a phase; two chargers share them in steps of 0.1 A
    closed, opened = Reading(900, "bay-2", {"enabled": 1}), Reading(1_900, "bay-2", {"enabled": 0})
    story = begin(site(grid_limits=(CONTACT,))) >> closed >> tick(1_000)
    assert told(story) == {"bay-1": 31.5, "bay-2": 31.5}
    story = story >> opened >> flows(1_950, 0, 0, 0) >> tick(2_000)
    assert sorted(told(story).values()) == [6.5, 6.6]
    assert why(story, "bay-1") == "main L1 is full: grid operator's limit dso, active, other load 0 A"


def test_a_lockout_of_g100_stops_charging_until_an_installer_resets_it() -> None:
    limit = GridLimit("mil", "g100", "main", limit_w=20_000)
    story = begin(site(1, grid_limits=(limit,)))
    rows = []
    for second in range(1, 63):  # 30 A of other load on each phase: 20.7 kW
        story = story >> flows(second * 1_000 - 100, 30, 30, 30) >> tick(second * 1_000)
        rows += [c.row for c in story.last if isinstance(c, Keep) and isinstance(c.row, GridCount)]
    assert rows[-1].locked_ms is not None and rows[-1].excursions != "[]"
    story = story >> takes(62_500, "bay-1", 0, state="B", setpoint_a=0) >> flows(62_900, 0, 0, 0)
    assert story >> tick(63_000) << sets("bay-1", 0)
    story = story >> GridReset(63_100, WALL_MS, "mil", "ben", installer=True)
    assert story << Audit("ben", "reset of mil", "done")
    charging = []
    for second in range(64, 91):
        story = story >> flows(second * 1_000 - 100, 0, 0, 0)
        story = story >> takes(second * 1_000 - 50, "bay-1", 0, state="B", setpoint_a=0)
        story = story >> tick(second * 1_000)
        charging.append(told(story)["bay-1"])
    # 20 kW at 253 V: 79 051 mA, 26 350 a phase; the vehicle takes nothing, so it is not raised all the way
    assert 6 <= max(charging) <= 26.3


def test_the_random_delay_holds_a_start_back_and_never_a_departure() -> None:
    base = depot(1, other_max_ma=0)
    policy = msgspec.structs.replace(base.policy, random_delay_ms=600_000)
    late = msgspec.structs.replace(base, policy=policy)
    story = begin(late) >> tick(1_000)
    (first,) = [c for c in story.last if isinstance(c, SetCurrent)]
    assert first.current_ma == 0 and "after a random delay" in first.because
    began = []
    for second in range(2, 603):
        story = story >> takes(second * 1_000 - 50, "bay-1", 0, state="B", setpoint_a=0)
        story = story >> flows(second * 1_000 - 100, 0, 0, 0) >> tick(second * 1_000)
        if told(story)["bay-1"]:
            began.append(second)
    drawn_s = delay_ms("yard", "bay-1", WALL_MS + 1_000, 600_000) // 1_000
    assert began[0] in (1 + drawn_s, 2 + drawn_s) and began == list(range(began[0], 603))
    hurried = Window("w", "bay-1", 16 * 60, 17 * 60, 13_800)
    story = begin(msgspec.structs.replace(late, windows=(hurried,)))
    assert story >> tick(1_000) << sets("bay-1", 32)


def test_nothing_is_lost_of_a_charger_that_is_its_own_node() -> None:
    """A target that is a charger limits it wherever it hangs."""
    made = depot(1, limit_ma=100_000, other_max_ma=0)
    more = Charger("bay-9", "main", "alfen_eve", NOWHERE, phases=(1,))
    made = msgspec.structs.replace(made, chargers=(*made.chargers, more), response=NO_RAMPS)
    # 2 kW on one conductor at 253 V: 7 905 mA
    story = begin(made) >> signal("IMPORT_CAPACITY_LIMIT", 2, ("bay-9",)) >> tick(1_000)
    assert told(story) == {"bay-1": 32, "bay-9": 7.9}
