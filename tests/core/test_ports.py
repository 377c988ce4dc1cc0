"""States of ports as they unfold, told tick by tick."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.core import ports
from edge.core.observation import Observation, of
from edge.core.ports import START_MS, STEADY_MS
from edge.model.flow import Restored
from edge.model.records import PortInterval
from edge.model.site import Address, Charger
from edge.model.units import HOUR_MS, MINUTE_MS

WALL = 1_780_000_000_000
FREE = Observation("bay-1", "port-1", True, "A")


class Watch:
    """One port, a look at a time.  Times are ms since the start of the daemon."""

    def __init__(self, last_row=None, last_wall_ms=None, wall=WALL):
        kept = [last_row] if last_row else []
        self.state = ports.begin(Restored(0, wall, "boot", last_wall_ms, kept, [], [], {}), 0)
        self.rows = []
        self.wall = wall

    def at(self, now_ms, seen=FREE, trusted=True, power_lost=""):
        self.state, new = ports.step(
            self.state, [seen], now_ms, self.wall + now_ms, trusted, power_lost=power_lost
        )
        self.rows += new
        return new

    def kept(self):
        """The store's view: the last row of each key, in the order of time."""
        by_key = {(row.port, row.start_wall_ms): row for row in self.rows}
        return [by_key[key] for key in sorted(by_key)]

    def told(self):
        """Start and end in ms since the start, state, cause."""
        return [
            (
                row.start_wall_ms - self.wall,
                row.end_wall_ms and row.end_wall_ms - self.wall,
                row.state,
                row.cause,
            )
            for row in self.kept()
        ]


# --- what is what -------------------------------------------------------------------------------------

IN_USE = replace(FREE, state="C", power_w=11_000)
SILENT = replace(FREE, online=False, why="no answer since 14:03")


@pytest.mark.parametrize(
    ("seen", "state", "cause"),
    [
        (FREE, "up", "available"),
        (replace(FREE, state="B"), "up", "in use"),
        (IN_USE, "up", "in use"),
        (replace(IN_USE, curtailed=True), "up", "curtailed"),
        (replace(FREE, curtailed=True), "up", "available"),
        (replace(FREE, state="E"), "down", "fault"),
        (replace(FREE, state="F", error="CX013"), "down", "fault"),
        (replace(FREE, available=False), "down", "unavailable"),
        (replace(FREE, available=True, error="warning 7"), "up", "available"),
        (SILENT, "down", "comms"),
        (replace(FREE, state="X"), "unknown", "state"),
        (replace(FREE, state="X", plugged=False), "up", "available"),
        (replace(FREE, state="X", plugged=True), "up", "in use"),
        (replace(FREE, state="X", power_w=5_000), "up", "in use"),
    ],
)
def test_what_is_seen_is_a_state_with_a_cause(seen, state, cause):
    assert ports.classify(seen).kind == (state, cause)


def test_evidence_goes_along():
    assert ports.classify(SILENT).evidence == "no answer since 14:03"
    assert ports.classify(replace(FREE, state="F", error="CX013")).evidence == "state F, CX013"
    lost = ports.classify(FREE, "main meter: 0 V on L1, L2, L3")
    assert (lost.kind, lost.excluded) == (("down", "power"), "utility service interruption")
    assert lost.evidence == "main meter: 0 V on L1, L2, L3"


def test_a_reading_of_a_device_becomes_an_observation():
    charger = Charger("bay-1", "main", "x", Address(1, "h:502"), max_ma=32_000, port="port-1")
    seen = of(
        charger,
        {"state": "C", "current_l1_ma": 16_000, "current_l2_ma": 16_000, "current_l3_ma": 16_000},
        True,
    )
    assert (seen.port, seen.state, seen.power_w, seen.counter_wh) == ("port-1", "C", 3 * 16 * 230, None)
    seen = of(
        charger, {"power_w": 5, "energy_import_wh": 9, "available": 0, "error_code": 3, "plugged": 1}, True
    )
    assert (seen.power_w, seen.counter_wh, seen.available, seen.error, seen.plugged) == (
        5,
        9,
        False,
        "error 3",
        True,
    )
    seen = of(charger, {"power_l1_w": 100, "power_l2_w": 20, "mrec": "CX003", "error_code": 9}, True)
    assert (seen.power_w, seen.error) == (120, "CX003")
    assert of(charger, {}, False, why="timeout") == Observation(
        "bay-1", "port-1", False, highest_w=3 * 32 * 300, why="timeout"
    )


