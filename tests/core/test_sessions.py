"""Sessions as they unfold, told tick by tick.  Figures are worked out by hand beside them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.core import sessions
from edge.core.observation import Observation
from edge.core.sessions import KEEP_EVERY_MS, SETTLE_MS
from edge.model.flow import Restored
from edge.model.records import Session
from edge.model.units import HOUR_MS, MINUTE_MS

WALL = 1_780_000_000_000


class Bay:
    """One charger's day, a look at a time.  Times are ms since the start."""

    def __init__(self, restored=None, wall=WALL):
        nothing = Restored(0, wall, "b00t-5678-9", None, [], [], [], {})
        self.state = sessions.begin(restored or nothing, 0)
        self.rows = []
        self.wall = wall
        self.seen = Observation(
            "bay-1", "bay-1", True, "A", counter_wh=1_000_000, power_w=0, highest_w=25_000
        )

    def at(self, now_ms, trusted=True, **seen):
        self.seen = replace(self.seen, **seen)
        self.state, new = sessions.step(self.state, [self.seen], now_ms, self.wall + now_ms, trusted)
        self.rows += new
        return new

    def every_second(self, from_s, to_s, **seen):
        for second in range(from_s, to_s):
            self.at(second * 1000, **seen)

    def kept(self):
        """The store's view: the last row of each id."""
        return list({row.id: row for row in self.rows}.values())


def carried(row, last_wall_ms):
    return Restored(0, WALL, "boot-2", last_wall_ms, [row], [], [], {})


# --- start, middle, end -------------------------------------------------------------------------------


def test_a_session_from_plug_to_unplug():
    bay = Bay()
    bay.at(0)
    (start,) = bay.at(1_000, state="B")
    assert start == Session(
        id=f"bay-1-{WALL + 1_000}-b00t5678", charger="bay-1", start_wall_ms=WALL + 1_000,
        energy_source="counter", counter_wh=1_000_000, port="bay-1",
    )  # fmt: skip
    bay.at(2_000, state="C", power_w=11_000)
    bay.every_second(3, 33, counter_wh=1_000_090)
    bay.at(33_000, state="B", power_w=0, counter_wh=1_000_095)
    bay.at(40_000, state="A")
    assert bay.at(40_000 + SETTLE_MS - 1) == []
    (end,) = bay.at(40_000 + SETTLE_MS)
    assert (end.duration_ms, end.end_wall_ms, end.end_reason) == (39_000, WALL + 40_000, "unplugged")
    assert (end.energy_wh, end.energy_source) == (95, "counter")
    assert (end.starts, end.power_w_max) == (1, 11_000)
    assert end.charging_ms == 30_000, "from the first look with power to the last"
    assert sessions.current(bay.state, "bay-1") is None


def test_an_empty_bay_keeps_nothing():
    bay = Bay()
    bay.every_second(0, 100)
    assert bay.rows == []


def test_a_row_a_minute_while_energy_flows_and_none_while_nothing_changes():
    bay = Bay()
    bay.at(0, state="B")
    for second in range(1, 601):
        bay.at(second * 1000, state="C", power_w=3_600, counter_wh=1_000_000 + second)
    assert len(bay.rows) == 1 + 600_000 // KEEP_EVERY_MS
    before = len(bay.rows)
    bay.every_second(601, 1_800, state="B", power_w=0)
    assert len(bay.rows) <= before + 1, "only the last of what flowed"


def test_the_counter_has_the_last_word_when_it_is_read_late():
    bay = Bay()
    bay.at(0, state="C", power_w=3_600)
    bay.at(5_000, state="A", power_w=0)
    bay.at(9_000, counter_wh=1_000_005)
    bay.every_second(10, 20)
    assert bay.kept()[0].energy_wh == 5


def test_a_loose_contact_does_not_make_two_sessions():
    bay = Bay()
    bay.at(0, state="B")
    bay.at(5_000, state="A")
    bay.at(5_000 + SETTLE_MS - 1, state="B")
    bay.every_second(20, 60)
    bay.at(60_000, state="A")
    bay.every_second(61, 75)
    (only,) = bay.kept()
    assert only.duration_ms == 60_000


