"""The benchmarks of fleets and of the month's seconds keep running, and their judges can object."""

import dataclasses

import pytest

from tests.bench import _day_fleets, _fleet_depots, _fleet_hindsight, _month_second
from tests.bench._fleet_depots import Fleet, Stay
from tests.bench._fleet_loop import Lived


@pytest.fixture(scope="module")
def vans() -> Fleet:
    return _fleet_depots.first_night(_fleet_depots.fleet("vans", 0, 0.1))


def test_a_night_of_vans_is_lived_through_and_judged(vans: Fleet) -> None:
    found = _day_fleets._summed([_day_fleets.judged(vans, "vans", 0)])
    (row,) = found["rows"]
    assert (row["missed"], row["violations"], row["stays"]) == ([], [], 5)
    assert 1 <= row["ratio"] <= 1.05
    assert row["cost"] < row["uncontrolled_cost"]
    assert [event["complied"] for event in row["events"]] == [True]
    assert _day_fleets.words(found)


def test_hindsight_is_what_a_hand_finds(vans: Fleet) -> None:
    """One van of 10 kWh, at once or at night: all of it at the lowest price, nothing for demand."""
    one = Stay("x", "bay-1", vans.start_ms, vans.end_ms, 10_000, vans.start_ms, vans.end_ms, 10_000)
    fleet = dataclasses.replace(vans, stays=(one,), sheds=())
    cost = _fleet_hindsight.least_cost(fleet, {"x": 10_000.0})
    assert cost.energy == pytest.approx(10 * min(_fleet_hindsight.prices(fleet).per_kwh), rel=1e-6)
    assert cost.demand == 0
    assert _fleet_hindsight.feasible_wh(fleet)["x"] == pytest.approx(10_000)


def test_a_vehicle_that_went_without_is_missed_only_where_it_could_have_had_it(vans: Fleet) -> None:
    none = dict.fromkeys((stay.id for stay in vans.stays), 0.0)
    lived = Lived(none, [], [], [], {}, [])
    missed = _day_fleets._departures(vans, lived)["missed"]
    stayed = [s.id for s in vans.stays if s.leaves_ms >= s.ready_by_ms]
    assert [each["stay"] for each in missed] == stayed
    dark = dataclasses.replace(
        vans, sheds=(_fleet_depots.Shed(vans.start_ms, vans.end_ms, 0, vans.start_ms),)
    )
    assert _day_fleets._departures(dark, lived)["missed"] == []


def test_seconds_of_the_month_are_counted() -> None:
    found = _month_second.figures(quick=True)
    assert found["rows"][0]["ticks"] >= 2 * found["seconds_of_each_hour"]
    assert _month_second.words(found)
