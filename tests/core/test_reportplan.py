"""edge/core/reportplan.py: which reports are due when, against the figures of the User Guide, 7.5 and 8.

The expectations are written down by hand from the guide's diagrams: event of intervals of an hour, the report
covers these intervals, and is due at that hour.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.core.reportplan import due, next_due, plans, spans
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload, ReportDescriptor
from edge.shell.openadr import read_event
from edge.shell.openadr_fields import Fields

START = 1_796_040_000_000  # 2026-11-30T12:00:00Z
HOUR = 3_600_000
QUARTER = 900_000
RECEIVED = START - 2 * HOUR
EXAMPLES = Path(__file__).parent.parent / "vectors" / "openadr" / "examples"


def event(
    count: int, duration_ms: int | None = 0, period_ms: int | None = HOUR, **wanted: Any
) -> OpenAdrEvent:
    """Return an event of `count` intervals with ids 10, 11 … and one descriptor."""
    return OpenAdrEvent(
        "e",
        "p",
        period=IntervalPeriod(START, period_ms),
        duration_ms=duration_ms,
        intervals=tuple(Interval(10 + n, (Payload("PRICE", (0.1,)),)) for n in range(count)),
        report_descriptors=(ReportDescriptor(wanted.pop("type", "USAGE"), **wanted),),
        received_wall_ms=RECEIVED,
    )


def told(what: OpenAdrEvent, hours: float = 30) -> list[tuple[float, list[int]]]:
    """Return when reports are due, in hours after the start, and the ids of their intervals."""
    (plan,) = plans(what)
    reports = due(plan, RECEIVED - 1, int(START + hours * HOUR))
    return [((r.at_wall_ms - START) / HOUR, [s.id for s in spans(plan, r)]) for r in reports]


def test_all_intervals_at_the_end_of_the_last() -> None:
    assert told(event(4)) == [(4, [10, 11, 12, 13])]


def test_a_forecast_is_told_before() -> None:
    assert told(event(4, historical=False)) == [(-2, [10, 11, 12, 13])]
    assert told(event(4, type="USAGE_FORECAST")) == [(-2, [10, 11, 12, 13])]
    assert told(event(4, reading_type="FORECAST")) == [(-2, [10, 11, 12, 13])]


def test_a_subset() -> None:
    assert told(event(5, start_interval=1, num_intervals=3)) == [(4, [11, 12, 13])]


def test_the_last_five_of_ten() -> None:
    assert told(event(10, start_interval=5)) == [(10, [15, 16, 17, 18, 19])]


def test_the_last_two() -> None:
    assert told(event(4, num_intervals=2, repeat=1)) == [(4, [12, 13])]


def test_a_subset_at_a_regular_period() -> None:
    wanted = event(6, start_interval=1, num_intervals=2, frequency=2, repeat=3)
    assert told(wanted) == [(2, [10, 11]), (4, [12, 13]), (6, [14, 15])]


def test_rolling_forecasts() -> None:
    wanted = event(5, start_interval=0, num_intervals=3, frequency=1, repeat=3, historical=False)
    assert told(wanted) == [(0, [10, 11, 12]), (1, [11, 12, 13]), (2, [12, 13, 14])]


def test_repetitions_end_with_the_intervals() -> None:
    wanted = event(3, start_interval=0, num_intervals=1, frequency=1, repeat=-1)
    assert told(wanted) == [(1, [10]), (2, [11]), (3, [12])]


def test_an_event_that_loops_is_told_every_round() -> None:
    assert told(event(3, duration_ms=None), hours=9) == [(h, [10, 11, 12]) for h in (3, 6, 9)]


def test_the_reports_of_an_event_that_loops_go_on_over_its_rounds() -> None:
    wanted = event(2, duration_ms=None, start_interval=0, num_intervals=1, frequency=1, repeat=-1)
    assert told(wanted, hours=5) == [(1, [10]), (2, [11]), (3, [10]), (4, [11]), (5, [10])]


def test_an_event_that_is_cut_ends_its_last_interval_early() -> None:
    assert told(event(4, duration_ms=3 * HOUR + QUARTER)) == [(3.25, [10, 11, 12, 13])]


def test_sub_intervals_keep_the_id_of_theirs() -> None:
    assert told(event(2, report_intervals="SUB_INTERVALS")) == [(2, [10] * 4 + [11] * 4)]


def test_open_intervals_are_ours() -> None:
    assert told(event(2, report_intervals="OPEN_INTERVALS")) == [(2, list(range(8)))]


def test_ad_hoc_is_every_quarter_hour_and_at_the_end() -> None:
    wanted = event(1, period_ms=HOUR // 2 + 60_000, frequency=0)
    assert told(wanted) == [(0.25, [10]), (0.5, [10]), (0.5 + 1 / 60, [10])]


def test_an_interval_without_end_is_told_by_quarter_hours_under_its_id() -> None:
    assert told(event(1, period_ms=None), hours=0.75) == [(0.25, [10]), (0.5, [10]), (0.75, [10])]


def test_implied_intervals_are_as_long_as_the_period_and_never_end() -> None:
    wanted = event(0, start_interval=0, num_intervals=2, frequency=1, repeat=-1, historical=False)
    assert told(wanted, hours=2) == [(0, [0, 1]), (1, [1, 2]), (2, [2, 3])]


def test_two_seconds_is_as_fast_as_it_gets() -> None:
    fast = event(0, period_ms=2_000, start_interval=0, num_intervals=1, frequency=1, repeat=-1)
    assert len(told(fast, hours=10 / 3600)) == 5
    mad = event(0, period_ms=100, start_interval=0, num_intervals=1, frequency=1, repeat=-1)
    reports = told(mad, hours=10 / 3600)
    assert len(reports) == 5 and len(reports[0][1]) == 20


def test_a_descriptor_of_its_own_pace_is_a_report_of_its_own() -> None:
    wanted = event(2)
    more = (*wanted.report_descriptors, ReportDescriptor("DEMAND"), ReportDescriptor("BASELINE", frequency=1))
    found = plans(OpenAdrEvent(**{f: getattr(wanted, f) for f in wanted.__struct_fields__} | {
        "report_descriptors": more}))  # fmt: skip
    assert [[d.payload_type for d in plan.group.descriptors] for plan in found] == [
        ["USAGE", "DEMAND"],
        ["BASELINE"],
    ]


@pytest.mark.parametrize(
    ("name", "hours", "expected"),
    [
        # 8.3: 24 hourly prices, USAGE with all defaults: one report, ids as the event's, after the last hour.
        ("ug_L1385_eventRequest.json", 48, [(None, 1)]),
        # 8.7: 48 hours ahead, every hour: the first when the first interval begins.
        ("ug_L1765_eventRequest.json", 2, [(0, 48), (1, 48), (2, 48)]),
        # 8.8: 24 hours ahead, every hour.
        ("ug_L1857_eventRequest.json", 1, [(0, 24), (1, 24)]),
    ],
)
def test_examples_of_the_guide(name: str, hours: int, expected: list[tuple[float | None, int]]) -> None:
    value = json.loads((EXAMPLES / name).read_text())
    found = read_event(Fields(value | {"id": "1"}, "t"), 0)
    (plan,) = plans(found)
    start = plan.intervals.start_wall_ms
    reports = due(plan, start - 1, start + hours * HOUR)
    if expected == [(None, 1)]:
        (only,) = reports
        assert [s.id for s in spans(plan, only)] == [i.id for i in found.intervals]
        assert only.at_wall_ms == spans(plan, only)[-1].to_wall_ms
    else:
        assert [((r.at_wall_ms - start) / HOUR, len(spans(plan, r))) for r in reports] == expected


def test_the_state_of_charge_example_is_told_every_quarter_hour_until_it_is_deleted() -> None:
    value = json.loads((EXAMPLES / "ug_L1653_eventRequest.json").read_text())
    found = read_event(Fields(value | {"id": "1"}, "t"), START + 60_000)
    (plan,) = plans(found)
    reports = due(plan, START, START + HOUR)
    assert [(r.at_wall_ms - START) / HOUR for r in reports] == [0.25, 0.5, 0.75, 1]
    assert spans(plan, reports[0])[0].from_wall_ms == START + 60_000  # not before it was asked


def test_more_intervals_than_there_are_cost_nothing() -> None:
    assert told(event(3, num_intervals=2**31 - 1)) == [(3, [10, 11, 12])]
    (plan,) = plans(event(3, start_interval=1, num_intervals=2**31 - 1, frequency=1, repeat=-1))
    assert plan.count == 3


def test_when_the_next_report_is_due() -> None:
    (plan,) = plans(event(3, start_interval=0, num_intervals=1, frequency=1, repeat=2))
    assert next_due(plan, RECEIVED) == START + HOUR
    assert next_due(plan, START + HOUR) == START + 2 * HOUR
    assert next_due(plan, START + 2 * HOUR) is None
