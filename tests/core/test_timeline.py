"""edge/core/timeline.py, against timelines worked out by hand (tests/vectors/openadr/timeline.json)."""

import json
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.timeline import MAX_STRETCHES, Claim, Stretch, lay, stretches, winners
from edge.model.openadr import FOREVER, NOW, Interval, IntervalPeriod, OpenAdrEvent, Payload
from edge.shell.openadr import read
from edge.shell.openadr_fields import wall_ms

VECTORS = Path(__file__).parent.parent / "vectors" / "openadr" / "timeline.json"
CASES = {case["id"]: case for case in json.loads(VECTORS.read_text())["vectors"]}
ONE_EVENT = [name for name, case in CASES.items() if "event" in case and "expect" in case]

T0 = 1_000_000_000_000
MIN = 60_000
HOUR = 60 * MIN
DAY = 24 * HOUR


def ms(text: str | None) -> int | None:
    found = wall_ms(text) if text is not None else None
    assert found != NOW
    return found


def from_json(value: dict[str, Any], now: str = "2026-01-01T00:00:00Z") -> OpenAdrEvent:
    return read(json.dumps({"id": "e"} | value).encode(), "t", ms(now) or 0).event


def event(*intervals: tuple[Any, IntervalPeriod | None], type: str = "PRICE", **fields: Any) -> OpenAdrEvent:
    """Intervals as (value or tuple of values, own period or None)."""
    return OpenAdrEvent(
        id="e",
        program_id="p",
        received_wall_ms=T0,
        intervals=tuple(
            Interval(n, (Payload(type, value if isinstance(value, tuple) else (value,)),), period)
            for n, (value, period) in enumerate(intervals)
        ),
        **fields,
    )


def told(found: list[Stretch]) -> list[tuple[int, int | None, Any]]:
    """From and to as minutes after T0, and the value."""
    return [
        (
            (s.from_wall_ms - T0) // MIN,
            None if s.to_wall_ms is None else (s.to_wall_ms - T0) // MIN,
            s.values[0],
        )
        for s in found
    ]


def all_of(found: OpenAdrEvent) -> list[tuple[int, int | None, Any]]:
    return told(stretches(found, T0 - 1_000 * DAY, T0 + 1_000 * DAY))


@pytest.mark.parametrize("name", ONE_EVENT)
def test_vectors(name: str) -> None:
    case = CASES[name]
    found = stretches(from_json(case["event"], case.get("now", "2026-01-01T00:00:00Z")), 0, 2**60)
    assert [[s.from_wall_ms, s.to_wall_ms, s.values[0]] for s in found] == [
        [ms(a), ms(b), value] for a, b, value in case["expect"]
    ]


def test_vector_priority_higher_wins() -> None:
    case = CASES["priority-higher-wins"]
    events = [from_json(e) for e in case["events"]]
    claims = [
        Claim(s.from_wall_ms, s.to_wall_ms, (e.priority or 0,), s.values[0])
        for e in events
        for s in stretches(e, 0, 2**60)
    ]
    assert [[c.from_wall_ms, c.to_wall_ms, c.what] for c in winners(claims)] == [
        [ms(a), ms(b), value] for a, b, value in case["expect"]
    ]


def test_vector_expired() -> None:
    case = CASES["expired"]
    now = ms(case["now"])
    assert now is not None
    assert stretches(from_json(case["event"]), now, now + 1) == []


def test_no_vector_is_forgotten() -> None:
    """Some are tested elsewhere: same-priority in test_demand_response.py, tolerant-input in test_openadr.py.

    And doe-fallback in test_signals.py.
    """
    assert set(ONE_EVENT) == {"inherit", "do-it-now", "infinite", "truncate"}
    elsewhere = {"same-priority", "tolerant-input", "doe-fallback", "priority-higher-wins", "expired"}
    assert set(CASES) == set(ONE_EVENT) | elsewhere


HOURLY = IntervalPeriod(T0, HOUR)


def test_an_interval_overrides_the_events_duration() -> None:
    two_hours = IntervalPeriod(duration_ms=2 * HOUR)
    assert all_of(event((1, None), (2, two_hours), (3, None), period=HOURLY)) == [
        (0, 60, 1), (60, 180, 2), (180, 240, 3),
    ]  # fmt: skip


def test_an_interval_with_its_own_start_inherits_the_duration() -> None:
    gap = IntervalPeriod(T0 + 5 * HOUR, inherits_duration=True)
    assert all_of(event((1, None), (2, gap), (3, None), period=HOURLY)) == [
        (0, 60, 1), (300, 360, 2), (360, 420, 3),
    ]  # fmt: skip


