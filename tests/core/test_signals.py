"""Every row of edge/core/signals.py: what each payload type of OpenADR 3.1.1 becomes in a depot.

The depot: main 3 x 100 A at 230 V, 69 000 W; panel-a 3 x 40 A, 27 600 W; three chargers of 3 x 32 A,
22 080 W each, 66 240 W together; bay-1 and bay-2 at panel-a, bay-2 and bay-3 in the group "vans".
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.demand_effects import LINE_LOST_MS, Hold, Vehicle, eager, limit, limits
from edge.core.demand_response import State, ahead, heard, listed, opted, prices, program_said, said, step
from edge.core.demand_state import EVERYTHING, PROGRAM, Seen
from edge.core.demand_terms import NO_LIMIT, WHOLE, Part
from edge.core.signals import SIGNALS
from edge.model.flow import Audit, Link, OptOut, ProgramSaid, Remember, Tick, UtilitySaid
from edge.model.records import Compliance
from edge.model.site import Address, Broker, Charger, Contingency, Node, Response, Site, Utility
from edge.shell.openadr import read
from tests.core.test_demand_response import MIN, T0, T0_TEXT, Depot, limited, tick

ROOT = Path(__file__).parent.parent.parent
AT = Address(1, "127.0.0.1:1")
SITE = Site(
    "yard",
    "Yard",
    "UTC",
    nodes=(
        Node("main", None, (100_000, 100_000, 100_000)),
        Node("panel-a", "main", (40_000, 40_000, 40_000)),
    ),
    chargers=(
        Charger("bay-1", "panel-a", "alfen_eve", AT),
        Charger("bay-2", "panel-a", "alfen_eve", AT, groups=("vans",)),
        Charger("bay-3", "main", "alfen_eve", AT, groups=("vans",)),
    ),
    utility=Utility(Broker("localhost"), (), "r", "ven-1", (), ("feeder-12",)),
)
FULL_W = 66_240


def depot(**response: Any) -> Depot:
    site = msgspec.structs.replace(SITE, response=Response(**response))
    return Depot(msgspec.structs.replace(State.of(site), line_lost_at_ms=None))


def signal(kind: str, *values: Any, units: str = "", start: float = 0, **fields: Any) -> dict[str, Any]:
    """An event of one hour with one payload."""
    event = limited(0, start, **fields)
    event["intervals"][0]["payloads"] = [{"type": kind, "values": list(values)}]
    if units:
        event["payloadDescriptors"] = [{"payloadType": kind, "units": units}]
    return event


def held(utility: Depot, minutes: float = 1, seen: Seen | None = None, **fields: Any) -> list[Hold]:
    """What holds at a minute, ramps before and after it not looked at."""
    found = limits(utility.state, tick(minutes, **fields), seen or Seen())
    return [hold for hold in found if hold.event_id and "begins soon" not in hold.because]


def told(holds: list[Hold]) -> list[tuple[str, str, int]]:
    return [(h.what, h.part.node or ",".join(h.part.chargers), h.limit) for h in holds]


def urged(utility: Depot, seen: Seen | None = None, **vehicles: Vehicle) -> set[str]:
    known = {name.replace("_", "-"): vehicle for name, vehicle in vehicles.items()}
    return set(eager(utility.state, tick(1), seen or Seen(), known))


ALL = {"bay-1", "bay-2", "bay-3"}

# type, values, units, what it limits and to how much, who does not wait for a lower price
ROWS: list[tuple[str, list[Any], str, list[tuple[str, str, int]], set[str]]] = [
    ("SIMPLE", [0], "", [], set()),
    ("SIMPLE", [1], "", [("charging", "", 46_368)], set()),  # 70 % of 66 240 W
    ("SIMPLE", [2], "", [("charging", "", 26_496)], set()),  # 40 %
    ("SIMPLE", [3], "", [("charging", "", 0)], set()),
    ("DISPATCH_SETPOINT", [30], "KW", [("site", "", 30_000)], ALL),
    ("CONTROL_SETPOINT", [12.5], "KW", [("site", "", 12_500)], set()),
    ("CONTROL_SETPOINT", [-5], "KW", [("site", "", 0)], set()),  # no charger feeds back
    ("CONTROL_SETPOINT", [16], "AMPS", [("each", "bay-1,bay-2,bay-3", 16_000)], set()),
    ("CONTROL_SETPOINT", [50], "PERCENT", [("charging", "", 33_120)], set()),
    ("CONTROL_LEVEL_OFFSET", [0], "", [], set()),
    ("CONTROL_LEVEL_OFFSET", [3], "", [("charging", "", 46_368)], set()),  # 70 %
    ("CONTROL_LEVEL_OFFSET", [10], "", [("charging", "", 0)], set()),
    ("CONTROL_LEVEL_OFFSET", [-2], "", [], ALL),
    ("CONTROL_LEVEL_OFFSET_PERCENT", [-0.25], "PERCENT", [("charging", "", 49_680)], set()),
    ("CONTROL_LEVEL_OFFSET_PERCENT", [0.25], "PERCENT", [], ALL),
    ("IMPORT_CAPACITY_LIMIT", [42], "KW", [("site", "", 42_000)], set()),
    ("IMPORT_CAPACITY_SUBSCRIPTION", [50], "KW", [("site", "", 50_000)], set()),
    ("IMPORT_CAPACITY_RESERVATION", [10], "KW", [], set()),  # nothing to add it to
    ("ALERT_GRID_EMERGENCY", ["now"], "", [("charging", "", 0)], set()),
    ("ALERT_BLACK_START", ["now"], "", [("charging", "", 0)], set()),
    ("ALERT_FLEX_ALERT", ["now"], "", [("charging", "", 19_872)], set()),  # 30 %
    ("ALERT_POSSIBLE_OUTAGE", ["soon"], "", [], ALL),
    ("ALERT_FIRE", ["x"], "", [], ALL),
    ("ALERT_WIND", ["x"], "", [], ALL),
    ("ALERT_TSUNAMI", ["x"], "", [], ALL),
    ("ALERT_FREEZING", ["x"], "", [], set()),
    ("ALERT_AIR_QUALITY", ["x"], "", [], set()),
    ("ALERT_OTHER", ["x"], "", [], set()),
    ("PRICE", [0.2], "KWH", [], set()),
    ("EXPORT_PRICE", [0.05], "KWH", [], set()),
    ("GHG", [420], "", [], set()),
    ("EXPORT_CAPACITY_LIMIT", [10], "KW", [], set()),  # nothing is exported
    ("EXPORT_CAPACITY_SUBSCRIPTION", [10], "KW", [], set()),
    ("EXPORT_CAPACITY_RESERVATION", [10], "KW", [], set()),
    ("CTA2045_SET_OVERRIDE_STATUS", [1], "", [], set()),
]


@pytest.mark.parametrize(("kind", "values", "units", "limited_to", "hurried"), ROWS)
def test_a_row(
    kind: str, values: list[Any], units: str, limited_to: list[tuple[str, str, int]], hurried: set[str]
) -> None:
    utility = depot()
    utility.says(signal(kind, *values, units=units))
    found = [
        (what, ",".join(sorted(ALL)) if what == "each" else part, amount)
        for what, part, amount in told(held(utility))
    ]
    assert found == limited_to
    assert urged(utility) == hurried
    assert told(held(utility, 61)) == []  # and not a minute longer


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("PRICE_ALTERNATE", "a second form of energy"),
        ("DISPATCH_INSTRUCTION", "words agreed outside of OpenADR"),
        ("OLS", "a shape of the day's use"),
        ("CTA2045_REBOOT", "no charger here has one"),
        ("CURVE", "such as an inverter's, and there is none here"),  # Volt-VAR, as in User Guide 8.4
        ("CONTROL_SETPOINT", "a setting whose unit is not one of"),
        ("PARTY", "a private type that is not agreed here"),
    ],
)
def test_what_is_not_applicable_says_why(kind: str, why: str) -> None:
    utility = depot()
    value = {"x": 0.9, "y": 0.4} if kind == "CURVE" else "x" if kind == "DISPATCH_INSTRUCTION" else 1
    utility.says(signal(kind, value))
    (line,) = listed(utility.state, T0, T0 + 90 * MIN)
    assert line.step == "not applicable"
    assert why in line.effect
    assert held(utility) == [] and urged(utility) == set()


@pytest.mark.parametrize(
    "kind",
    [f"{way}_CAPACITY_{what}" for way in ("IMPORT", "EXPORT")
     for what in ("AVAILABLE", "AVAILABLE_PRICE", "RESERVATION_FEE")],
)  # fmt: skip
def test_what_is_only_shown(kind: str) -> None:
    utility = depot()
    utility.says(signal(kind, 3))
    (line,) = listed(utility.state, T0, T0 + 90 * MIN)
    assert line.effect == SIGNALS[kind].says
    assert held(utility) == [] and urged(utility) == set()


def test_every_row_has_a_test_and_a_line_in_the_documents() -> None:
    """The table, the enumeration as the standard prints it, the page and these tests agree."""
    tested = {row[0] for row in ROWS} | {
        "CURVE", "DISPATCH_SETPOINT_RELATIVE", "CHARGE_STATE_SETPOINT", "PRICE_ALTERNATE",
        "DISPATCH_INSTRUCTION", "OLS", "CTA2045_REBOOT",
    } | {name for name in SIGNALS if name.endswith(("_FEE", "_AVAILABLE", "_AVAILABLE_PRICE"))}  # fmt: skip
    assert tested == set(SIGNALS)
    assert len(SIGNALS) == 38
    page = (ROOT / "docs" / "signals.md").read_text()
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| ([a-z ]+) \|", page, re.MULTILINE)
    assert dict(rows) == {name: row.becomes for name, row in SIGNALS.items()}


### Values that are refused


@pytest.mark.parametrize(
    ("kind", "value", "units", "why"),
    [
        ("SIMPLE", 4, "", "SIMPLE: expected 0 to 3, got 4"),
        ("SIMPLE", 1.5, "", "SIMPLE: expected a whole number, got 1.5"),
        ("CONTROL_LEVEL_OFFSET", -11, "", "CONTROL_LEVEL_OFFSET: expected -10 to 10, got -11"),
        ("CONTROL_LEVEL_OFFSET_PERCENT", 25, "PERCENT", "expected -1 to 1, got 25"),
        ("DISPATCH_SETPOINT", -1, "KW", "DISPATCH_SETPOINT: expected 0 or more, got -1"),
        ("IMPORT_CAPACITY_SUBSCRIPTION", 5, "AMPS", "units: expected KW, W, MW, got AMPS"),
        ("CHARGE_STATE_SETPOINT", 80, "", "CHARGE_STATE_SETPOINT: units: expected PERCENT, KWH, got none"),
        ("GHG", -1, "", "GHG: expected 0 or more, got -1"),
        ("CURVE", 7, "KW", "CURVE: expected a point, got '7'"),
        ("EXPORT_PRICE", "low", "KWH", "EXPORT_PRICE: expected a number, got 'low'"),
        ("CTA2045_SET_OVERRIDE_STATUS", 2, "", "expected 0 to 1, got 2"),
    ],
)
def test_a_value_out_of_bounds_is_refused(kind: str, value: Any, units: str, why: str) -> None:
    utility = depot()
    (audit, *_) = utility.says(signal(kind, value, units=units))
    assert isinstance(audit, Audit) and why in audit.outcome
    assert not utility.state.known


### What the table cannot say in a line


def test_a_subscription_and_what_is_reserved() -> None:
    """User Guide 8.10.2: more than the subscription needs a reservation."""
    utility = depot()
    utility.says(
        signal("CAPACITY_SUBSCRIPTION", 50, id="sub", intervalPeriod={"start": T0_TEXT, "duration": "P1Y"})
    )
    utility.says(signal("CAPACITY_RESERVATION", 15, id="res", start=10))
    assert [told(held(utility, m)) for m in (5, 15, 75)] == [
        [("site", "", 50_000)], [("site", "", 65_000)], [("site", "", 50_000)],
    ]  # fmt: skip
    utility.says(limited(30, 20, "PT10M", id="lim"))
    found = limit(utility.state, tick(25))
    assert found and (found.limit_w, found.event_id) == (30_000, "lim")
    assert "subscription" in limit(utility.state, tick(200)).because  # type: ignore[union-attr]


def test_comms_lost_and_the_schedule_used_up_the_subscription_holds() -> None:
    """User Guide 8.10.1, vector doe-fallback: subscription 100 kW, schedule until 19:00, now 19:00:01."""
    case = next(
        v for v in json.loads((ROOT / "tests/vectors/openadr/timeline.json").read_text())["vectors"]
        if v["id"] == "doe-fallback"
    )  # fmt: skip
    utility = depot(fallback_w=20_000)
    endless = {"start": "2026-01-01T00:00:00Z", "duration": "P9999Y"}
    utility.says(
        signal("IMPORT_CAPACITY_SUBSCRIPTION", case["subscription_kw"], id="sub", intervalPeriod=endless)
    )
    utility.says(limited(60, 0, "PT3H", id="lim"))
    utility.state = heard(utility.state, Link(tick(30).at_ms, "utility", False, "gone"))
    found = [limit(utility.state, tick(m)) for m in (179, 180 + 1 / 60)]
    assert [f and f.limit_w for f in found] == [60_000, case["effective_limit_kw"] * 1_000]


def test_without_a_subscription_the_installers_fallback_holds_until_the_utility_is_heard() -> None:
    utility = depot(fallback_w=20_000)
    utility.says(limited(60, 0, "PT3H"))
    utility.state = heard(utility.state, Link(tick(170).at_ms, "utility", False, "gone"))

    def of(minutes: float) -> list[tuple[int, str]]:
        found = limits(utility.state, tick(minutes), Seen())
        return [(h.limit, h.event_id) for h in found]

    assert of(179) == [(60_000, "e")]
    lost = 170 + LINE_LOST_MS / MIN
    assert of(max(lost, 180)) == [(20_000, "")]
    assert of(100_000) == [(20_000, "")]  # the utility has not come back for months
    utility.state = heard(utility.state, Link(tick(100_001).at_ms, "utility", True))
    assert of(100_002) == []
    utility.state = heard(utility.state, Link(tick(100_003).at_ms, "utility", False, "gone"))
    assert of(100_004) == []  # shaky, not lost


def test_without_a_fallback_in_the_site_file_nothing_is_made_up() -> None:
    utility = depot()
    utility.state = heard(utility.state, Link(0, "utility", False, "gone"))
    assert limits(utility.state, tick(600), Seen()) == []


def test_a_relative_setpoint_is_of_what_was_taken_when_it_began_and_survives_a_restart() -> None:
    utility = depot()
    event = signal("DISPATCH_SETPOINT_RELATIVE", -12.5, units="KW")
    later = {"type": "DISPATCH_SETPOINT_RELATIVE", "values": [5]}
    event["intervals"].append({"id": 1, "payloads": [later]})
    utility.says(event)
    assert told(held(utility, -1)) == []
    commands = utility.tick(0, 50_000)
    (kept,) = [c.event for c in commands if isinstance(c, Remember)]
    assert kept.reference_w == 50_000
    assert told(held(utility, 1)) == [("site", "", 37_500)]
    utility.tick(1, 30_000)
    assert told(held(utility, 61)) == [("site", "", 55_000)]
    again = depot()
    again.state, _ = said(again.state, UtilitySaid(0, T0, "CREATE", kept))
    assert told(held(again, 5)) == [("site", "", 37_500)]
    assert urged(again) == set()


def test_a_relative_setpoint_of_a_site_that_cannot_be_measured_counts_from_the_installers_limit() -> None:
    utility = depot()
    utility.says(signal("DISPATCH_SETPOINT_RELATIVE", -10, units="KW"))
    utility.tick(0, None)
    assert told(held(utility, 1)) == [("site", "", 59_000)]  # 69 000 less 10 000


def test_a_volt_watt_curve_follows_the_lowest_voltage() -> None:
    utility = depot()
    points = [{"x": 0.9, "y": 0}, {"x": 0.95, "y": 50}, {"x": 1.0, "y": 100}]
    utility.says(signal("CURVE", *points, units="PERCENT"))
    watts = {mv: told(held(utility, 1, Seen(lowest_mv=mv))) for mv in (200_000, 212_750, 218_500, 230_000)}
    # 0.925 pu is half way between 0 and 50 per cent; full power is 66 240 W
    assert watts == {
        200_000: [("charging", "", 0)],
        212_750: [("charging", "", 16_560)],
        218_500: [("charging", "", 33_120)],
        230_000: [("charging", "", 66_240)],
    }
    assert told(held(utility, 1)) == [("charging", "", 0)]  # no voltage is known: the worst (I3)
    utility.says(signal("CURVE", {"x": 207, "y": 10}, {"x": 230, "y": 40}, units="KW", id="volts"))
    assert ("charging", "", 25_000) in told(held(utility, 1, Seen(lowest_mv=218_500)))


def test_the_state_of_charge_that_is_asked_for() -> None:
    utility = depot()
    utility.says(signal("CHARGE_STATE_SETPOINT", 80, units="PERCENT"))
    cars = {"bay_1": Vehicle(0, 799), "bay_2": Vehicle(0, 800), "bay_3": Vehicle(50_000, None)}
    assert urged(utility, **cars) == {"bay-1"}
    utility.says(
        signal("CHARGE_STATE_SETPOINT", 20, units="KWH", modificationDateTime="2026-07-01T11:00:00Z")
    )
    assert urged(utility, bay_1=Vehicle(19_999, 990), bay_2=Vehicle(20_000, 100)) == {"bay-1"}


def test_what_the_site_must_not_export_vehicles_take() -> None:
    """Export as if nothing charged, so that vehicles which start do not stop it by starting."""
    utility = depot()
    utility.says(signal("EXPORT_CAPACITY_LIMIT", 10, units="KW"))
    assert urged(utility, Seen(site_w=-9_000)) == set()
    assert urged(utility, Seen(site_w=-11_000)) == ALL
    assert urged(utility, Seen(site_w=-3_000, charging_w=8_000)) == ALL
    utility.says(signal("EXPORT_CAPACITY_SUBSCRIPTION", 2, id="sub"))
    assert urged(utility, Seen(site_w=-3_000)) == ALL
    utility.says(signal("EXPORT_CAPACITY_RESERVATION", 2, id="res"))
    assert urged(utility, Seen(site_w=-3_000)) == set()


def test_carbon_is_weighed_by_its_price() -> None:
    utility = depot(carbon_price=80)
    utility.says(signal("GHG", 420.5))
    # 420.5 g/kWh at 80 a tonne: 0.0336 per kWh
    assert [p.price_micro for p in prices(utility.state, T0, T0 + MIN, "GHG")] == [33_640]


def test_an_override_lifts_signals_and_no_capacity_limit() -> None:
    utility = depot()
    utility.says(signal("SIMPLE", 2, id="simple"))
    utility.says(limited(40, id="limit"))
    utility.says(signal("CTA2045_SET_OVERRIDE_STATUS", 1, id="override", start=30))
    assert {h.event_id for h in held(utility, 29)} == {"simple", "limit"}
    assert {h.event_id for h in held(utility, 31)} == {"limit"}


def test_the_sign_that_asks_for_less_is_the_installers_choice() -> None:
    """The definition of CONTROL_LEVEL_OFFSET_PERCENT says both."""
    utility = depot(less="positive")
    utility.says(signal("CONTROL_LEVEL_OFFSET_PERCENT", 0.25, units="PERCENT"))
    assert told(held(utility)) == [("charging", "", 49_680)]


def test_the_contingency_plan_is_the_sites() -> None:
    plan = (Contingency("ALERT_FIRE", "limit", 10), Contingency("ALERT_GRID_EMERGENCY", "note"))
    utility = depot(contingencies=plan, simple_percent=(90, 50, 10))
    utility.says(signal("ALERT_FIRE", "run", id="a"))
    utility.says(signal("ALERT_GRID_EMERGENCY", "x", id="b"))
    utility.says(signal("SIMPLE", 3, id="c"))
    assert told(held(utility)) == [("charging", "", 6_624), ("charging", "", 6_624)]


### Parts of the site


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["panel-a"], [("site", "panel-a", 10_000)]),
        (["bay-3"], [("site", "bay-3", 10_000)]),
        (["vans"], [("site", "bay-2,bay-3", 10_000)]),
        (["bay-1", "vans"], [("site", "bay-1", 10_000), ("site", "bay-2,bay-3", 10_000)]),
        (["vans", "ven-1"], [("site", "", 10_000)]),  # it means us: the whole site
        (["feeder-12"], [("site", "", 10_000)]),
        (["feeder-13"], []),  # not ours
        (["feeder-13", "bay-3"], [("site", "bay-3", 10_000)]),
    ],
)
def test_targets_may_name_a_part_of_the_site(
    targets: list[str], expected: list[tuple[str, str, int]]
) -> None:
    utility = depot()
    utility.says(signal("DISPATCH_SETPOINT", 10, units="KW", targets=targets))
    assert told(held(utility)) == expected


def test_a_share_is_of_the_parts_own_full_power() -> None:
    utility = depot()
    utility.says(signal("SIMPLE", 2, targets=["panel-a"]))
    # two chargers of 22 080 W, and the panel carries 27 600 W: 40 % of the latter
    assert told(held(utility)) == [("charging", "panel-a", 11_040)]


def test_events_of_different_parts_do_not_contend() -> None:
    utility = depot()
    utility.says(signal("DISPATCH_SETPOINT", 10, id="a", targets=["panel-a"], priority=1))
    utility.says(signal("DISPATCH_SETPOINT", 5, id="b", targets=["bay-3"]))
    utility.says(signal("DISPATCH_SETPOINT", 3, id="c", targets=["panel-a"]))
    assert {h.event_id for h in held(utility)} == {"a", "b"}


### Ramps


def ramp(utility: Depot, minutes: float) -> int | None:
    """The lowest limit on the whole site, of any reason."""
    found = limits(utility.state, tick(minutes), Seen())
    return min((h.limit for h in found if h.what == "site" and h.part == WHOLE), default=None)


def test_the_load_goes_down_before_a_limit_begins_and_holds_from_its_first_second() -> None:
    utility = depot(ramp_down_ms=60_000)
    utility.says(limited(9))
    second = 1 / 60
    # 69 kW down to 9 kW within a minute that ends 13.2 s before the start
    assert [ramp(utility, (-s - 13.2) * second) for s in (61, 60, 54, 30, 1, 0)] == [
        None, None, 63_000, 39_000, 10_000, 9_000,
    ]  # fmt: skip
    assert [ramp(utility, m) for m in (-5 * second, 0, 30)] == [9_000] * 3


def test_the_load_comes_back_by_and_by_and_below_the_rebounds_ceiling() -> None:
    utility = depot(ramp_up_ms=120_000, rebound_w=45_000)
    utility.says(limited(9))
    for minutes in (0, 30, 60):
        utility.tick(minutes, 9_000)
    second = 1 / 60
    # from 9 kW, 60 kW in two minutes: 30 kW after 42 s; never above 45 kW within the hour
    assert [ramp(utility, 60 + s * second) for s in (0, 42, 100, 600, 3_599)] == [
        9_000, 30_000, 45_000, 45_000, 45_000,
    ]  # fmt: skip
    utility.tick(120, 20_000)
    assert ramp(utility, 120) is None
    assert limit(utility.state, tick(60)) is None  # the event's own limit did not outlive it


def test_the_load_comes_back_after_a_draw_within_the_events_tolerance() -> None:
    shifted = {"start": T0_TEXT, "duration": "PT1H", "randomizeStart": "PT10M"}
    utility = depot(ramp_up_ms=60_000)
    event = read(json.dumps(limited(9, intervalPeriod=shifted)).encode(), "u", T0).event
    event = msgspec.structs.replace(event, random_ms=2 * MIN)  # of -10 to 10: 12/20 of the ten minutes
    now = tick(-50)
    utility._fold(said(utility.state, UtilitySaid(now.at_ms, now.wall_ms, "CREATE", event)))
    utility.tick(2, 9_000)
    utility.tick(62, 9_000)
    assert [ramp(utility, 62 + m) for m in (0, 6)] == [9_000, 9_000]
    assert ramp(utility, 62 + 6.5) == 39_000


def test_a_limit_that_is_followed_by_another_one_comes_back_to_that() -> None:
    utility = depot(ramp_up_ms=60_000)
    endless = {"start": "2026-01-01T00:00:00Z", "duration": "P9999Y"}
    utility.says(signal("IMPORT_CAPACITY_SUBSCRIPTION", 50, id="sub", intervalPeriod=endless))
    utility.says(limited(9))
    utility.tick(0, 9_000)
    utility.tick(60, 9_000)
    assert [ramp(utility, 60 + s / 60) for s in (0, 30, 60)] == [9_000, 39_000, 50_000]


### Opting out, binding events, drills


def opt(utility: Depot, what: str, back_in: bool = False) -> list[Any]:
    now = tick(5)
    event = OptOut(now.at_ms, now.wall_ms, what, "ambulances", back_in)
    return utility._fold(opted(utility.state, event))


@pytest.mark.parametrize("what", ["e", PROGRAM + "p", EVERYTHING])
def test_opting_out_of_one_event_of_a_program_and_of_all(what: str) -> None:
    utility = depot()
    utility.says(limited(9))
    opt(utility, what)
    assert held(utility, 6) == []
    assert [s for s in utility.steps if s[1] == "opted out"] == [("e", "opted out")]
    if what != "e":
        utility.says(limited(5, id="later"))
        assert held(utility, 6) == []  # it stands
    opt(utility, what, back_in=True)
    assert "e" in {h.event_id for h in held(utility, 6)} or utility.state.known["e"]
    assert held(utility, 6) != []


def test_binding_events_may_not_be_opted_out_of() -> None:
    utility = depot(binding=("p",))
    utility.says(limited(9))
    (audit,) = opt(utility, "e")
    assert isinstance(audit, Audit) and audit.outcome == "refused: events of program p are binding"
    opt(utility, EVERYTHING)
    assert [h.limit for h in held(utility, 6)] == [9_000]
    assert all(line.binding for line in listed(utility.state, T0, T0 + MIN))


def test_a_program_that_the_site_file_calls_binding_stays_so() -> None:
    utility = depot(binding=("p",))
    for program, binding in (("p", False), ("q", True), ("q", False)):
        utility._fold(program_said(utility.state, ProgramSaid(0, program, binding)))
    assert utility.state.plan.response.binding == ("p",)


@pytest.mark.parametrize(("fields", "program"), [({"eventName": "Drill: evening"}, ""), ({}, "p")])
def test_a_drill_is_run_and_told_as_one(fields: dict[str, Any], program: str) -> None:
    utility = depot(drills=(program,))
    utility.says(limited(9, **fields))
    (hold,) = held(utility)
    assert hold.because.startswith("drill of the utility")
    for minutes in (0, 30, 60):
        utility.tick(minutes, 8_000)
    (row,) = utility.rows
    assert row.drill
    assert all(line.drill for line in listed(utility.state, T0, T0 + MIN))


### Compliance of what is no limit on the whole site's import


def test_a_limit_on_charging_is_measured_on_charging() -> None:
    utility = depot()
    utility.says(signal("SIMPLE", 2))
    for second in range(0, 3_602, 10):
        now = tick(second / 60)
        utility._fold(step(utility.state, now, None, Seen(site_w=60_000, charging_w=20_000)))
    (row,) = utility.rows
    assert isinstance(row, Compliance)
    assert (row.payload_type, row.limit_w, row.mean_w, row.highest_w) == ("SIMPLE", 26_496, 20_000, 20_000)


def test_a_subscription_is_no_event_to_report_on() -> None:
    utility = depot()
    utility.says(signal("IMPORT_CAPACITY_SUBSCRIPTION", 50))
    for minutes in (0, 30, 60, 61):
        utility.tick(minutes, 8_000)
    assert utility.rows == []


def test_without_a_clock_the_lowest_that_may_still_come_is_held() -> None:
    utility = depot()
    event = signal("SIMPLE", 1)
    event["intervals"].append({"id": 1, "payloads": [{"type": "SIMPLE", "values": [2]}]})
    utility.says(event)
    found = held(utility, 0, trusted=False)
    assert told(found) == [("charging", "", 26_496)]
    assert found[0].because.endswith("held because the clock is not set")


### Properties

SAID = st.lists(
    st.tuples(
        st.sampled_from(["SIMPLE", "IMPORT_CAPACITY_LIMIT", "DISPATCH_SETPOINT", "CONTROL_LEVEL_OFFSET"]),
        st.integers(0, 3),  # value
        st.integers(0, 40),  # start
        st.integers(1, 30),  # length
        st.sampled_from([None, 0, 1]),
        st.sampled_from([[], ["panel-a"], ["vans"], ["ven-1"]]),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(SAID, st.integers(0, 80))
def test_no_limit_of_any_kind_outlives_its_event(messages: list[Any], minute: int) -> None:
    """Whatever holds now is of an event whose interval covers now, and every lane that is claimed has one."""
    utility = depot()
    live: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for n, (kind, value, start, length, priority, targets) in enumerate(messages):
        utility.says(
            signal(
                kind,
                value,
                start=start,
                length=f"PT{length}M",
                id=f"e{n}",
                priority=priority,
                targets=targets,
            )
        )
        if start <= minute < start + length:
            place = {"panel-a": "panel-a", "vans": "bay-2,bay-3"}.get(targets[0] if targets else "", "")
            rank = (9 if priority is None else priority, amount(kind, value, place))
            live.setdefault((kind, place), []).append(rank)
    expected = sorted(
        (place, best[1])
        for (_, place), ranks in live.items()
        if (best := min(ranks))[1] < NO_LIMIT
    )  # fmt: skip
    found = sorted((h.part.node or ",".join(h.part.chargers), h.limit) for h in held(utility, minute))
    assert found == expected


def amount(kind: str, value: int, place: str) -> int:
    """What a value means here, worked out apart from the code."""
    full = {"": 66_240, "panel-a": 27_600, "bay-2,bay-3": 44_160}[place]
    if kind == "SIMPLE":
        return NO_LIMIT if value == 0 else full * {1: 70, 2: 40, 3: 0}[value] // 100
    if kind == "CONTROL_LEVEL_OFFSET":
        return NO_LIMIT if value == 0 else full * (10 - value) // 10
    return value * 1_000


def test_what_is_ahead_says_what_it_limits() -> None:
    utility = depot()
    utility.says(limited(40, id="a"))
    utility.says(signal("SIMPLE", 2, id="b", start=10))
    utility.says(signal("SIMPLE", 2, id="c", start=10, targets=["vans"]))
    told_ahead = {
        (e.event_id, e.limit_w, e.charging_w, e.effect) for e in ahead(utility.state, T0, T0 + 90 * MIN)
    }
    assert told_ahead == {
        ("a", 40_000, None, "at most 40 kW"),
        ("b", None, 26_496, "charging at most 26.496 kW"),
        ("c", None, None, "bay-2, bay-3: charging at most 17.664 kW"),
    }


def test_parts_of_a_site_are_what_the_file_draws() -> None:
    plan = State.of(SITE).plan
    assert plan.full_w(WHOLE) == FULL_W
    assert plan.full_w(Part("panel-a")) == 27_600
    assert plan.most_w(Part("", ("bay-3",))) == 22_080


def test_ticks_without_a_clock_urge_nobody() -> None:
    utility = depot()
    utility.says(signal("ALERT_FIRE", "x"))
    now = Tick(tick(1).at_ms, 0, False)
    assert eager(utility.state, now, Seen(), {}) == {}
