"""What a charger may draw (I1), as small stories of one charger; times in ms, currents in A."""

from typing import Any

import msgspec
import pytest

from edge.core.state import State
from tests.story.sites import depot, flows, takes


def told(*steps: tuple[Any, ...]) -> int:
    """Play steps on bay-1 and return what it may draw in the end, in A."""
    state = State(depot(1))
    state.identified("bay-1", {})
    now = 0
    for word, now, *rest in steps:
        known = state.chargers["bay-1"]
        match word:
            case "tell":
                known.tell(rest[0] * 1000, now)
            case "written":
                known.written(rest[0] * 1000, now)
            case "takes":
                reading = takes(now, "bay-1", rest[0], setpoint_a=rest[1] if len(rest) > 1 else None)
                state.read("bay-1", now, reading.values)
            case "lost":
                state.lost("bay-1", "test")
    charger = state.site.chargers[0]
    return state.chargers["bay-1"].worst_ma(now, state.site.policy, state.valid_for_ms(charger)) // 1000


@pytest.mark.parametrize(
    ("steps", "may_a"),
    [
        ([], 32),  # never heard of: its maximum
        ([("takes", 100, 10)], 32),  # it does not say what it was told before
        ([("takes", 100, 10, 16)], 16),  # it does
        ([("takes", 100, 20, 16)], 20),  # and draws more than it was told
        ([("takes", 0, 16, 16), ("tell", 1, 10)], 16),  # a decrease that nobody has seen
        ([("takes", 0, 16, 16), ("tell", 1, 10), ("written", 2, 10)], 16),  # accepted is not seen
        ([("takes", 0, 16, 16), ("tell", 1, 10), ("written", 2, 10), ("takes", 3, 16, 10)], 16),
        (
            [("takes", 0, 16, 16), ("tell", 1, 10), ("written", 2, 10), ("takes", 3, 10, 16)],
            16,
        ),  # old read-back
        ([("takes", 0, 16, 16), ("tell", 1, 10), ("written", 2, 10), ("takes", 3, 10, 10)], 10),  # seen
        ([("takes", 0, 16, 16), ("tell", 1, 10), ("takes", 3, 10, 10)], 16),  # read before it was written
        ([("takes", 0, 16, 16), ("tell", 1, 20)], 20),  # an increase counts at once
        (
            [("takes", 0, 16, 16), ("tell", 1, 10), ("tell", 2, 12), ("written", 3, 10), ("takes", 4, 9, 10)],
            16,
        ),
        (  # raised, and lowered before the vehicle has followed: it will follow both
            [("takes", 0, 6, 6), ("tell", 1, 12), ("tell", 2, 6), ("written", 3, 6), ("takes", 4, 6, 6)],
            12,
        ),
        (
            [("takes", 0, 6, 6), ("tell", 1, 12), ("tell", 2, 6), ("written", 3, 6), ("takes", 10_001, 6, 6)],
            6,
        ),
        (
            [
                *(("takes", 0, 6, 6), ("tell", 1, 12), ("takes", 2, 12, 12)),
                *(("tell", 3, 6), ("written", 4, 6), ("takes", 5, 6, 6)),
            ],
            6,
        ),
        (
            [("takes", 0, 9, 9), ("tell", 1, 9), ("written", 2, 9), ("takes", 3, 14, 9)],
            14,
        ),  # it does not obey
        # one that does not read back: only a write of the newest setpoint, and a look after it, say anything
        ([("takes", 0, 9), ("tell", 1, 12), ("written", 2, 12), ("takes", 3, 12)], 12),
        (
            [
                *(("takes", 0, 9), ("tell", 1, 12), ("written", 2, 12), ("takes", 3, 12)),
                *(("tell", 4, 8), ("takes", 5, 8)),
            ],
            12,
        ),
        ([("takes", 0, 9), ("tell", 1, 10), ("tell", 2, 8), ("written", 3, 10), ("takes", 4, 8)], 32),
    ],
)
def test_what_a_charger_may_draw(steps: list[tuple[Any, ...]], may_a: int) -> None:
    assert told(*steps) == may_a


def test_a_silent_charger_counts_with_its_fallback_at_least() -> None:
    down = [("takes", 0, 0, 0), ("tell", 1, 0), ("written", 2, 0), ("takes", 3, 0, 0)]
    assert told(*down) == 0
    assert told(*down, ("lost", 4)) == 6


