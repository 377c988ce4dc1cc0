"""What hours are chosen by, and what an event may not exceed when its load comes back."""

from typing import Any

import msgspec

from edge.core.calendar import Calendar
from edge.core.demand_state import Seen
from edge.model.flow import Tick, UtilitySaid
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload
from edge.model.records import DemandNow
from edge.model.site import Response
from edge.model.units import HOUR_MS, MINUTE_MS
from tests.story.sites import WALL_MS, depot

NOW = WALL_MS // MINUTE_MS * MINUTE_MS


def calendar(**response: Any) -> Calendar:
    made = Calendar(msgspec.structs.replace(depot(), response=Response(**response)), None)
    made.step(Tick(0, NOW), Seen())
    return made


def say(made: Calendar, kind: str, value: float, hours: int = 2) -> None:
    event = OpenAdrEvent(
        id=kind,
        program_id="p",
        period=IntervalPeriod(NOW, hours * HOUR_MS),
        intervals=(Interval(0, (Payload(kind, (value,)),)),),
        modified_wall_ms=1,
    )
    made.utility(UtilitySaid(0, NOW, "CREATE", event))


def test_carbon_weighs_when_hours_are_chosen_and_is_no_price() -> None:
    made = calendar(carbon_price=100)
    say(made, "PRICE", 0.2)
    say(made, "GHG", 300)  # 0.03 per kWh at 100 a tonne
    assert [p.price_micro for p in made.prices(NOW)] == [200_000]
    assert [p.price_micro for p in made.steering(NOW, 0)] == [230_000]


def test_what_would_be_exported_costs_what_it_would_have_brought_for_this_minute() -> None:
    made = calendar()
    say(made, "PRICE", 0.2)
    say(made, "EXPORT_PRICE", 0.05)
    assert [p.price_micro for p in made.steering(NOW, 0)] == [200_000]
    now, later = made.steering(NOW, 3_000)
    assert (now.price_micro, now.to_wall_ms - NOW, later.price_micro) == (50_000, MINUTE_MS, 200_000)


def rebound(made: Calendar, demand: list[DemandNow]) -> int | None:
    """The limit an hour and a half after an event of 10 kW, half an hour after its end."""
    say(made, "IMPORT_CAPACITY_LIMIT", 10, hours=1)
    for minutes in (0, 59, 60):
        made.step(Tick(minutes * MINUTE_MS, NOW + minutes * MINUTE_MS), Seen(site_w=9_000))
    made.demand = lambda _: demand  # type: ignore[method-assign]
    later = Tick(90 * MINUTE_MS, NOW + 90 * MINUTE_MS)
    return min((hold.limit for hold in made.limits(later, Seen())), default=None)


def peak(already_w: int, before_w: int | None, per_kw: int = 15_000_000) -> DemandNow:
    day = (NOW, NOW + 24 * HOUR_MS)
    return DemandNow("peak", per_kw, already_w, None, before_w, 15, "month", *day, [day])


def test_after_an_event_the_load_stays_below_what_demand_has_reached_already() -> None:
    assert rebound(calendar(), []) is None
    assert rebound(calendar(), [peak(30_000, None)]) == 30_000
    assert rebound(calendar(), [peak(0, 25_000)]) == 25_000  # a month has just begun
    assert rebound(calendar(), [peak(0, None)]) is None
    assert rebound(calendar(), [peak(5_000, None)]) == 10_000  # not below the event's own limit
    assert rebound(calendar(), [peak(30_000, None, per_kw=0)]) is None
    assert rebound(calendar(rebound_w=20_000), [peak(30_000, None)]) == 20_000
