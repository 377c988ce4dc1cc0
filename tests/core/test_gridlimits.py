"""Limits of the grid operator: German section 14a, British G100, a contact.  Figures by hand and vectors."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import enwg14a, g100
from edge.core.asks import delay_ms
from edge.core.enwg14a import BEAT_MS, FAILSAFE_MS, Box, pmin_w
from edge.core.g100 import COMMERCIAL_MS, Count
from edge.core.grid import Other
from edge.core.gridlimits import CONTACT_SILENT_MS, GridLimits
from edge.model.flow import Audit, GridReset, GridSignal, Keep, Restored, Tick
from edge.model.records import GridCount
from edge.model.site import GridLimit
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from tests.story.sites import depot

VECTORS = Path(__file__).parent.parent / "vectors"
S = 1_000

### Section 14a


def test_pmin_by_the_vectors() -> None:
    vectors = json.loads((VECTORS / "de_enwg14a_pmin.json").read_text())
    for case in vectors["cases"]:
        assert pmin_w(case["n_wallboxes"]) == round(case["p_min_kw"] * 1_000), case
    pump = vectors["heat_pump_case"]
    assert pmin_w(pump["wallboxes"], pump["hp_kw"] * 1_000) == round(pump["p_min_kw"] * 1_000)


@pytest.mark.parametrize(("chargers", "watts"), [(0, 0), (2, 7_560), (4, 13_020), (10, 21_210)])
def test_pmin_by_hand(chargers: int, watts: int) -> None:
    assert pmin_w(chargers) == watts


def test_a_heat_pump_of_eleven_kw_and_less_does_not_count() -> None:
    assert pmin_w(1, 11_000) == 4_200
    assert pmin_w(1, 11_001) == 4_400 + 3_360  # 40 % of it, and 80 % of 4.2 kW


def test_the_box_of_the_grid_operator() -> None:
    """The whole circle: failsafe at the start, a limit, its end, silence, failsafe, two hours, autonomous."""
    box = Box()
    assert enwg14a.at(box, 10 * S).state == "failsafe"
    box = enwg14a.heard(box, 20 * S, 9_000, 600 * S)
    assert (box.state, box.limit_w) == ("limited", 9_000)
    for beat in range(80, 640, 60):
        box = enwg14a.heard(enwg14a.at(box, beat * S), beat * S, 9_000, (620 - beat) * S)
    assert enwg14a.at(box, 619_999).state == "limited"
    box = enwg14a.at(box, 620 * S)
    assert box.state == "unlimited"
    lost = box.beat_ms + BEAT_MS
    assert enwg14a.at(box, lost).state == "unlimited"
    box = enwg14a.at(box, lost + 1)
    assert box.state == "failsafe"
    assert enwg14a.at(box, lost + FAILSAFE_MS).state == "failsafe"
    box = enwg14a.at(box, lost + 1 + FAILSAFE_MS)
    assert box.state == "autonomous"
    assert enwg14a.heard(box, lost + 2 * FAILSAFE_MS, 4_200, None).state == "limited"


def test_a_limit_without_a_duration_ends_with_the_word_or_with_silence() -> None:
    box = enwg14a.heard(Box(), 0, 9_000, None)
    assert enwg14a.at(box, BEAT_MS).state == "limited"
    assert enwg14a.at(box, BEAT_MS + 1).state == "failsafe"
    assert enwg14a.heard(box, 60 * S, None, None).state == "unlimited"


### G100


def traced(trace: list[list[int]], mil_w: int, premises: Any = "commercial") -> tuple[Count, list[int]]:
    """Feed a trace of [seconds, watts], held from one to the next, second by second."""
    count, locked = Count(), []
    powers = dict((at, watts) for at, watts in trace)
    watts = trace[0][1]
    for second in range(trace[-1][0] + 1):
        watts = powers.get(second, watts)
        was = count.locked_ms
        count = g100.step(count, watts, mil_w, premises, S if second else 0)
        if count.locked_ms is not None and was is None:
            locked.append(second)
    return count, locked


def test_g100_by_the_vectors() -> None:
    vectors = json.loads((VECTORS / "uk_g100_cls.json").read_text())
    short, twice = vectors["cases"]
    count, locked = traced(short["trace"], short["mil_w"])
    assert (count.excursions, locked) == ((), [])
    _, locked = traced(twice["trace"], twice["mil_w"])
    # the trace steps up at 300 s, so 15 s of excursion are over at 315 s; its next sample is at 316 s
    assert locked == [315]


def test_one_of_sixty_seconds_locks_out() -> None:
    _, locked = traced([[0, 13_000], [70, 13_000]], 12_500)
    assert locked == [60]


def test_three_in_all_lock_out_however_far_apart() -> None:
    trace = []
    for hour in range(3):
        trace += [[hour * 3_600, 13_000], [hour * 3_600 + 20, 12_000]]
    count, locked = traced(trace, 12_500)
    assert locked == [2 * 3_600 + 15]
    assert count.locked_ms is not None


def test_an_unknown_import_is_no_excursion() -> None:
    count = g100.step(Count(since_ms=0), None, 1, "commercial", 30 * S)
    assert count.since_ms is None


def test_who_may_take_a_lockout_back() -> None:
    locked = Count(ran_ms=0, locked_ms=0, excursions=(1, 2))
    hour = msgspec.structs.replace(locked, ran_ms=HOUR_MS)
    count, why = g100.reset(hour, "commercial", installer=False)
    assert (count.locked_ms, why) == (0, "only an installer may; it ends by itself in 180 min")
    assert g100.reset(hour, "commercial", installer=True)[0].locked_ms is None
    assert g100.step(locked, 0, 1, "commercial", COMMERCIAL_MS - 1).locked_ms == 0
    assert g100.step(locked, 0, 1, "commercial", COMMERCIAL_MS).locked_ms is None
    assert g100.step(locked, 0, 1, "domestic", 40 * DAY_MS).locked_ms == 0
    for n in range(3):
        count, why = g100.reset(msgspec.structs.replace(locked, resets=tuple(range(n))), "domestic", False)
        assert (count.locked_ms, why, len(count.resets)) == (None, "", n + 1)
    spent = msgspec.structs.replace(locked, resets=(0, 0, 0))
    assert g100.reset(spent, "domestic", False)[1].startswith("users have done so 3 times")
    later = msgspec.structs.replace(spent, ran_ms=30 * DAY_MS)
    assert g100.reset(later, "domestic", False)[1] == ""


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=30))
def test_a_lockout_has_its_cause(parts: list[tuple[int, bool]]) -> None:
    """Against a slow oracle: runs of excursion, their counting moments, the three rules."""
    trace, second = [], 0
    for seconds, above in parts:
        trace.append((second, seconds, above))
        second += seconds
    flat = [above for _, seconds, above in trace for _ in range(seconds)]
    count, locked = Count(), None
    for now, above in enumerate(flat):
        count = g100.step(count, 2 if above else 0, 1, "domestic", S if now else 0)
        if locked is None and count.locked_ms is not None:
            locked = now
    expected, counted, run = None, [], 0
    for now, above in enumerate(flat):
        run = run + 1 if above else 0
        if run == 16:  # 15 s have passed since the first second of it
            counted.append(now)
        near = [each for each in counted if now - each <= 600]
        if expected is None and (run == 61 or len(near) >= 2 or len(counted) >= 3):
            expected = now
    assert locked == expected


### All of them in the core


def limits(*limit: GridLimit, chargers: int = 3) -> GridLimits:
    return GridLimits(msgspec.structs.replace(depot(chargers), grid_limits=limit))


CONTACT = GridLimit("dso", "contact", "main", "io", "inputs", 2, "open", limit_w=30_000)


def at(seconds: float) -> Tick:
    return Tick(round(seconds * S), 10**12 + round(seconds * S))


@pytest.mark.parametrize(
    ("active", "bits", "limited"),
    [("open", 0b10, False), ("open", 0b01, True), ("closed", 0b10, True), ("closed", 0b01, False)],
)
def test_a_contact(active: Any, bits: int, limited: bool) -> None:
    grid = limits(msgspec.structs.replace(CONTACT, active=active))
    grid.read("io", 1_000, {"inputs": bits})
    assert bool(grid.caps(at(1))) == limited
    grid.read("other", 2_000, {"inputs": 0b11 - bits})  # not its device
    assert bool(grid.caps(at(2))) == limited


def test_a_contact_that_cannot_be_read_counts_as_active() -> None:
    grid = limits(CONTACT)
    (cap,) = grid.caps(at(0))
    assert cap.limit_w == 30_000
    assert cap.because == "grid operator's limit dso, contact not readable: counted as active"
    grid.read("io", 1_000, {"inputs": 0b10})
    assert grid.caps(Tick(1_000 + CONTACT_SILENT_MS, 0)) == []
    assert grid.caps(Tick(1_001 + CONTACT_SILENT_MS, 0)) != []


def test_section_14a_by_contact_limits_charging_to_the_guaranteed_minimum() -> None:
    grid = limits(msgspec.structs.replace(CONTACT, kind="enwg14a", limit_w=None))
    (cap,) = grid.caps(at(0))
    assert (cap.charging_w, cap.limit_w) == (10_500, None)  # three chargers


def test_section_14a_by_heartbeat() -> None:
    grid = limits(GridLimit("box", "enwg14a", "main"))
    grid.restored(Restored(5_000 * S, 0, "b", None, [], [], [], {}))
    assert [cap.charging_w for cap in grid.caps(at(5_001))] == [10_500]
    assert grid.said(GridSignal(5_002 * S, "box", 6_000, None)) == []
    assert [cap.charging_w for cap in grid.caps(at(5_003))] == [6_000]
    grid.said(GridSignal(5_060 * S, "box", None))
    assert grid.caps(at(5_061)) == []
    assert [cap.because for cap in grid.caps(at(5_181))] == ["grid operator's limit box, failsafe"]
    (refused,) = grid.said(GridSignal(0, "dso", 1))
    assert isinstance(refused, Audit) and refused.outcome.startswith("refused")


def flowing(watts: int | None) -> dict[str, Other]:
    none = (0, 0, 0)
    return {"main": Other(none, none, 0, 0, watts is not None, none, watts, 0)}


def test_the_counters_of_g100_survive_a_restart() -> None:
    limit = GridLimit("mil", "g100", "main", limit_w=12_500)
    grid, rows = limits(limit), []
    for second in range(61):
        commands = grid.step(at(second), flowing(13_000))
        rows += [c.row for c in commands if isinstance(c, Keep)]
    (cap,) = grid.caps(at(61))
    assert (cap.limit_w, cap.charging_w) == (12_500, 0)
    assert isinstance(rows[-1], GridCount) and rows[-1].locked_ms == 60_000
    again = limits(limit)
    again.restored(Restored(0, 0, "b", None, [rows[-1]], [], [], {}))
    assert [c.charging_w for c in again.caps(at(0))] == [0]
    assert again.now(at(0))[0].state == "lockout"
    (audit,) = again.said(GridReset(0, 0, "mil", "ann"))
    assert isinstance(audit, Audit) and "only an installer may" in audit.outcome
    (audit,) = again.said(GridReset(0, 0, "mil", "ben", installer=True))
    assert isinstance(audit, Audit) and audit.outcome == "done"
    assert [c.charging_w for c in again.caps(at(0))] == [None]
    assert any(isinstance(c, Keep) for c in again.step(at(1), flowing(0)))


def test_a_change_is_on_the_audit_log_once() -> None:
    grid = limits(CONTACT)
    said = [grid.step(at(second), flowing(0)) for second in range(3)]
    assert [len(each) for each in said] == [1, 0, 0]


### The randomised delay of the UK smart charge point regulations


def test_the_delay_is_spread_to_the_second_and_is_the_same_again() -> None:
    drawn = [delay_ms("yard", f"bay-{n}", 10**12, 600 * S) for n in range(400)]
    assert drawn == [delay_ms("yard", f"bay-{n}", 10**12, 600 * S) for n in range(400)]
    assert all(0 <= each <= 600 * S and each % S == 0 for each in drawn)
    assert 270 * S < sum(drawn) / 400 < 330 * S  # uniform: 300 s, and 3.4 standard deviations of the mean
    assert delay_ms("yard", "bay-1", 10**12, 600 * S) != delay_ms(
        "yard", "bay-1", 10**12 + MINUTE_MS, 600 * S
    )
    assert delay_ms("yard", "bay-1", 10**12, 0) == 0
