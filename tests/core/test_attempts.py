"""Starts that fail, how charging ends, and what else a session is told by, tick by tick."""

import pytest

from edge.core import sessions
from edge.core.attempts import GIVEN_UP_MS, START_MS, errors
from tests.core.test_sessions import BEFORE, WALL, Bay, carried

START_S, GIVEN_UP_S = START_MS // 1000, GIVEN_UP_MS // 1000


def now(bay):
    return sessions.current(bay.state, "bay-1")


def left(bay, at_s, **more):
    bay.every_second(at_s, at_s + 12, state="A", power_w=0, **more)
    return bay.kept()[-1]


def test_a_vehicle_that_asks_and_gets_nothing_for_a_minute_is_a_failed_start_and_one_only():
    bay = Bay()
    bay.at(0, state="B")
    bay.every_second(1, 1 + START_S, state="C")
    assert now(bay).failed_starts == 0
    bay.every_second(1 + START_S, 300, state="C")
    assert now(bay).failed_starts == 1
    bay.every_second(300, 310, state="B")
    bay.every_second(310, 311 + START_S, state="C")
    assert (now(bay).failed_starts, now(bay).starts) == (2, 0), "it asked again"


def test_a_start_that_takes_less_than_a_minute_is_none_that_failed():
    bay = Bay()
    bay.every_second(0, START_S - 1, state="C")
    bay.every_second(START_S - 1, START_S + 60, power_w=11_000)
    assert (now(bay).failed_starts, now(bay).starts) == (0, 1)
    assert now(bay).first_power_ms == (START_S - 1) * 1000
    assert now(bay).last_power_ms == (START_S + 59) * 1000


def test_a_vehicle_that_we_pause_waits_and_does_not_fail():
    bay = Bay()
    bay.every_second(0, 600, state="C", offered=False)
    row = left(bay, 600)
    assert (row.failed_starts, row.offered_ms) == (0, 0)


def test_a_full_vehicle_that_stays_the_night_did_not_fail():
    bay = Bay()
    bay.every_second(0, GIVEN_UP_S + 60, state="B")
    assert left(bay, GIVEN_UP_S + 60).failed_starts == 0


@pytest.mark.parametrize(("stays_s", "failed"), [(START_S - 1, 0), (START_S + 2, 1), (GIVEN_UP_S + 2, 0)])
def test_a_driver_who_goes_away_with_nothing_after_a_while_has_tried(stays_s, failed):
    bay = Bay()
    bay.every_second(0, stays_s, state="B")
    assert left(bay, stays_s).failed_starts == failed


def test_a_charger_that_faults_instead_of_starting_has_failed():
    bay = Bay()
    bay.every_second(0, 5, state="B", plugged=True)
    bay.every_second(5, 200, state="F", error="CX011")
    assert (now(bay).failed_starts, now(bay).error) == (1, "CX011")


def test_a_charger_that_is_granted_nothing_any_more_as_it_faults_has_failed_all_the_same():
    bay = Bay()
    bay.every_second(0, 5, state="B", plugged=True)
    bay.every_second(5, 200, state="F", error="CX011", offered=False)
    assert now(bay).failed_starts == 1


def test_a_charger_that_faults_before_it_was_given_anything_has_not_failed_a_start():
    bay = Bay()
    bay.every_second(0, 5, state="B", plugged=True, offered=False)
    bay.every_second(5, 200, state="F", error="CX011", offered=False)
    assert now(bay).failed_starts == 0


def test_a_fault_in_the_middle_is_how_it_stopped_and_no_failed_start():
    bay = Bay()
    bay.every_second(0, 60, state="C", power_w=11_000, plugged=True)
    bay.every_second(60, 90, state="F", power_w=0, error="CX017")
    assert (now(bay).failed_starts, now(bay).stop) == (0, "fault")


@pytest.mark.parametrize(
    ("seen", "stop"),
    [
        ({"state": "B"}, "vehicle"),
        ({"state": "B", "offered": False}, "paused"),
        ({"state": "A"}, "unplugged"),
    ],
)
def test_how_charging_ended(seen, stop):
    bay = Bay()
    bay.every_second(0, 60, state="C", power_w=11_000)
    bay.every_second(60, 62, power_w=0, **seen)
    assert left(bay, 62, offered=True).stop == stop


def test_charging_that_goes_on_has_not_stopped():
    bay = Bay()
    bay.every_second(0, 60, state="C", power_w=11_000)
    bay.every_second(60, 90, state="B", power_w=0, offered=False)
    bay.every_second(90, 100, state="C", power_w=11_000, offered=True)
    assert now(bay).stop == ""


def test_what_was_charging_when_the_gateway_lost_power_stopped_with_it():
    bay = Bay(carried(BEFORE, WALL - 29 * 60_000))
    (row,) = bay.at(1_000, state="A")
    assert (row.end_reason, row.stop) == ("gateway off", "gateway off")


def test_errors_are_kept_each_once_in_their_order():
    assert errors("", "CX003") == "CX003"
    assert errors("CX003", "CX009, CX003") == "CX003, CX009"
    assert errors("CX003", "") == "CX003"
    assert len(errors("x" * 250, "CX003, CX004")) == 250, "EV-ChART takes 255 characters"


def test_the_state_of_charge_and_the_driver_where_the_charger_tells():
    bay = Bay()
    bay.at(0, state="B")
    bay.at(1_000, soc_pm=203)
    bay.at(2_000, soc_pm=640, driver="p-12")
    row = left(bay, 3)
    assert (row.soc_start_pm, row.soc_end_pm, row.driver, row.port) == (203, 640, "p-12", "bay-1")


def test_time_with_current_on_offer_is_counted_and_alone_is_no_news():
    bay = Bay()
    bay.every_second(0, 300, state="B")
    assert now(bay).offered_ms == 299_000
    assert len(bay.rows) == 1
