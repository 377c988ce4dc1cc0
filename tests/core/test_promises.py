"""What vehicles are promised, why, and what would change it: a table by hand."""

import pytest

from edge.core import dayplan
from edge.core.asks import Vehicle, Want
from edge.core.dayplan import Step
from edge.core.promises import HOLDS_MS, TAKES_NOTHING_MS, Facts, Judged, Promises, judge
from edge.core.state import ChargerKnown
from edge.core.windows import Stay
from edge.model.dayplan import Ceiling, Prospect, Stayer
from edge.model.flow import Keep, Tick
from edge.model.records import Promise
from edge.model.site import Address, Charger, Node, Site, Window
from edge.model.units import HOUR_MS, MINUTE_MS
from tests.story.sites import WALL_MS

READY_MS = WALL_MS + 4 * HOUR_MS  # 20:53 in Los Angeles
STAY = Stay(Window("w", "bay-1", 0, 0, 40_000, vehicle="van 7"), WALL_MS, READY_MS)
ZONE = "America/Los_Angeles"


def bay(got_wh: int = 0, step: Step | None = None, takes_w: int = 22_080) -> Vehicle:
    return Vehicle("bay-1", "C", 32_000, takes_w, got_wh, STAY, takes_w=takes_w, step=step)


def want(promise: str, behind: bool = False) -> Want:
    return Want("bay-1", 32_000, "", 0, 4 * HOUR_MS, 40_000, promise, behind=behind)


NO_FACTS = Facts()


def told(vehicle: Vehicle, wanted: Want, facts: Facts = NO_FACTS) -> tuple[str, str, str, int]:
    found = judge(vehicle, wanted, facts, Tick(0, WALL_MS), ZONE)
    assert found is not None
    return found.promise, found.why, found.change, found.short_wh


ALL = Step(32_000, READY_MS, 40_800, True, 0)


def test_what_is_planned_whole_and_followed_is_certain() -> None:
    assert told(bay(0, ALL), want("yes")) == ("yes", "", "", 0)
    assert told(bay(41_000, ALL), want("ready")) == ("ready", "", "", 0)


def test_who_could_not_have_it_even_alone_is_told_so_at_once() -> None:
    # 3.68 kW for four hours: 14.72 kWh, and 10 are in; 15.28 more take 4 h 9 min
    assert told(bay(10_000, None, 3_680), want("at risk")) == (
        "no",
        "it can have at most 24.7 kWh of 40.0 kWh: its own maximum",
        "ready by about 01:02, or 15.2 kWh less",
        15_280,
    )


def test_what_the_plan_cannot_give_is_told_with_the_place_and_the_ways_out() -> None:
    step = Step(8_000, READY_MS, 31_000, False, 9_000, "panel-b is full", 70 * MINUTE_MS)
    assert told(bay(0, step), want("at risk")) == (
        "no",
        "it can have at most 31.0 kWh of 40.0 kWh: panel-b is full",
        "ready by about 22:03, or 9.0 kWh less, or a higher priority",
        9_000,
    )


@pytest.mark.parametrize(
    ("vehicle", "wanted", "facts", "why"),
    [
        (bay(0, ALL), want("yes"), Facts(silent=True), "the charger does not answer"),
        (
            bay(0, ALL),
            want("yes"),
            Facts(offered_ms=TAKES_NOTHING_MS, offered_ma=16_000),
            "it takes nothing of the 16 A offered for 3 min",
        ),
        (bay(0, ALL), want("at risk", behind=True), Facts(), "it has got less than was planned"),
        (
            bay(0, ALL),
            want("at risk"),
            Facts(),
            "it needs 1 h 48 min of the 4 h 00 min left at its own maximum",
        ),
        (
            bay(0, None, 11_040),
            want("at risk"),
            Facts(),
            "it needs 3 h 37 min of the 4 h 00 min left at its share of the site",
        ),
    ],
)
def test_doubts_are_named(vehicle: Vehicle, wanted: Want, facts: Facts, why: str) -> None:
    promise, said, change, short_wh = told(vehicle, wanted, facts)
    assert (promise, said, short_wh) == ("at risk", why, 0)
    assert change


def test_an_offer_that_has_just_been_made_is_no_doubt() -> None:
    assert (
        told(bay(0, ALL), want("yes"), Facts(offered_ms=TAKES_NOTHING_MS - 1, offered_ma=16_000))[0] == "yes"
    )


def test_without_a_window_nothing_is_promised() -> None:
    assert judge(Vehicle("b", "C", 32_000, 1, 0, None), want(""), Facts(), Tick(0, 0), ZONE) is None