def test_now_is_the_events_start_in_the_first_interval_and_after_the_previous_in_later_ones() -> None:
    now = IntervalPeriod(NOW, HOUR)
    assert all_of(event((1, now), (2, now), period=IntervalPeriod(T0 + HOUR, HOUR))) == [
        (60, 120, 1), (120, 180, 2),
    ]  # fmt: skip
    assert all_of(event((1, now), (2, now))) == [(0, 60, 1), (60, 120, 2)]


def test_nothing_follows_an_interval_that_lasts_for_ever() -> None:
    for_ever = IntervalPeriod(duration_ms=FOREVER)
    later = IntervalPeriod(T0 + DAY, HOUR)
    assert all_of(event((1, for_ever), (2, None), (3, later), period=HOURLY)) == [
        (0, None, 1),
        (1440, 1500, 3),
    ]


def test_what_has_no_length_never_holds() -> None:
    for duration in (0, -HOUR):
        cancelled = event((1, None), (2, None), period=IntervalPeriod(NOW, duration))
        assert all_of(cancelled) == []
        assert lay(cancelled).end_wall_ms == lay(cancelled).start_wall_ms
    assert all_of(event((1, None), period=HOURLY, duration_ms=-HOUR)) == []
    assert all_of(event(period=HOURLY)) == []


def test_an_interval_keeps_its_time_where_the_event_says_pt0s() -> None:
    own = IntervalPeriod(T0 + HOUR, HOUR)
    assert all_of(event((1, own), period=IntervalPeriod(NOW, 0))) == [(60, 120, 1)]


def test_a_tariff_that_repeats_for_ever_is_made_only_for_the_horizon() -> None:
    daily = event(*[(n, None) for n in range(24)], period=HOURLY, duration_ms=FOREVER)
    from_ms = T0 + 10_000 * DAY + 90 * MIN
    assert told(stretches(daily, from_ms, from_ms + 2 * HOUR)) == [
        (10_000 * 1440 + 60, 10_000 * 1440 + 120, 1),
        (10_000 * 1440 + 120, 10_000 * 1440 + 180, 2),
        (10_000 * 1440 + 180, 10_000 * 1440 + 240, 3),
    ]
    assert len(stretches(daily, T0, T0 + 7 * DAY)) == 7 * 24
    assert stretches(daily, T0 - DAY, T0) == []


def test_a_day_of_prices_repeats_for_a_week_and_ends_in_the_middle() -> None:
    found = all_of(
        event((1, None), (2, None), period=IntervalPeriod(T0, 12 * HOUR), duration_ms=3 * DAY + 18 * HOUR)
    )
    assert len(found) == 8
    assert found[-2:] == [(3 * 1440, 3 * 1440 + 720, 1), (3 * 1440 + 720, 3 * 1440 + 1080, 2)]


def test_a_loop_repeats_its_gaps() -> None:
    late = IntervalPeriod(T0 + 3 * HOUR, HOUR)
    found = all_of(event((1, None), (2, late), period=HOURLY, duration_ms=8 * HOUR))
    assert found == [(0, 60, 1), (180, 240, 2), (240, 300, 1), (420, 480, 2)]


def test_an_endless_interval_is_cut_by_the_events_duration() -> None:
    assert all_of(event((1, None), period=IntervalPeriod(T0, FOREVER), duration_ms=HOUR)) == [(0, 60, 1)]


def test_a_millisecond_that_repeats_for_ever_is_cut_off() -> None:
    tiny = event((1, None), period=IntervalPeriod(T0, 1), duration_ms=FOREVER)
    began = time.monotonic()
    assert len(stretches(tiny, T0, T0 + 1_000 * DAY)) == MAX_STRETCHES
    assert time.monotonic() - began < 5


def test_several_values_share_the_interval() -> None:
    three = event(((1, 2, 3), None), period=IntervalPeriod(T0, 3 * HOUR))
    assert all_of(three) == [(0, 60, 1), (60, 120, 2), (120, 180, 3)]
    two = event(((1, 2), None), period=IntervalPeriod(T0, HOUR))
    assert all_of(two) == [(0, 30, 1), (30, 60, 2)]
    uneven = stretches(event(((1, 2, 3), None), period=IntervalPeriod(T0, 100)), T0, T0 + 100)
    assert [(s.from_wall_ms - T0, (s.to_wall_ms or 0) - T0) for s in uneven] == [(0, 33), (33, 66), (66, 100)]


