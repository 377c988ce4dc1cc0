"""What is taken out of an outage, by whom, how much, and what flapping comes to.  Worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model.exclusion import DISASTER, MAINTENANCE, REPAIRED, UTILITY, VANDALISM, VEHICLE, Exclusion
from edge.model.portpolicy import DEFAULT, PortPolicy
from edge.model.records import Session
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from edge.report.portyear import CALIFORNIA, FEDERAL, first, told_apart
from edge.report.spans import measure
from edge.report.starts import CAUSE, failing
from edge.report.uptime import Records, monthly
from tests.report.test_uptime import MARCH, one, row

UNTIL = MARCH + 31 * DAY_MS


def entry(reason, start, end, ports="", entered=0, **more):
    return Exclusion("e", reason, ports, start, end, entered, "anna", "photo", **more)


def march(rows, *entries, **more):
    return one(rows, "2026-03", until=UNTIL, first=MARCH, entries=list(entries), **more)


def down(begin, end, cause="fault", **more):
    return [row(MARCH, begin), row(begin, end, "down", cause, **more), row(end, UNTIL)]


DAY3 = MARCH + 2 * DAY_MS


# --- entries of people --------------------------------------------------------------------------------


def test_vandalism_that_was_entered_is_taken_out_as_far_as_it_was_an_outage():
    found = march(down(DAY3, DAY3 + 5 * HOUR_MS), entry(VANDALISM, DAY3 - DAY_MS, DAY3 + 2 * HOUR_MS))
    assert (found.evidence.outage_ms, found.evidence.excluded_ms) == (5 * HOUR_MS, 2 * HOUR_MS)
    assert found.excluded_by == {VANDALISM: 2 * HOUR_MS}


@pytest.mark.parametrize(("ports", "out_h"), [("", 2), ("p1", 2), ("p0,p1", 2), ("p0,p11", 0)])
def test_an_entry_concerns_its_ports(ports, out_h):
    found = march(down(DAY3, DAY3 + 2 * HOUR_MS), entry(DISASTER, DAY3, DAY3 + DAY_MS, ports))
    assert found.evidence.excluded_ms == out_h * HOUR_MS


@pytest.mark.parametrize(("announced_h", "out_h"), [(-100, 4), (0, 4), (1, 3), (4, 0), (300, 0)])
def test_maintenance_counts_from_when_it_was_announced(announced_h, out_h):
    told = entry(MAINTENANCE, DAY3, DAY3 + 4 * HOUR_MS, entered=DAY3 + announced_h * HOUR_MS)
    assert march(down(DAY3, DAY3 + 6 * HOUR_MS), told).evidence.excluded_ms == out_h * HOUR_MS


def test_vandalism_may_be_entered_later():
    late = entry(VANDALISM, DAY3, DAY3 + 4 * HOUR_MS, entered=DAY3 + 300 * HOUR_MS)
    assert march(down(DAY3, DAY3 + 6 * HOUR_MS), late).evidence.excluded_ms == 4 * HOUR_MS


def test_what_was_withdrawn_does_not_count():
    gone = entry(VANDALISM, DAY3, DAY3 + DAY_MS, withdrawn_wall_ms=DAY3)
    assert march(down(DAY3, DAY3 + HOUR_MS), gone).evidence.excluded_ms == 0


def test_an_entry_without_an_end_lasts():
    found = march(down(DAY3, UNTIL - DAY_MS), entry(DISASTER, DAY3 + DAY_MS, None))
    assert found.evidence.outage_ms - found.evidence.excluded_ms == DAY_MS


def test_a_minute_with_two_reasons_is_taken_out_once():
    rows = down(DAY3, DAY3 + 4 * HOUR_MS, "power", excluded=UTILITY)
    found = march(rows, entry(VANDALISM, DAY3, DAY3 + 6 * HOUR_MS))
    assert found.excluded_by == {UTILITY: 4 * HOUR_MS}
    assert found.evidence.percent == "100.00"


def test_a_disaster_that_takes_the_gateway_too_is_taken_out_of_the_conservative_figure():
    rows = [row(MARCH, DAY3), row(DAY3, DAY3 + DAY_MS, "unknown", "gateway off"), row(DAY3 + DAY_MS, UNTIL)]
    found = march(rows, entry(DISASTER, DAY3, DAY3 + DAY_MS))
    assert (found.conservative.outage_ms, found.conservative.excluded_ms) == (DAY_MS, DAY_MS)
    assert (found.evidence.outage_ms, found.evidence.excluded_ms) == (0, 0)


# --- California ---------------------------------------------------------------------------------------


def test_california_takes_out_ten_days_of_an_act_of_vandalism():
    rows = down(DAY3, DAY3 + 20 * DAY_MS)
    told = entry(VANDALISM, DAY3, DAY3 + 20 * DAY_MS)
    assert march(rows, told).evidence.excluded_ms == 20 * DAY_MS
    assert march(rows, told, rules=CALIFORNIA).evidence.excluded_ms == 10 * DAY_MS


def test_the_cap_is_of_each_act():
    rows = down(DAY3, DAY3 + 20 * DAY_MS)
    two = [
        entry(VANDALISM, DAY3, DAY3 + 9 * DAY_MS),
        entry(VANDALISM, DAY3 + 9 * DAY_MS, DAY3 + 20 * DAY_MS),
    ]
    assert march(rows, *two, rules=CALIFORNIA).evidence.excluded_ms == (9 + 10) * DAY_MS


def test_california_takes_out_72_hours_of_maintenance_in_twelve_months():
    january = MARCH - 50 * DAY_MS
    rows = [
        row(january, january + 70 * HOUR_MS, "down", "unavailable"),
        row(january + 70 * HOUR_MS, DAY3),
        row(DAY3, DAY3 + 10 * HOUR_MS, "down", "unavailable"),
        row(DAY3 + 10 * HOUR_MS, UNTIL),
    ]
    told = [
        entry(MAINTENANCE, january, january + 70 * HOUR_MS),
        entry(MAINTENANCE, DAY3, DAY3 + 10 * HOUR_MS),
    ]
    found = one(rows, "2026-03", until=UNTIL, entries=told, rules=CALIFORNIA)
    assert found.evidence.excluded_ms == 2 * HOUR_MS, "70 hours went in January"
    assert found.past_evidence.excluded_ms == 72 * HOUR_MS
    assert one(rows, "2026-03", until=UNTIL, entries=told).evidence.excluded_ms == 10 * HOUR_MS


def test_california_knows_no_vehicle_fault():
    rows = down(DAY3, DAY3 + HOUR_MS, "vehicle", excluded=VEHICLE)
    assert march(rows).evidence.excluded_ms == HOUR_MS
    assert march(rows, rules=CALIFORNIA).evidence.excluded_ms == 0


def test_what_is_up_spends_no_cap():
    rows = down(DAY3 + 5 * DAY_MS, DAY3 + 15 * DAY_MS)
    told = entry(VANDALISM, DAY3, DAY3 + 20 * DAY_MS)
    assert march(rows, told, rules=CALIFORNIA).evidence.excluded_ms == 10 * DAY_MS


SPANS = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 100)), max_size=8)


@settings(max_examples=100, deadline=None)
@given(spans=SPANS, most=st.integers(0, 600))
def test_the_beginning_of_a_set_is_as_long_as_it_may_be(spans, most):
    told, at = [], 0
    for gap, length in spans:
        told.append((at + gap, at + gap + length))
        at = told[-1][1] + 1
    found = first(told, most)
    assert measure(found) == min(most, measure(told))
    assert all(any(a <= begin and end <= b for a, b in told) for begin, end in found)


# --- flaps --------------------------------------------------------------------------------------------

FLAP_MS = DEFAULT.flap_ms


def silences(*offsets_s):
    rows, at = [], MARCH
    for begin_s, end_s in offsets_s:
        rows.append(row(at, MARCH + begin_s * SECOND_MS))
        rows.append(row(MARCH + begin_s * SECOND_MS, MARCH + end_s * SECOND_MS, "down", "comms"))
        at = MARCH + end_s * SECOND_MS
    return [*rows, row(at, UNTIL)]


def test_a_port_that_answers_once_in_a_while_is_not_up_in_between():
    """Silent for 8 s, there for 2 s, over and over for a minute: one outage of 58 s, and no flaps."""
    found = march(silences(*((10 * n, 10 * n + 8) for n in range(6))))
    assert (found.evidence.outage_ms, found.outages, found.flaps) == (58_000, 1, 0)
    assert found.down_ms == 48_000, "what was recorded stays"
    assert found.conservative.outage_ms == 58_000


def test_two_flaps_with_a_while_between_are_two_flaps():
    found = march(silences((10, 14), (24, 28)))
    assert (found.evidence.outage_ms, found.outages, found.flaps) == (0, 0, 2)


def test_two_flaps_with_little_between_are_an_outage_if_together_they_are_long_enough():
    assert march(silences((10, 14), (16, 19))).evidence.outage_ms == 0, "9 s in all"
    assert march(silences((10, 14), (16, 20))).evidence.outage_ms == 10_000


def test_a_short_silence_that_touches_a_fault_is_part_of_it():
    rows = [
        row(MARCH, MARCH + MINUTE_MS, "down", "fault"),
        row(MARCH + MINUTE_MS, MARCH + MINUTE_MS + 3_000, "down", "comms"),
        row(MARCH + MINUTE_MS + 3_000, UNTIL),
    ]
    assert march(rows).evidence.outage_ms == MINUTE_MS + 3_000


def test_a_flap_over_midnight_of_the_month_is_a_flap_in_both():
    edge = MARCH + 31 * DAY_MS
    rows = [
        row(MARCH, edge - 4_000),
        row(edge - 4_000, edge + 4_000, "down", "comms"),
        row(edge + 4_000, edge + DAY_MS),
    ]
    for month in ("2026-03", "2026-04"):
        found = one(rows, month, until=edge + DAY_MS)
        assert (found.flaps, found.evidence.outage_ms, found.conservative.outage_ms) == (1, 0, 4_000)


def test_the_policy_says_how_long_a_flap_is():
    rows = silences((10, 14))
    assert march(rows, policy=PortPolicy(flap_ms=0)).evidence.outage_ms == 4_000


@settings(max_examples=100, deadline=None)
@given(
    spans=st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 30), st.sampled_from(["comms", "fault"])), max_size=12
    )
)
def test_evidence_never_claims_more_outage_than_the_conservative_figure(spans):
    rows, at = [], MARCH
    for gap, lasts, cause in spans:
        begin = at + gap * SECOND_MS
        rows += [row(at, begin), row(begin, begin + lasts * SECOND_MS, "down", cause)]
        at = begin + lasts * SECOND_MS
    time = told_apart([*rows, row(at, UNTIL)], (MARCH, UNTIL))
    outage = measure(time.outage("evidence"))
    assert outage <= measure(time.outage("conservative"))
    assert outage >= measure(time.down) - measure(time.flaps)
    assert time.excluded(time.outage("evidence"), FEDERAL) == {}


# --- ports that fail their starts ---------------------------------------------------------------------


def session(n, failed=1, vehicle="", power_ms=None, port="p1", error=""):
    start = DAY3 + n * HOUR_MS
    return Session(
        f"s{n}", "bay-1", start, start + 10 * MINUTE_MS, 10 * MINUTE_MS, vehicle=vehicle, port=port,
        failed_starts=failed, first_power_ms=power_ms, error=error,
    )  # fmt: skip


def charged(n, **more):
    return session(n, failed=0, power_ms=30_000, **more)


def told(sessions, **repaired):
    return [(r.port, r.start_wall_ms, r.end_wall_ms) for r in failing(sessions, repaired)]


def test_three_failed_starts_in_a_row_and_a_port_is_down_until_power_flows():
    assert told([charged(0), session(1), session(2), session(3), charged(9)]) == [
        ("p1", DAY3 + HOUR_MS, DAY3 + 9 * HOUR_MS + 30_000)
    ]


def test_it_lasts_while_nothing_has_charged():
    assert told([session(1), session(2), session(3), session(4)]) == [("p1", DAY3 + HOUR_MS, None)]


def test_two_are_not_enough_and_success_begins_anew():
    assert told([session(1), session(2), charged(3), session(4), session(5)]) == []


def test_one_vehicle_alone_may_be_at_fault_itself():
    assert told([session(n, vehicle="v-1") for n in range(5)]) == []
    assert len(told([*(session(n, vehicle="v-1") for n in range(5)), session(5, vehicle="v-2")])) == 1


def test_a_start_that_failed_first_and_then_charged_is_a_success():
    assert told([session(n, failed=2, power_ms=90_000) for n in range(5)]) == []


def test_a_vehicle_that_asked_for_nothing_says_nothing():
    silent = [session(n, failed=0) for n in range(3)]
    assert told(silent) == []
    assert len(told([session(1), *silent, session(5), session(6)])) == 1


@pytest.mark.parametrize("code", ["CX010", "CX016", "CX009", "CX020"])
def test_what_failed_by_the_vehicle_or_its_driver_says_nothing_of_the_port(code):
    others = [session(n, error=f"CX003, {code}") for n in range(10, 15)]
    assert told(others) == []
    (run,) = failing([session(1), session(2), *others, session(20)], {})
    assert (run.start_wall_ms, run.evidence) == (
        DAY3 + HOUR_MS,
        "3 starts failed in a row: s1 … s20",
    )


def test_ports_are_told_apart():
    assert told([session(1), session(2, port="p2"), session(3)]) == []


def test_who_repairs_it_ends_it():
    at = DAY3 + 5 * HOUR_MS
    assert told([session(1), session(2), session(3)], p1=[at]) == [("p1", DAY3 + HOUR_MS, at)]
    assert told([session(1), session(2), session(6), session(7)], p1=[at]) == [], "two before and two after"


def test_a_port_that_shows_available_and_fails_its_starts_is_down_in_the_figure():
    rows = [row(MARCH, UNTIL)]
    sessions = [session(1), session(2), session(3), charged(25)]
    found = march(rows, sessions=sessions)
    assert found.evidence.outage_ms == 24 * HOUR_MS + 30_000
    assert found.up_ms == 31 * DAY_MS - found.evidence.outage_ms
    (interval,) = failing(sessions, {})
    assert (interval.cause, interval.evidence) == (CAUSE, "3 starts failed in a row: s1 … s3")


def test_an_entry_that_it_was_repaired_reaches_the_figure():
    mended = entry(REPAIRED, DAY3 + 5 * HOUR_MS, DAY3 + 5 * HOUR_MS, "p1")
    found = march([row(MARCH, UNTIL)], mended, sessions=[session(1), session(2), session(3)])
    assert found.evidence.outage_ms == 4 * HOUR_MS
    assert found.evidence.excluded_ms == 0


# --- the clock of a port ------------------------------------------------------------------------------


def test_commissioning_starts_the_clock():
    rows = [row(MARCH, DAY3, "down", "fault"), row(DAY3, UNTIL)]
    found = march(rows, commissioned={"p1": DAY3})
    assert (found.from_wall_ms, found.evidence.outage_ms) == (DAY3, 0)
    earlier = march(rows, commissioned={"p1": MARCH - 400 * DAY_MS})
    assert earlier.year_conservative is not None
    assert earlier.past_conservative.outage_ms == 2 * DAY_MS + (334 * DAY_MS), "334 days that nobody recorded"


def test_what_is_not_commissioned_yet_is_not_reported_on():
    records = Records([row(MARCH, UNTIL)], commissioned={"p1": UNTIL})
    assert monthly(records, "2026-03", "UTC", UNTIL + DAY_MS) == []


def test_less_than_a_year_is_a_part_of_its_own_length():
    found = march(down(DAY3, DAY3 + 31 * HOUR_MS))
    assert found.year_evidence is None
    assert found.past_evidence.percent == "95.83", "31 of 744 hours"