# --- what is told -----------------------------------------------------------------------------------


def judged(promise: str, ready: int = READY_MS) -> Judged:
    return Judged("bay-1", "van 7", ready, 40_000, promise)


def news(promises: Promises, at_ms: int, *each: Judged) -> list[str]:
    found = promises.step(Tick(at_ms, WALL_MS + at_ms), each)
    rows = [command.row for command in found if isinstance(command, Keep) and command.tell == "network"]
    return [row.promise for row in rows if isinstance(row, Promise)]


def test_a_promise_is_told_once_when_it_has_held_and_again_when_it_changes() -> None:
    promises = Promises()
    assert news(promises, 0, judged("yes")) == []
    assert news(promises, HOLDS_MS - 1, judged("yes")) == []
    assert news(promises, HOLDS_MS, judged("yes")) == ["yes"]
    assert news(promises, HOLDS_MS + 1, judged("yes")) == []
    assert news(promises, HOLDS_MS + 2, judged("at risk")) == []
    assert news(promises, HOLDS_MS + 3, judged("yes")) == [], "a flicker is no news"
    assert news(promises, 2 * HOLDS_MS + 3, judged("yes")) == []
    assert news(promises, 3 * HOLDS_MS, judged("no")) == []
    assert news(promises, 4 * HOLDS_MS, judged("no")) == ["no"]
    assert news(promises, 5 * HOLDS_MS, judged("no", READY_MS + 1)) == []
    assert news(promises, 6 * HOLDS_MS, judged("no", READY_MS + 1)) == ["no"], "of another departure"


def test_while_nobody_has_set_the_clock_nothing_is_promised() -> None:
    promises = Promises()
    for at_ms in (0, HOLDS_MS):
        assert promises.step(Tick(at_ms, 0, wall_trusted=False), [judged("yes")]) == []


def test_since_when_a_vehicle_takes_nothing() -> None:
    promises, shows = Promises(), ChargerKnown(32_000, 6_000)
    shows.values["state"], shows.told_ma = "C", 16_000
    shows.currents.append((0, (300, 0, 0), (300, 0, 0)))
    assert promises.facts("b", shows, False, 1_000) == Facts(False, 0, 16_000)
    assert promises.facts("b", shows, False, 5_000) == Facts(False, 4_000, 16_000)
    shows.currents.append((6_000, (9_000, 0, 0), (9_000, 0, 0)))
    assert promises.facts("b", shows, False, 6_000) == Facts()
    assert promises.facts("b", shows, True, 7_000) == Facts(silent=True)


# --- where it is short ------------------------------------------------------------------------------

NOWHERE = Address(1, tcp="127.0.0.1:1")


def depot(main_a: int, panel_a: int, limit_w: int | None = None) -> Site:
    nodes = (
        Node("main", None, (main_a * 1000,) * 3, limit_w=limit_w),
        Node("panel-b", "main", (panel_a * 1000,) * 3),
    )
    chargers = tuple(Charger(f"bay-{n}", "panel-b", "alfen_eve", NOWHERE) for n in (1, 2))
    return Site("y", "Y", ZONE, nodes, chargers=chargers)


def row(site: Site, need_wh: int, *ceilings: Ceiling) -> dayplan.Row:
    stayers = tuple(
        Stayer(f"bay-{n}", WALL_MS, READY_MS, need_wh, 6_000, 32_000, 22_080, (0, 1, 2), 0, True)
        for n in (1, 2)
    )
    return dayplan.made(site, Prospect(WALL_MS, stayers, ceilings=ceilings)).rows[0]


def test_the_place_that_is_full_is_named() -> None:
    # 40 A are 27.6 kW: 110 kWh in four hours, less three minutes to spare and part of a slot; 160 are wanted
    assert row(depot(200, 40), 80_000).held == "panel-b is full"
    assert row(depot(40, 200), 80_000).held == "main is full"
    assert row(depot(200, 200, limit_w=30_000), 80_000).held == "the power that main may take"


def test_its_own_maximum_is_no_place() -> None:
    alone = row(depot(200, 200), 120_000)  # 22.08 kW for four hours: 88 kWh
    assert alone.held == ""
    assert 30_000 < alone.unmet_wh < 36_000


def test_how_much_later_is_told_by_the_power_that_it_gets() -> None:
    # 13.8 kW each: 54 of 80 kWh in 235 minutes; 26 more take about 113
    found = row(depot(200, 40), 80_000)
    assert found.later_ms is not None
    assert 105 <= found.later_ms / MINUTE_MS <= 125