def test_a_long_gap_makes_two():
    bay = Bay()
    bay.at(0, state="B")
    bay.every_second(5, 20, state="A")
    bay.every_second(20, 30, state="B")
    assert len(bay.kept()) == 2


def test_another_vehicle_is_another_session_at_once():
    bay = Bay()
    bay.at(0, state="B", vehicle="van-1")
    bay.at(1_000, vehicle="van-2")
    first, second = bay.kept()
    assert (first.vehicle, first.end_reason, first.duration_ms) == ("van-1", "unplugged", 1_000)
    assert second.vehicle == "van-2"
    assert second.end_wall_ms is None


def test_others_hear_of_starts_and_ends_only():
    bay = Bay()
    bay.at(0, state="B")
    for second in range(1, 300):
        bay.at(second * 1000, state="C", power_w=3_600, counter_wh=1_000_000 + second)
    bay.every_second(300, 320, state="A", power_w=0)
    assert [sessions.is_news(row) for row in bay.rows] == [True, *[False] * (len(bay.rows) - 2), True]
    assert len(bay.rows) > 4


# --- energy -------------------------------------------------------------------------------------------


def test_without_counters_energy_is_power_over_time():
    """7200 W for 60 s are 120 Wh; the ramp of the first second from 0 is half a second's worth."""
    bay = Bay()
    bay.at(0, state="B", counter_wh=None)
    bay.every_second(1, 62, state="C", power_w=7_200)
    bay.every_second(62, 80, state="A", power_w=0)
    (row,) = bay.kept()
    assert row.energy_source == "integrated"
    assert row.energy_wh == 121  # 60 s + 0.5 s at 2 Wh/s


def test_power_is_not_taken_for_longer_than_ten_seconds():
    bay = Bay()
    bay.at(0, state="C", power_w=36_000, counter_wh=None)
    bay.at(1_000)
    bay.at(1_001, online=False)
    bay.at(HOUR_MS, online=True)
    assert sessions.current(bay.state, "bay-1").energy_wh == 10, "36 kW for one second; the hour is not known"


def test_a_counter_that_is_reset_counts_on_from_zero():
    bay = Bay()
    bay.at(0, state="C", power_w=11_000)
    bay.at(10_000, counter_wh=1_000_030)
    bay.at(11_000, counter_wh=2)
    bay.at(20_000, counter_wh=25)
    assert sessions.current(bay.state, "bay-1").energy_wh == 30 + 25


def test_a_counter_that_jumps_is_not_believed_nor_its_way_back():
    bay = Bay()
    bay.at(0, state="C", power_w=11_000)
    bay.at(10_000, counter_wh=1_000_030)
    bay.at(11_000, counter_wh=65_536_000_000)
    bay.at(12_000, counter_wh=1_000_033)
    bay.at(13_000, counter_wh=1_000_036)
    assert sessions.current(bay.state, "bay-1").energy_wh == 30 + 3


def test_a_session_counter_serves_where_there_is_no_other():
    bay = Bay()
    bay.at(0, counter_wh=None, session_wh=7_000)
    bay.at(1_000, state="B", session_wh=0)
    bay.at(61_000, state="C", session_wh=150)
    assert sessions.current(bay.state, "bay-1").energy_wh == 150
    assert sessions.current(bay.state, "bay-1").energy_source == "session counter"


def test_power_over_time_stands_in_for_a_counter_that_is_lost_in_the_middle():
    """7200 W are 2 Wh a second.  For 60 s the counter is not read; it comes back with the true 240 Wh."""
    bay = Bay()
    bay.at(0, state="C", power_w=7_200)
    for second in range(1, 31):
        bay.at(second * 1000, counter_wh=1_000_000 + 2 * second)
    bay.every_second(31, 91, counter_wh=None)
    row = sessions.current(bay.state, "bay-1")
    assert (row.energy_wh, row.energy_source) == (60 + 120, "integrated")
    bay.at(91_000, counter_wh=1_000_182)
    bay.at(120_000, counter_wh=1_000_240)
    row = sessions.current(bay.state, "bay-1")
    assert (row.energy_wh, row.energy_source) == (240, "counter")


