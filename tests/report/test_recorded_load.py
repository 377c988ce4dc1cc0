"""The recorded load and its gaps."""

import json
from pathlib import Path

import pytest

from edge.model.records import LoadBlock
from edge.model.units import HOUR_MS, QUARTER_MS
from edge.report.load import counted, recorded

T0 = 1_790_000_100_000 // QUARTER_MS * QUARTER_MS


def block(n, wh, counter_wh=None, measured_ms=QUARTER_MS):
    return LoadBlock(T0 + n * QUARTER_MS, wh, 0, 0, measured_ms, counter_wh)


def test_a_register_of_six_digits_goes_over_its_end():
    """999 990 kWh at 12:00, 40 kWh at 12:15: 50 kWh, a mean of 200 kW."""
    cases = json.loads((Path(__file__).parent.parent / "vectors/demand_charge.json").read_text())["cases"]
    (case,) = [c for c in cases if c["name"] == "rollover"]
    grown_wh = counted(999_990_000, 40_000, QUARTER_MS)
    assert grown_wh * HOUR_MS / QUARTER_MS / 1000 == case["block_15min_kw"]


@pytest.mark.parametrize(
    ("before", "after", "grown"),
    [(1_000, 5_000, 4_000), (5_000, 5_000, 0), (6_000_000, 0, 4_000_000), (500_000_000, 400, None)],
)
def test_a_counter_that_jumps_too_far_says_nothing(before, after, grown):
    assert counted(before, after, HOUR_MS) == grown


def test_a_gap_is_filled_evenly_and_is_no_demand():
    found = recorded([block(0, 1_000, 50_000), block(3, 1_000, 57_000)], T0, T0 + HOUR_MS)
    assert [(q.import_wh, q.filled_wh, q.measured_ms) for q in found.quarters] == [
        (1_000, 0, QUARTER_MS), (0, 3_000, 0), (0, 3_000, 0), (1_000, 0, QUARTER_MS),
    ]  # fmt: skip
    assert (found.measured_ms, found.filled_ms, found.missing_ms) == (2 * QUARTER_MS, 2 * QUARTER_MS, 0)


def test_a_part_of_a_quarter_is_filled():
    found = recorded([block(0, 1_000, 50_000), block(1, 600, 51_600, QUARTER_MS // 2)], T0, T0 + HOUR_MS)
    assert [(q.import_wh, q.filled_wh) for q in found.quarters] == [(1_000, 0), (600, 1_000)]
    assert found.missing_ms == 2 * QUARTER_MS, "what comes after the last record"


def test_without_a_counter_a_gap_is_missing():
    found = recorded([block(0, 1_000), block(3, 1_000)], T0, T0 + HOUR_MS)
    assert (len(found.quarters), found.missing_ms) == (2, 2 * QUARTER_MS)


def test_a_counter_that_contradicts_the_meter_fills_nothing():
    found = recorded([block(0, 1_000, 50_000), block(3, 9_000, 51_000)], T0, T0 + HOUR_MS)
    assert found.filled_ms == 0
