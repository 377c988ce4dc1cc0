"""write_report() of edge/shell/openadr.py, judged by the official schema."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model.records import Compliance
from edge.shell.openadr import report_key, write_report
from edge.shell.openadr_fields import Fields, wall_ms
from tests.fakes.openadr_schema import errors

EXAMPLES = Path(__file__).parent.parent / "vectors" / "openadr" / "examples"
VERDICTS = json.loads((EXAMPLES / "_validation.json").read_text())
START = wall_ms("2026-07-01T16:00:00Z")
assert isinstance(START, int)

ROW = Compliance(
    event_id="e-1", program_id="p-1", event_name="peak", interval_id=3, start_wall_ms=START,
    end_wall_ms=START + 1_800_000, payload_type="IMPORT_CAPACITY_LIMIT", limit_w=42_000, mean_w=40_123,
    highest_w=41_999, energy_wh=20_062, complied_after_ms=8_000, measured_ms=1_799_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "wrong", "name"), [(v[2], v[4], v[5]) for v in VERDICTS if v[-1].endswith("Request.json")]
)
def test_the_judge_agrees_with_the_recorded_verdicts(kind: str, wrong: list[str], name: str) -> None:
    value = json.loads((EXAMPLES / name).read_text())
    found = [e for each in (value if isinstance(value, list) else [value]) for e in errors(kind, each)]
    assert bool(found) == bool(wrong), (found, wrong)


def test_the_judge_refuses_bad_times_and_unknown_keys() -> None:
    for wrong in (
        {"start": "2026-02-30T00:00:00Z"},
        {"start": "2026-07-01"},
        {"starts": "x"},
        {"duration": "1 h"},
    ):
        assert errors("intervalPeriod", wrong, closed=True), wrong
    assert not errors("intervalPeriod", {"start": "2026-07-01T16:00:00Z", "duration": "PT1H"}, closed=True)


def report(**changes: Any) -> Any:
    return json.loads(write_report(msgspec.structs.replace(ROW, **changes), "ven-1"))


def values(found: Any) -> dict[str, Any]:
    (interval,) = found["resources"][0]["intervals"]
    return {payload["type"]: payload["values"][0] for payload in interval["payloads"]}


def test_a_report() -> None:
    found = report()
    assert errors("reportRequest", found, closed=True) == []
    assert (found["eventID"], found["clientName"]) == ("e-1", "ven-1")
    assert found["reportName"] == "peak interval 3 2026-07-01T16:00:00.000Z"
    (resource,) = found["resources"]
    assert resource["intervalPeriod"] == {"start": "2026-07-01T16:00:00.000Z", "duration": "PT1800S"}
    assert resource["intervals"][0]["id"] == 3
    assert values(found) == {
        "USAGE": 20.062, "DEMAND": 40.123, "SETPOINT": 42.0, "DEMAND_HIGHEST": 41.999,
        "DATA_QUALITY": "OK", "COMPLIED_AFTER": 8.0,
    }  # fmt: skip


def test_what_was_measured_half_the_time_is_an_estimate() -> None:
    assert values(report(measured_ms=900_000))["DATA_QUALITY"] == "ESTIMATED"


def test_never_within_the_limit_is_left_out() -> None:
    assert "COMPLIED_AFTER" not in values(report(complied_after_ms=None))


def test_the_key_follows_the_interval() -> None:
    assert report_key(ROW) == report_key(msgspec.structs.replace(ROW, mean_w=1))
    assert len({report_key(ROW), report_key(msgspec.structs.replace(ROW, interval_id=4))}) == 2


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 4_102_444_800_000), st.integers(0, 10**11), st.integers(-(10**7), 10**7),
    st.text(max_size=20), st.integers(-(2**31), 2**31 - 1), st.one_of(st.none(), st.integers(0, 10**9)),
)  # fmt: skip
def test_every_row_makes_a_strict_report(
    start: int, length: int, watts: int, name: str, interval_id: int, complied: int | None
) -> None:
    found = report(
        start_wall_ms=start, end_wall_ms=start + length, mean_w=watts, highest_w=watts, energy_wh=watts,
        event_name=name, interval_id=interval_id, complied_after_ms=complied,
    )  # fmt: skip
    assert errors("reportRequest", found, closed=True) == []
    period = found["resources"][0]["intervalPeriod"]
    assert wall_ms(period["start"]) == start
    assert Fields(period, "t").duration("duration", None) in (length, None)
