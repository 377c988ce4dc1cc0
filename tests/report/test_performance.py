"""The report of an event, from rows written by hand: its figures, its page, and the command."""

import csv
import io
import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.cli import main
from edge.model.records import ChargerSlot, Compliance, EventStep, LoadBlock, LoadSlot
from edge.model.units import DAY_MS, QUARTER_MS
from edge.report.baseline import Baseline
from edge.report.performance import performance
from edge.report.performancepage import page
from edge.shell.store import Store

START = 1_797_436_800_000  # 2026-12-16T16:00:00Z, a Wednesday
HALF = 1_800_000


def row(n: int, limit_w: int, mean_w: int, highest_w: int, after_ms: int | None, **more: Any) -> Compliance:
    values = {"payload_type": "IMPORT_CAPACITY_LIMIT", "measured_ms": HALF} | more
    return Compliance(
        event_id="ev-1", program_id="peak", event_name="Feeder relief", interval_id=n,
        start_wall_ms=START + n * HALF, end_wall_ms=START + (n + 1) * HALF, limit_w=limit_w, mean_w=mean_w,
        highest_w=highest_w, energy_wh=mean_w // 2, complied_after_ms=after_ms, **values,
    )  # fmt: skip


ROWS = [row(0, 40_000, 38_000, 39_900, 8_000), row(1, 30_000, 29_000, 30_001, None)]
STEPS = [EventStep("ev-1", START, "active"), EventStep("ev-1", START + 2 * HALF, "done")]


def slots() -> list[LoadSlot]:
    """60 kW before, then 38 and 29 kW, but 10 s of 45 kW at the beginning; by five seconds."""
    found = []
    for at in range(START - 600_000, START + 2 * HALF + 600_000, 5_000):
        second = at - START
        inside = 0 <= second < 2 * HALF
        power = 60_000 if not inside else 45_000 if second < 10_000 else 38_000 if second < HALF else 29_000
        limit = None if not inside else 40_000 if second < HALF else 30_000
        found.append(LoadSlot(at, 5_000, 5_000, power * 5, 0, 20_000 * 5, power, limit))
    return found


CHARGERS = [
    ChargerSlot("bay-1", START, QUARTER_MS, QUARTER_MS, 5_000 * 900, 7_000, 300_000, "van 3"),
    ChargerSlot("bay-1", START + QUARTER_MS, QUARTER_MS, QUARTER_MS, 5_000 * 900, 7_500, 60_000, "van 3"),
    ChargerSlot("bay-2", START, QUARTER_MS, QUARTER_MS, 2_000 * 900, 2_000, 0, ""),
    ChargerSlot("bay-3", START + 2 * HALF, QUARTER_MS, QUARTER_MS, 1, 1, 9, "too late"),
]