# --- intervals ----------------------------------------------------------------------------------------


def test_intervals_follow_each_other_without_gaps():
    watch = Watch()
    for second in range(0, 100):
        watch.at(second * 1000, FREE if second < 40 else SILENT if second < 70 else IN_USE)
    assert watch.told() == [
        (0, 40_000, "up", "available"), (40_000, 70_000, "down", "comms"), (70_000, None, "up", "in use"),
    ]  # fmt: skip
    assert [row.duration_ms for row in watch.kept()] == [40_000, 30_000, 0]
    assert watch.kept()[1].evidence == "no answer since 14:03"


def test_a_flap_of_one_second_is_kept():
    watch = Watch()
    for second, seen in enumerate([FREE, SILENT, FREE]):
        watch.at(second * 1000, seen)
    assert [row[2] for row in watch.told()] == ["up", "down", "up"]


def test_curtailing_is_a_matter_of_minutes():
    watch = Watch()
    held = replace(IN_USE, curtailed=True)
    for second in range(0, 300):
        watch.at(second * 1000, held if second % 7 == 3 or second >= 100 else IN_USE)
    assert watch.told() == [(0, 100_000, "up", "in use"), (100_000, None, "up", "curtailed")]
    watch.at(300_000, FREE)
    assert watch.told()[-1][3] == "available", "other changes do not wait"
    assert STEADY_MS == MINUTE_MS


def test_curtailing_is_taken_up_after_a_minute_exactly_and_from_its_begin():
    watch = Watch()
    watch.at(0, IN_USE)
    watch.at(1_000, replace(IN_USE, curtailed=True))
    assert watch.at(1_000 + STEADY_MS - 1, replace(IN_USE, curtailed=True)) == []
    assert len(watch.at(1_000 + STEADY_MS, replace(IN_USE, curtailed=True))) == 2
    assert watch.told() == [(0, 1_000, "up", "in use"), (1_000, None, "up", "curtailed")]


def test_until_it_has_answered_nothing_is_said_of_a_charger_for_half_a_minute():
    watch = Watch()
    for second in range(0, 60):
        watch.at(second * 1000, SILENT)
    assert watch.told() == [(START_MS, None, "down", "comms")]


def test_the_records_of_a_port_begin_with_its_first_answer():
    watch = Watch()
    watch.at(0, SILENT)
    watch.at(4_000, FREE)
    assert watch.told() == [(4_000, None, "up", "available")]


def test_the_mains_are_nobodys_fault():
    watch = Watch()
    watch.at(0)
    watch.at(1_000, SILENT, power_lost="main meter: 0 V on L1")
    watch.at(61_000)
    lost = watch.kept()[1]
    assert (lost.state, lost.excluded, lost.duration_ms) == ("down", "utility service interruption", 60_000)


# --- reboots and clocks -------------------------------------------------------------------------------

OPEN = PortInterval("port-1", WALL - HOUR_MS, "up", "available")


def test_what_the_gateway_has_not_seen_is_unknown():
    watch = Watch(OPEN, last_wall_ms=WALL - 20 * MINUTE_MS)
    watch.at(1_000, SILENT)
    watch.at(7_000)
    assert watch.told() == [
        (-HOUR_MS, -20 * MINUTE_MS, "up", "available"),
        (-20 * MINUTE_MS, 7_000, "unknown", "gateway off"),
        (7_000, None, "up", "available"),
    ]
    assert [row.duration_ms for row in watch.kept()] == [40 * MINUTE_MS, 20 * MINUTE_MS + 7_000, 0]


def test_no_gap_where_there_was_none():
    watch = Watch(OPEN, last_wall_ms=WALL)
    watch.at(0)
    assert watch.told() == [(-HOUR_MS, 0, "up", "available"), (0, None, "up", "available")]
    assert [row.cause for row in watch.rows] == ["available", "available"]