def test_a_counter_and_its_power_that_are_both_lost_are_made_good_when_it_is_back():
    bay = Bay()
    bay.at(0, state="C", power_w=7_200)
    bay.every_second(1, 600, counter_wh=None, power_w=None)
    bay.at(600_000, counter_wh=1_001_200, power_w=7_200)
    assert sessions.current(bay.state, "bay-1").energy_wh == 1_200


def test_a_counter_of_whole_kilowatt_hours_pays_for_its_stand_in_with_its_next_step():
    bay = Bay()
    bay.at(0, state="C", power_w=7_200)
    bay.every_second(1, 61, counter_wh=None)
    bay.at(61_000, counter_wh=1_000_000)
    assert sessions.current(bay.state, "bay-1").energy_wh == 120
    bay.at(500_000, counter_wh=1_001_000)
    assert sessions.current(bay.state, "bay-1").energy_wh == 1_000


# --- silence ------------------------------------------------------------------------------------------


def test_a_silent_charger_keeps_its_session_and_its_counter_fills_the_gap():
    bay = Bay()
    bay.at(0, state="C", power_w=11_000)
    bay.at(1_000, online=False)
    bay.every_second(2, 600)
    assert len(bay.kept()) == 1
    bay.at(600_000, online=True, counter_wh=1_001_800)
    row = sessions.current(bay.state, "bay-1")
    assert (row.energy_wh, row.duration_ms) == (1_800, 600_000)


def test_a_vehicle_that_left_in_the_silence_left_when_it_was_last_seen():
    bay = Bay()
    bay.every_second(0, 10, state="B")
    bay.every_second(10, 600, online=False)
    bay.every_second(600, 612, online=True, state="A", counter_wh=1_000_500)
    (row,) = bay.kept()
    assert (row.end_reason, row.duration_ms, row.end_wall_ms) == ("lost", 9_000, WALL + 9_000)
    assert row.energy_wh == 500


def test_a_fault_is_told_and_does_not_end_the_session():
    bay = Bay()
    bay.at(0, state="C", power_w=11_000)
    bay.at(1_000, state="E", power_w=0, error="CX003")
    bay.every_second(2, 100)
    bay.every_second(100, 102, state="C", power_w=11_000, error="")
    (row,) = bay.kept()
    assert sessions.current(bay.state, "bay-1").error == "CX003"
    assert sessions.current(bay.state, "bay-1").starts == 2
    assert row.end_wall_ms is None


# --- reboots and clocks -------------------------------------------------------------------------------

BEFORE = Session(
    "bay-1-1-boot1", "bay-1", WALL - HOUR_MS, duration_ms=30 * MINUTE_MS, energy_wh=5_000, starts=1,
    counter_wh=1_000_000,
)  # fmt: skip


def test_a_session_goes_on_over_a_reboot_if_the_vehicle_is_still_there():
    bay = Bay(carried(BEFORE, WALL - 29 * MINUTE_MS))
    bay.at(0, state="X", online=False)
    bay.at(5_000, state="C", online=True, power_w=11_000, counter_wh=1_003_000)
    row = sessions.current(bay.state, "bay-1")
    assert row.id == BEFORE.id
    assert row.start_wall_ms == BEFORE.start_wall_ms
    assert row.duration_ms == HOUR_MS + 5_000
    assert row.energy_wh == 8_000


def test_a_vehicle_that_left_while_the_gateway_was_off_left_at_the_last_heartbeat():
    bay = Bay(carried(BEFORE, WALL - 29 * MINUTE_MS))
    (row,) = bay.at(1_000, state="A", counter_wh=1_000_200)
    assert (row.end_reason, row.duration_ms) == ("gateway off", 31 * MINUTE_MS)
    assert row.end_wall_ms == WALL - 29 * MINUTE_MS
    assert row.energy_wh == 5_200
    assert bay.at(2_000) == []