def test_a_silent_charger_counts_with_its_last_setpoint_until_its_own_timer_has_run_out() -> None:
    site = depot(1)
    state = State(site)
    state.identified("bay-1", {})
    known = state.chargers["bay-1"]
    state.read("bay-1", 0, takes(0, "bay-1", 16, setpoint_a=16).values)
    policy = site.policy
    assert known.worst_ma(5_000, policy, 60_000) == 16_000
    assert known.worst_ma(73_200, policy, 60_000) == 16_000  # 60 s and 13.2 s to follow
    assert known.worst_ma(73_201, policy, 60_000) == 6_000
    assert state.valid_for_ms(site.chargers[0]) == 0  # an Alfen does not say it
    fresh = State(site).chargers["bay-1"]
    assert fresh.worst_ma(10_000_000, policy, 0) == 32_000  # nobody knows its timer: never


def test_one_that_does_not_measure_is_believed_after_ten_seconds() -> None:
    state = State(depot(1))
    state.identified("bay-1", {})
    known = state.chargers["bay-1"]
    state.read("bay-1", 0, {"state": "C", "setpoint_ma": 16_000})
    known.tell(8_000, 1_000)
    known.written(8_000, 1_100)
    state.read("bay-1", 11_099, {"state": "C", "setpoint_ma": 8_000})
    assert known.may_ma == 16_000
    state.read("bay-1", 11_100, {"state": "C", "setpoint_ma": 8_000})
    assert known.may_ma == 8_000


def test_a_charger_that_restarts_is_believed_anew() -> None:
    """A decrease that was written before a restart may be forgotten by the device."""
    state = State(depot(1))
    state.identified("bay-1", {})
    known = state.chargers["bay-1"]
    state.read("bay-1", 0, takes(0, "bay-1", 16, setpoint_a=16).values)
    known.tell(8_000, 1)
    known.written(8_000, 2)
    state.identified("bay-1", {})
    state.read("bay-1", 3, {"current_l1_ma": 0, "current_l2_ma": 0, "current_l3_ma": 0, "setpoint_ma": 0})
    assert known.may_ma == 16_000


def test_what_flowed_around_the_time_of_the_meter() -> None:
    state = State(depot(1))
    for at, amps in ((0, 10), (1_000, 16), (2_000, 12)):
        state.read("bay-1", at, takes(at, "bay-1", amps).values)
    around = state.chargers["bay-1"].around
    # nearest in time, least and most since the bracket's opening; one reading before it counts
    assert around(1_100, 500) == ((16_000,) * 3, (10_000,) * 3, (16_000,) * 3)
    assert around(1_600, 500) == ((12_000,) * 3, (12_000,) * 3, (16_000,) * 3)
    assert around(400, 500) == ((10_000,) * 3, (10_000,) * 3, (16_000,) * 3)
    assert around(2_500, 500) == ((12_000,) * 3, (12_000,) * 3, (12_000,) * 3)
    assert around(2_501, 500) == ((0, 0, 0),) * 3  # it has fallen silent
    assert State(depot(1)).chargers["bay-1"].around(0, 500) == ((0, 0, 0),) * 3


def test_a_reading_without_currents_does_not_make_a_meter_younger() -> None:
    """I3: a meter that answers with sentinels only is as good as silent."""
    state = State(depot(1))
    state.read("grid", 0, flows(0, 1, 2, 3).values)
    state.read("grid", 9_000, {"frequency_mhz": 50_000})
    assert state.meters["grid"].age_ms(9_000) == 9_000


def test_a_reading_without_currents_says_nothing_about_what_a_charger_takes() -> None:
    """I1: chargers are read in two rounds; the slow one has a temperature and no currents."""
    state = State(depot(1))
    state.identified("bay-1", {})
    known = state.chargers["bay-1"]
    state.read("bay-1", 0, takes(0, "bay-1", 16, setpoint_a=16).values)
    known.tell(8_000, 1_000)
    known.written(8_000, 1_100)
    state.read("bay-1", 12_000, takes(12_000, "bay-1", 16, setpoint_a=8).values)  # it does not obey
    state.read("bay-1", 12_300, {"temperature_mc": 31_000})
    assert known.may_ma == 16_000