def usual(power_w: int) -> Any:
    def of(from_ms: int, to_ms: int) -> Baseline:
        starts = range(from_ms // QUARTER_MS * QUARTER_MS, to_ms, QUARTER_MS)
        return Baseline("10 of 10", (date(2026, 12, 15),), dict.fromkeys(starts, power_w))

    return of


def test_the_figures_by_hand() -> None:
    found = performance(ROWS, STEPS, slots(), CHARGERS, usual(60_000), usual(1))
    assert (found.intervals_complied, found.complied_after_ms) == (1, 8_000)
    # 22 kW and 31 kW less than usual, half an hour each.
    assert [line.shed_w for line in found.intervals] == [22_000, 31_000]
    assert found.shed_wh == 26_500
    first, second = found.intervals
    assert (first.within_ms, first.slots_ms) == (HALF - 10_000, HALF)
    assert first.complied and not second.complied  # 30 001 W is above 30 kW
    assert second.within_ms == HALF
    assert [(v.charger, v.vehicle, v.energy_wh, v.highest_w, v.held_ms) for v in found.vehicles] == [
        ("bay-1", "van 3", 2_500, 7_500, 360_000),
        ("bay-2", "", 500, 2_000, 0),
    ]
    assert [v.charger for v in found.vehicles_held] == ["bay-1"]
    assert {s.limit_w for s in found.samples} == {None, 40_000, 30_000}
    assert (found.start_wall_ms, found.end_wall_ms) == (START, START + 2 * HALF)


def test_a_limit_that_was_in_force_for_a_moment_is_not_judged() -> None:
    short = row(0, 40_000, 38_000, 60_000, None)
    short = msgspec.structs.replace(short, end_wall_ms=START + 13_199)
    found = performance([short], [], slots(), [], usual(60_000), usual(1))
    assert found.intervals[0].complied is None and found.intervals_complied == 0
    assert "too short" in page(found, ZoneInfo("UTC"))


def test_a_limit_on_charging_is_held_against_what_charges() -> None:
    rows = [row(0, 25_000, 20_000, 20_000, 0, payload_type="SIMPLE", drill=True)]
    found = performance(rows, [], slots(), [], usual(1), usual(50_000))
    assert found.drill and found.intervals[0].measures == "charging"
    assert found.intervals[0].shed_w == 30_000 and found.samples[0].power_w == 20_000
    assert found.intervals[0].within_ms == HALF


def test_without_a_baseline_nothing_is_claimed() -> None:
    none = Baseline("10 of 10", note="no baseline: 2 working days are known")
    found = performance(ROWS, STEPS, slots(), CHARGERS, lambda a, b: none, lambda a, b: none)
    assert found.shed_wh is None and found.intervals[0].shed_w is None
    assert found.baseline_note == "no baseline: 2 working days are known"


def test_the_page_is_whole_and_escapes_what_others_named() -> None:
    rows = [row(0, 40_000, 38_000, 39_900, 8_000)]
    found = performance(rows, STEPS, slots(), CHARGERS, usual(60_000), usual(1))
    text = page(found, ZoneInfo("America/Los_Angeles"))
    assert "Feeder relief" in text and "van 3" in text and "08:00:00" in text and "<script" not in text
    assert text.count("<svg") == 1 and text.count("<rect") == 1
    heights = [float(n) for n in re.findall(r"[MV ]([0-9.]+)H", text)]
    assert heights and all(0 <= each <= 320 for each in heights)
    worse = performance([row(0, 1, 1, 1, None)], [EventStep("e", 1, "<b>", "&")], [], [], usual(1), usual(1))
    assert "&lt;b&gt;" in page(worse, ZoneInfo("UTC")) and "<b>" not in page(worse, ZoneInfo("UTC"))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    store = Store(tmp_path / "depot.db")
    store.remember("timezone", "UTC")
    for at in range(START - 20 * DAY_MS, START, QUARTER_MS):
        store.keep(LoadBlock(at, 15_000, 0, 5_000, QUARTER_MS, None))
    for each in [*ROWS, *STEPS, *slots(), *CHARGERS, EventStep("ev-2", START, "received")]:
        store.keep(each)
    store.close()
    return tmp_path


def test_the_command_as_json_csv_page_and_words(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["events", "report", "ev-1", "--state", str(kept)]
    assert main([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shed_wh"] == 26_500 and len(found["baseline_days"]) == 10  # 60 kW on ten days before
    assert main([*call, "--csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(line["event_id"], line["complied"], line["shed_w"]) for line in lines] == [
        ("ev-1", "True", "22000"),
        ("ev-1", "False", "31000"),
    ]
    assert main([*call, "--html", str(kept / "e.html")]) == 0
    assert (kept / "e.html").read_text().startswith("<!doctype html>")
    capsys.readouterr()
    assert main(call) == 0
    words = capsys.readouterr().out
    assert "1 of 2 intervals" in words and "26.5 kWh against the baseline" in words and "van 3" in words


def test_the_command_says_no_where_nothing_was_measured(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", "report", "ev-2", "--state", str(kept)]) == 1
    assert "nothing was measured of event ev-2: its last step is 'received'" in capsys.readouterr().err
    assert main(["events", "report", "ev-9", "--state", str(kept)]) == 1
    assert main(["events", "report", "ev-1", "--state", str(kept / "none")]) == 2
    assert main(["events", "report", "ev-1", "--state", str(kept), "--html", str(kept / "no" / "x")]) == 2