def test_a_heartbeat_that_is_a_little_older_than_the_row_takes_nothing_away():
    bay = Bay(carried(BEFORE, WALL - 30 * MINUTE_MS - 50_000))
    (row,) = bay.at(1_000, state="A")
    assert row.duration_ms == BEFORE.duration_ms


def test_another_vehicle_after_a_reboot_is_another_session():
    bay = Bay(carried(replace(BEFORE, vehicle="van-1"), WALL - 29 * MINUTE_MS))
    ended, began = bay.at(1_000, state="B", vehicle="van-2", counter_wh=1_000_200)
    assert (ended.vehicle, ended.end_reason, ended.energy_wh) == ("van-1", "gateway off", 5_000)
    assert began.vehicle == "van-2"
    assert began.start_wall_ms == WALL + 1_000


def test_a_session_that_started_before_the_clock_was_set_is_dated_when_it_is():
    bay = Bay(wall=1_000)  # 1970
    (start,) = bay.at(5_000, trusted=False, state="B")
    bay.wall = WALL
    bay.at(65_000)
    row = sessions.current(bay.state, "bay-1")
    assert (row.start_wall_ms, row.duration_ms) == (WALL + 5_000, 60_000)
    assert row.id == start.id
    assert bay.rows[-1].start_wall_ms == WALL + 5_000, "and the store hears of it"


def test_a_session_carried_into_a_boot_without_a_clock_gets_its_length_when_it_is_set():
    bay = Bay(carried(BEFORE, WALL - 29 * MINUTE_MS), wall=1_000)
    bay.at(0, trusted=False, state="B")
    assert sessions.current(bay.state, "bay-1").duration_ms == 31 * MINUTE_MS
    bay.wall = WALL
    bay.at(10_000)
    assert sessions.current(bay.state, "bay-1").duration_ms == HOUR_MS + 10_000


def test_the_wall_clock_does_not_make_durations():
    bay = Bay()
    bay.at(0, state="B")
    bay.wall += 5 * HOUR_MS
    bay.at(60_000)
    bay.every_second(61, 75, state="A")
    (row,) = bay.kept()
    assert row.duration_ms == 61_000
    assert row.end_wall_ms == WALL + 61_000


def test_midnight_is_a_second_like_any_other():
    bay = Bay(wall=1_780_012_800_000 - 30_000)  # 30 s before 2026-05-29T00:00:00Z
    bay.at(0, state="B")
    bay.every_second(1, 60)
    bay.every_second(60, 75, state="A")
    assert [row.duration_ms for row in bay.kept()] == [60_000]


LIVES = st.lists(
    st.tuples(
        st.integers(1, 20_000),  # how long after the last look
        st.sampled_from(["A", "B", "C", "C", "C"]),
        st.booleans(),  # online
        st.integers(0, 100),  # Wh that have flowed
        st.sampled_from(["goes on", "goes on", "goes on", "goes on", "reboot"]),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(lives=LIVES, ever_silent=st.booleans())
def test_no_energy_is_lost_or_counted_twice(lives, ever_silent):
    """The sessions have what the counter counted while a vehicle was there, whatever reboots.

    A vehicle that comes and goes in a silence of the charger is not seen: its energy may be missing.
    """
    bay, now, counter, real = Bay(), 0, 1_000_000, 0
    bay.at(0)
    there = False
    for pause, state, online, flowed, fate in lives:
        now += pause
        if fate == "reboot":
            open_rows = [row for row in bay.kept() if row.end_wall_ms is None]
            bay.state = sessions.begin(
                Restored(0, WALL + now, "again", WALL + now, open_rows[-1:], [], [], {}), now
            )
        if there:  # the state of the last look held until now
            counter += flowed
            real += flowed
        there = state != "A"
        bay.at(
            now,
            state=state,
            online=online or not ever_silent,
            counter_wh=counter,
            power_w=11_000 if state == "C" else 0,
        )
    now += 60_000
    bay.at(now, state="A", online=True, power_w=0)
    for _ in range(12):
        now += 1_000
        bay.at(now)
    told = sum(row.energy_wh for row in bay.kept())
    assert told <= real if ever_silent else told == real