def test_before_the_first_setpoint_too_a_reading_without_currents_says_nothing_about_what_it_takes() -> None:
    state = State(depot(1))
    state.identified("bay-1", {})
    state.read("bay-1", 0, takes(0, "bay-1", 20, setpoint_a=16).values)
    state.read("bay-1", 300, {"temperature_mc": 31_000})
    assert state.chargers["bay-1"].may_ma == 20_000


def test_a_charger_that_says_it_was_told_more_may_draw_more() -> None:
    """I1: it has restarted with a default of 32 A, and its vehicle has not followed yet."""
    known = [("takes", 0, 9, 9), ("tell", 1, 9), ("written", 2, 9), ("takes", 3, 9, 9)]
    assert told(*known) == 9
    assert told(*known, ("takes", 1_000, 9, 32)) == 32
    assert told(*known, ("takes", 1_000, 9, 32), ("takes", 2_000, 9, 9)) == 9


def test_the_highest_phase_counts() -> None:
    state = State(depot(1))
    state.identified("bay-1", {})
    values = {"current_l1_ma": 2_000, "current_l2_ma": 21_000, "current_l3_ma": 0, "setpoint_ma": 6_000}
    state.read("bay-1", 0, values)
    assert state.chargers["bay-1"].may_ma == 21_000


def test_a_decrease_is_seen_within_half_an_amp_of_the_setpoint() -> None:
    values = {"current_l2_ma": 0, "current_l3_ma": 0, "setpoint_ma": 10_000}
    for drawn_ma, may_ma in ((10_500, 10_500), (10_501, 16_000)):
        state = State(depot(1))
        state.identified("bay-1", {})
        known = state.chargers["bay-1"]
        state.read("bay-1", 0, takes(0, "bay-1", 16, setpoint_a=16).values)
        known.tell(10_000, 1)
        known.written(10_000, 2)
        state.read("bay-1", 3, values | {"current_l1_ma": drawn_ma})
        assert known.may_ma == may_ma


def test_a_reading_of_the_same_moment_as_the_write_may_be_from_before_it() -> None:
    down = [("takes", 0, 16, 16), ("tell", 1, 10), ("written", 5, 10)]
    assert told(*down, ("takes", 5, 10, 10)) == 16
    assert told(*down, ("takes", 6, 10, 10)) == 10


def test_a_silent_charger_counts_with_the_fallback_that_it_has_said_itself() -> None:
    """I1, I4: an Alfen whose safe current was left at 16 A, while the site file says 6 A."""
    state = State(depot(1))
    state.identified("bay-1", {})
    known, policy = state.chargers["bay-1"], state.site.policy
    state.read("bay-1", 0, takes(0, "bay-1", 0, setpoint_a=0).values | {"fallback_ma": 16_000})
    known.tell(0, 1)
    assert known.worst_ma(1, policy, 60_000) == 0
    assert known.worst_ma(5_001, policy, 60_000) == 16_000
    assert known.worst_ma(73_201, policy, 60_000) == 16_000


def test_a_meter_behind_transformers_counts_with_their_ratio() -> None:
    site = depot(1)
    site = msgspec.structs.replace(site, meters=(msgspec.structs.replace(site.meters[0], ratio=40),))
    state = State(site)
    state.read("grid", 0, flows(0, 1, 2, 3).values)
    assert state.meters["grid"].currents_ma == (40_000, 80_000, 120_000)
    assert state.meters["grid"].power_w == 40 * 6 * 230


def test_a_meter_of_magnitudes_gets_its_sign_from_the_power_of_each_phase() -> None:
    """Import on L1 beside export on L2 and L3; the sum of all powers would hide the load on L1."""
    state = State(depot(1))
    values: dict[str, int | str] = {"current_l1_ma": 5_000, "current_l2_ma": 9_000, "current_l3_ma": -9_000}
    powers: dict[str, int | str] = {"power_l1_w": 1_100, "power_l2_w": -2_000, "power_l3_w": -2_000}
    state.read("grid", 0, values | powers)
    assert state.meters["grid"].currents_ma == (5_000, -9_000, -9_000)
    assert state.meters["grid"].power_w == -2_900
    state.read("grid", 0, values | {"power_w": -2_900})
    assert state.meters["grid"].currents_ma == (5_000, 9_000, -9_000)