def test_several_values_that_cannot_be_shared_stay_together() -> None:
    for_ever = event(((1, 2), None), period=IntervalPeriod(T0, FOREVER))
    assert [s.values for s in stretches(for_ever, T0, T0 + 1)] == [(1, 2)]
    shorter_than_its_values = event(((1, 2, 3), None), period=IntervalPeriod(T0, 2))
    assert [s.values for s in stretches(shorter_than_its_values, T0, T0 + 1)] == [(1, 2, 3)]
    as_short = event(((1, 2, 3), None), period=IntervalPeriod(T0, 3))
    assert [s.values for s in stretches(as_short, T0, T0 + 3)] == [(1,), (2,), (3,)]
    curve = event((((0.1, 0.2), (0.3, 0.4)), None), type="CURVE", period=HOURLY)
    assert [s.values for s in stretches(curve, T0, T0 + 1)] == [((0.1, 0.2), (0.3, 0.4))]


def test_one_draw_shifts_the_whole_chain() -> None:
    shifted = IntervalPeriod(T0, HOUR, randomize_start_ms=10 * MIN)
    absolute = IntervalPeriod(T0 + 5 * HOUR, HOUR)
    own = IntervalPeriod(T0 + 9 * HOUR, HOUR, randomize_start_ms=5 * MIN)
    found = event(
        (1, None), (2, None), (3, absolute), (4, own), (5, None), period=shifted, random_ms=-6 * MIN
    )
    assert all_of(found) == [(-6, 54, 1), (54, 114, 2), (294, 354, 3), (537, 597, 4), (597, 657, 5)]


def test_a_draw_beyond_the_extent_is_held_to_it() -> None:
    small = IntervalPeriod(T0, HOUR, randomize_start_ms=MIN)
    assert all_of(event((1, None), period=small, random_ms=HOUR)) == [(1, 61, 1)]


def test_boundaries_belong_to_what_begins() -> None:
    two = event((1, None), (2, None), period=HOURLY)
    assert told(stretches(two, T0 + HOUR, T0 + HOUR + 1)) == [(60, 120, 2)]
    assert told(stretches(two, T0 + HOUR - 1, T0 + HOUR)) == [(0, 60, 1)]
    assert stretches(two, T0 + 2 * HOUR, T0 + DAY) == []


CLAIMS = st.lists(
    st.builds(
        lambda begin, length, rank: Claim(begin, begin + length if length else None, (rank,), "x"),
        st.integers(0, 20),
        st.integers(0, 12),
        st.integers(0, 3),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(CLAIMS)
def test_at_every_moment_the_best_claim_holds(claims: list[Claim[str]]) -> None:
    numbered = [Claim(c.from_wall_ms, c.to_wall_ms, c.rank, n) for n, c in enumerate(claims)]
    pieces = winners(numbered)
    for moment in range(40):
        live = [
            (c.rank, c.what)
            for c in numbered
            if c.from_wall_ms <= moment and (c.to_wall_ms is None or moment < c.to_wall_ms)
        ]
        held = [
            p.what
            for p in pieces
            if p.from_wall_ms <= moment and (p.to_wall_ms is None or moment < p.to_wall_ms)
        ]
        assert held == ([min(live)[1]] if live else [])


@pytest.mark.parametrize(("day", "quarters"), [((2026, 3, 8), 92), ((2026, 11, 1), 100), ((2026, 6, 1), 96)])
def test_a_day_of_quarter_hours_where_clocks_change(day: tuple[int, int, int], quarters: int) -> None:
    """One event a local day, as price servers send it: no gap to the next, and every hour at its place."""
    zone = ZoneInfo("America/Los_Angeles")
    midnight = datetime(*day, tzinfo=zone)
    tomorrow = datetime.fromtimestamp(midnight.timestamp() + 30 * 3600, zone).replace(hour=0, minute=0)
    start, end = round(midnight.timestamp()) * 1000, round(tomorrow.timestamp()) * 1000
    assert (end - start) // (15 * MIN) == quarters
    local = [datetime.fromtimestamp(start / 1000 + n * 900, zone) for n in range(quarters)]
    event = from_json(
        {
            "programID": "p",
            "intervalPeriod": {"start": midnight.isoformat(), "duration": "PT15M"},
            "intervals": [
                {"id": n, "payloads": [{"type": "PRICE", "values": [at.hour]}]} for n, at in enumerate(local)
            ],
        }
    )
    found = stretches(event, 0, 2**60)
    assert (found[0].from_wall_ms, found[-1].to_wall_ms, len(found)) == (start, end, quarters)
    assert all(a.to_wall_ms == b.from_wall_ms for a, b in pairwise(found))
    hours = [datetime.fromtimestamp(s.from_wall_ms / 1000, zone).hour for s in found]
    assert hours == [s.values[0] for s in found]
    assert hours.count(2) == {92: 0, 96: 4, 100: 4}[quarters]
    assert hours.count(1) == {92: 4, 96: 4, 100: 8}[quarters]