def test_a_clock_that_is_now_before_the_last_heartbeat_makes_no_negative_time():
    watch = Watch(OPEN, last_wall_ms=WALL + 30 * MINUTE_MS)
    watch.at(0)
    assert watch.told() == [(-HOUR_MS, 0, "up", "available"), (0, None, "up", "available")]


def test_nothing_is_dated_before_the_clock_is_set_and_all_of_it_then():
    watch = Watch(OPEN, last_wall_ms=WALL - 20 * MINUTE_MS, wall=1_000)
    assert watch.at(0, trusted=False) == []
    assert watch.at(5_000, SILENT, trusted=False) == []
    assert watch.at(8_000, FREE, trusted=False) == []
    watch.wall = WALL
    watch.at(60_000)
    assert watch.told() == [
        (-HOUR_MS, -20 * MINUTE_MS, "up", "available"),
        (-20 * MINUTE_MS, 0, "unknown", "gateway off"),
        (0, 5_000, "up", "available"),
        (5_000, 8_000, "down", "comms"),
        (8_000, None, "up", "available"),
    ]


def test_once_dated_the_monotonic_clock_carries_on_without_trust():
    watch = Watch()
    watch.at(0)
    watch.at(5_000, SILENT, trusted=False)
    watch.at(9_000, FREE)
    assert [row[:3] for row in watch.told()] == [
        (0, 5_000, "up"),
        (5_000, 9_000, "down"),
        (9_000, None, "up"),
    ]


def test_a_clock_that_is_set_forward_leaves_a_gap():
    watch = Watch()
    watch.at(0)
    watch.wall += HOUR_MS
    watch.at(10_000)
    watch.at(20_000, SILENT)
    first, second, third = watch.kept()
    assert (first.start_wall_ms, first.end_wall_ms) == (WALL, WALL + 10_000)
    assert (second.start_wall_ms, second.end_wall_ms) == (WALL + HOUR_MS + 10_000, WALL + HOUR_MS + 20_000)
    assert "clock set by +3600 s" in second.evidence
    assert third.start_wall_ms == second.end_wall_ms


def test_a_clock_that_is_set_back_makes_no_time():
    watch = Watch()
    watch.at(0)
    watch.at(2 * HOUR_MS)
    watch.wall -= HOUR_MS
    watch.at(2 * HOUR_MS + 10_000)
    watch.at(2 * HOUR_MS + 20_000, SILENT)
    durations = [row.duration_ms for row in watch.kept()]
    assert sum(durations) == 2 * HOUR_MS + 20_000, "the monotonic clock's"


def test_a_port_that_changes_as_the_clock_is_set_ends_by_the_old_clock_and_begins_by_the_new():
    watch = Watch()
    watch.at(0)
    watch.wall += HOUR_MS
    watch.at(10_000, SILENT)
    first, second = watch.kept()
    assert (first.start_wall_ms, first.duration_ms) == (WALL, 10_000)
    assert (second.start_wall_ms, second.cause) == (WALL + HOUR_MS + 10_000, "comms")


def test_a_trimmed_clock_is_no_set_clock():
    watch = Watch()
    for second in range(0, 100):
        watch.wall += 20  # 2 %: far more than any trimming
        watch.at(second * 1000)
        watch.state = replace(watch.state, offset_ms=watch.wall)
    assert len(watch.kept()) == 1


LOOKS = st.lists(
    st.tuples(
        st.integers(1, 100_000),
        st.sampled_from([FREE, IN_USE, SILENT, replace(IN_USE, curtailed=True), replace(FREE, state="X")]),
        st.booleans(),
    ),
    min_size=2,
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(looks=LOOKS)
def test_every_moment_since_the_clock_was_first_set_is_covered_once(looks):
    watch, now = Watch(OPEN, last_wall_ms=WALL - MINUTE_MS), 0
    watch.at(0, FREE, trusted=False)
    for pause, seen, trusted in looks:
        now += pause
        watch.at(now, seen, trusted)
    rows = watch.kept()
    assert all(before.end_wall_ms == after.start_wall_ms for before, after in pairwise(rows))
    assert all(row.end_wall_ms - row.start_wall_ms == row.duration_ms for row in rows[:-1])
    if any(trusted for _, _, trusted in looks):
        assert rows[0].start_wall_ms == OPEN.start_wall_ms
        assert rows[-1].end_wall_ms is None
    else:
        assert rows == []
