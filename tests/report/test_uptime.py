"""Uptime: the arithmetic of the regulation against vectors, and sets of time against a count of minutes."""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model.exclusion import UTILITY
from edge.model.portpolicy import DEFAULT
from edge.model.records import PortInterval
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from edge.report.uptime import YEAR_MS, Records, figure, minutes, monthly, months_ending, uptime

# Worked out by hand from 23 CFR 680.116(b)(3); CC0, see the file.
VECTORS = json.loads((Path(__file__).parent.parent / "vectors/uptime_23cfr680.json").read_text())
UTC = "UTC"
FLAP_MS = DEFAULT.flap_ms


def ms(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def row(start, end, state="up", cause="", port="p1", **more):
    return PortInterval(port, start, state, cause or state, end, (end or start) - start, **more)


# --- the regulation's arithmetic ----------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["t_outage_min"]))
def test_the_vectors_of_the_regulation(case):
    outage_ms, excluded_ms = (round(case[key] * MINUTE_MS) for key in ("t_outage_min", "t_excluded_min"))
    found = figure(outage_ms, excluded_ms)
    assert float(uptime(outage_ms, excluded_ms) * 100) == pytest.approx(case["uptime_percent"], abs=1e-9)
    assert found.percent == case["evchart_2dp"]
    assert found.meets == case["meets_gt_97"]


@pytest.mark.parametrize(
    ("outage_ms", "percent", "meets"),
    [
        (15_768 * MINUTE_MS - 1, "97.00", True),
        (15_768 * MINUTE_MS, "97.00", False),
        (15_769 * MINUTE_MS, "97.00", False),
        (527_040 * MINUTE_MS, "0.00", False),  # all of 2024, a leap year
        (0, "100.00", True),
    ],
)
def test_passing_is_decided_on_exact_time(outage_ms, percent, meets):
    found = figure(outage_ms, 0)
    assert (found.percent, found.meets) == (percent, meets)


def test_minutes_have_two_decimals():
    assert [minutes(each) for each in (0, 600, 299, 300, 15_764_850 * 60)] == [
        "0.00",
        "0.01",
        "0.00",
        "0.01",
        "15764.85",
    ]


# --- months -------------------------------------------------------------------------------------------


def test_months_end_by_the_clock_of_the_time_zone():
    assert months_ending("2026-03", 1, "America/Los_Angeles") == (
        ms("2026-03-01T00:00-08:00"), ms("2026-04-01T00:00-07:00"),
    )  # fmt: skip
    assert months_ending("2026-03", 12, UTC) == (ms("2025-04-01T00:00+00:00"), ms("2026-04-01T00:00+00:00"))
    assert months_ending("2026-12", 12, UTC)[1] == ms("2027-01-01T00:00+00:00")


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026", "26-01", "2026-1", "x", "2026-01-01"])
def test_what_is_no_month_is_told(month):
    with pytest.raises(ValueError, match="expected YYYY-MM"):
        months_ending(month, 1, UTC)


def one(intervals, month, timezone=UTC, until=1 << 60, first=None, **more):
    records = Records(intervals, {"p1": first} if first is not None else {}, **more)
    found = monthly(records, month, timezone, until)
    assert len(found) == 1
    return found[0]


def test_an_outage_over_the_end_of_a_month_is_split():
    case = VECTORS["splitting"][0]
    outage = row(ms(case["start"]), ms(case["end"]), "down", "fault")
    for month, expected in case["minutes_by_month"].items():
        found = one([outage], month, until=ms("2026-03-01T00:00+00:00"))
        assert found.evidence.outage_ms == expected * MINUTE_MS
        assert found.outages == 1


def test_overlapping_causes_are_one_outage():
    case = VECTORS["splitting"][1]
    rows = [row(ms(begin), ms(end), "down", f"cause {n}") for n, (begin, end) in enumerate(case["intervals"])]
    found = one(rows, "2026-03", until=ms("2026-04-01T00:00+00:00"))
    assert found.evidence.outage_ms == case["outage_min"] * MINUTE_MS
    assert found.outages == 1


def test_the_day_that_loses_an_hour_has_23():
    case = VECTORS["splitting"][2]
    zone = ZoneInfo(case["tz"])
    begin, end = (
        int(datetime.fromisoformat(case[key]).replace(tzinfo=zone).timestamp() * 1000)
        for key in ("start_local", "end_local")
    )
    found = one([row(begin, end, "down", "fault")], "2026-03", case["tz"], until=end)
    assert found.evidence.outage_ms == case["minutes"] * MINUTE_MS


# --- two figures side by side -------------------------------------------------------------------------

MARCH = ms("2026-03-01T00:00+00:00")


def test_time_that_nobody_saw_is_down_in_the_conservative_figure_only():
    rows = [
        row(MARCH, MARCH + DAY_MS),
        row(MARCH + DAY_MS, MARCH + DAY_MS + HOUR_MS, "unknown", "gateway off"),
        # an hour without any interval
        row(MARCH + DAY_MS + 2 * HOUR_MS, MARCH + 10 * DAY_MS),
    ]
    found = one(rows, "2026-03", until=MARCH + 10 * DAY_MS)
    assert found.unknown_ms == 2 * HOUR_MS
    assert (found.up_ms, found.down_ms) == (10 * DAY_MS - 2 * HOUR_MS, 0)
    assert found.conservative.outage_ms == 2 * HOUR_MS
    assert found.conservative.percent == "99.17", "2 of 240 hours"
    assert (found.evidence.outage_ms, found.evidence.percent) == (0, "100.00")


def test_only_outage_can_be_excluded_and_only_once():
    rows = [
        row(MARCH, MARCH + DAY_MS),
        row(MARCH + DAY_MS, MARCH + DAY_MS + 2 * HOUR_MS, "down", "fault"),
        row(MARCH + DAY_MS + HOUR_MS, MARCH + DAY_MS + 3 * HOUR_MS, "down", "power", excluded=UTILITY),
        row(MARCH + DAY_MS + 3 * HOUR_MS, MARCH + 2 * DAY_MS, "up", "in use", excluded="vehicle fault"),
    ]
    found = one(rows, "2026-03", until=MARCH + 2 * DAY_MS)
    assert (found.down_ms, found.excluded_ms) == (3 * HOUR_MS, 2 * HOUR_MS)
    assert found.evidence.percent == found.conservative.percent == "97.92", "1 of 48 hours"
    assert found.evidence.excluded_ms == found.conservative.excluded_ms == 2 * HOUR_MS


def test_one_cause_after_another_is_one_outage():
    rows = [
        row(MARCH, MARCH + HOUR_MS, "down", "fault"),
        row(MARCH + HOUR_MS, MARCH + 2 * HOUR_MS, "down", "comms"),
        row(MARCH + 2 * HOUR_MS, MARCH + 3 * HOUR_MS),
    ]
    assert one(rows, "2026-03", until=MARCH + 3 * HOUR_MS).outages == 1


def test_a_silence_in_an_outage_is_no_flap():
    rows = [
        row(MARCH, MARCH + HOUR_MS, "down", "fault"),
        row(MARCH + 1_000, MARCH + 2_000, "down", "comms"),
    ]
    found = one(rows, "2026-03", until=MARCH + 2 * HOUR_MS)
    assert (found.evidence.outage_ms, found.flaps) == (HOUR_MS, 0)


def test_flaps_are_kept_and_counted_and_no_outage_by_evidence():
    rows = [
        row(MARCH, MARCH + HOUR_MS),
        row(MARCH + HOUR_MS, MARCH + HOUR_MS + FLAP_MS - 1, "down", "comms"),
        row(MARCH + HOUR_MS + FLAP_MS - 1, MARCH + 2 * HOUR_MS),
        row(MARCH + 2 * HOUR_MS, MARCH + 2 * HOUR_MS + FLAP_MS, "down", "comms"),
        row(MARCH + 2 * HOUR_MS + FLAP_MS, MARCH + 3 * HOUR_MS),
        row(MARCH + 3 * HOUR_MS, MARCH + 3 * HOUR_MS + 1_000, "down", "fault"),
        row(MARCH + 3 * HOUR_MS + 1_000, MARCH + 4 * HOUR_MS),
    ]
    found = one(rows, "2026-03", until=MARCH + 4 * HOUR_MS)
    assert (found.flaps, found.outages) == (1, 2)
    assert found.evidence.outage_ms == FLAP_MS + 1_000, "a fault counts from its first second"
    assert found.conservative.outage_ms == found.down_ms == 2 * FLAP_MS - 1 + 1_000


def test_an_interval_that_lasts_goes_as_far_as_the_records():
    found = one([row(MARCH, None, "down", "fault")], "2026-03", until=MARCH + 5 * HOUR_MS)
    assert found.to_wall_ms == MARCH + 5 * HOUR_MS
    assert found.evidence.outage_ms == 5 * HOUR_MS


def test_down_is_down_where_a_clock_was_set_back():
    rows = [row(MARCH, MARCH + 2 * HOUR_MS), row(MARCH + HOUR_MS, MARCH + 3 * HOUR_MS, "down", "fault")]
    found = one(rows, "2026-03", until=MARCH + 3 * HOUR_MS)
    assert (found.up_ms, found.down_ms, found.unknown_ms) == (HOUR_MS, 2 * HOUR_MS, 0)


# --- the year -----------------------------------------------------------------------------------------

APRIL_25 = ms("2025-04-01T00:00+00:00")
APRIL_26 = ms("2026-04-01T00:00+00:00")


@pytest.mark.parametrize(("first", "has_a_year"), [(APRIL_25, True), (APRIL_25 + 1, False)])
def test_less_than_twelve_months_have_no_yearly_figure(first, has_a_year):
    found = one([row(first, APRIL_26)], "2026-03", until=APRIL_26)
    assert (found.year_evidence is not None) == has_a_year
    assert (found.year_conservative is not None) == has_a_year


def test_the_year_is_the_twelve_months_that_end_with_the_month():
    rows = [
        row(APRIL_25 - DAY_MS, APRIL_25 - HOUR_MS),
        row(APRIL_25 - HOUR_MS, APRIL_25 + 2 * HOUR_MS, "down", "fault"),
        row(APRIL_25 + 2 * HOUR_MS, APRIL_26 - HOUR_MS),
        row(APRIL_26 - HOUR_MS, APRIL_26 + HOUR_MS, "down", "fault"),
    ]
    found = one(rows, "2026-03", until=APRIL_26 + DAY_MS)
    assert found.year_evidence is not None
    assert found.year_evidence.outage_ms == 3 * HOUR_MS
    assert found.year_evidence.percent == "99.97"  # 180 of 525,600 minutes
    assert found.outages == 1, "the other one is of another month"


def test_a_leap_year_has_525600_minutes_as_well():
    begin, end = months_ending("2024-12", 12, UTC)
    found = one([row(begin, end, "down", "fault")], "2024-12", until=end)
    assert end - begin == YEAR_MS + DAY_MS
    assert found.year_evidence is not None
    assert found.year_evidence.percent == "0.00"


def test_a_port_that_came_later_is_not_in_the_month():
    assert monthly(Records([], {"p1": APRIL_26}), "2026-03", UTC, APRIL_26 + DAY_MS) == []


def test_a_port_of_which_nothing_was_seen_all_month_is_unknown_all_month():
    found = one([], "2026-03", first=APRIL_25, until=APRIL_26)
    assert found.unknown_ms == 31 * DAY_MS
    assert (found.conservative.percent, found.evidence.percent) == ("0.00", "100.00")


# --- against a count of single minutes ----------------------------------------------------------------

SPANS = st.lists(
    st.tuples(
        st.integers(-60, 400), st.integers(1, 200), st.sampled_from(["up", "down", "unknown"]), st.booleans()
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(spans=SPANS, until=st.integers(1, 500))
def test_every_minute_counts_once(spans, until):
    """Slow and plain: look at each minute, ask what it is."""
    rows = [
        row(
            MARCH + a * MINUTE_MS,
            MARCH + (a + n) * MINUTE_MS,
            state,
            "fault",
            excluded=UTILITY if out else "",
        )
        for a, n, state, out in spans
    ]
    first = min([0, *(a for a, _, _, _ in spans)])
    found = one(rows, "2026-03", first=MARCH + first * MINUTE_MS, until=MARCH + until * MINUTE_MS)
    down = up = unknown = excluded = 0
    for minute in range(0, until):
        states = {state for a, n, state, _ in spans if a <= minute < a + n}
        out = any(out for a, n, _, out in spans if a <= minute < a + n)
        if "down" in states:
            down += 1
            excluded += out
        elif "up" in states:
            up += 1
        else:
            unknown += 1
    told = [found.up_ms, found.down_ms, found.unknown_ms, found.excluded_ms]
    assert [each // MINUTE_MS for each in told] == [up, down, unknown, excluded]
    assert found.evidence.outage_ms == down * MINUTE_MS
    assert found.conservative.outage_ms == (down + unknown) * MINUTE_MS
