"""edge/shell/reporter.py: what an event asks for, as strict reports in the outbox, figures made by hand."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.model.openadr import OpenAdrEvent
from edge.model.records import (
    ChargerNow,
    ChargerSlot,
    Compliance,
    EventNow,
    LoadBlock,
    LoadSlot,
    NodeNow,
    TickRecord,
)
from edge.model.site import Broker, Charger, Site, Utility
from edge.model.units import DAY_MS, HOUR_MS, QUARTER_MS
from edge.shell.clock import Clock
from edge.shell.openadr import read_event
from edge.shell.openadr_fields import Fields, wall_ms
from edge.shell.reporter import Reporter
from edge.shell.store import Store
from tests.fakes.openadr_schema import report_errors
from tests.story.sites import NOWHERE, depot

_START = wall_ms("2026-12-16T16:00:00Z")  # a Wednesday
assert isinstance(_START, int)
START: int = _START
HALF = 1_800_000


class SetClock(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.at = START

    def wall_ms(self) -> int:
        return self.at

    def wall_trusted(self) -> bool:
        return True


def a_site() -> Site:
    drawn = depot(2)
    utility = Utility(Broker("h"), ("e/+",), "reports/depot-1", "depot-1", targets=("feeder-12",))
    values = {name: getattr(drawn, name) for name in drawn.__struct_fields__}
    chargers = tuple(Charger(f"bay-{n}", "main", "alfen_eve", NOWHERE, port=f"P{n}") for n in (1, 2))
    return Site(**(values | {"utility": utility, "timezone": "UTC", "chargers": chargers}))


class Depot:
    """A store, a clock and a reporter; `tells` is what has come into the outbox."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "depot.db"
        self.clock, self.connected, self.report_topic = SetClock(), True, "reports/depot-1"
        self.limits: list[EventNow] = []
        self.bays: list[ChargerNow] = []
        self.begin()

    def begin(self) -> None:
        self.store = Store(self.path)
        self.reporter = Reporter(a_site(), self.store, self.clock, self.store.tell, self)

    def restart(self) -> None:
        self.store.close(self.clock.at)
        self.begin()

    def hears(self, **event: Any) -> OpenAdrEvent:
        value = {"id": "e-1", "programID": "p", "eventName": "peak"} | event
        value["reportDescriptors"] = list(value["reportDescriptors"])
        found = read_event(Fields(value, "t"), self.clock.at)
        self.store.event_set(found)
        return found

    def flows(self, from_ms: int, to_ms: int, power_w: int, **more: Any) -> None:
        """A minute after the other, cut at the ends, as core/loadbook.py does it."""
        at = from_ms
        while at < to_ms:
            end = min(to_ms, at // 60_000 * 60_000 + 60_000)
            length = end - at
            row = LoadSlot(at, length, length, power_w * length // 1000, highest_w=power_w + 100, **more)
            self.store.keep(row)
            self.reporter.kept(row)
            at = end
        if to_ms - from_ms > 60_000:
            self.store.commit(all_of_it=True)  # as the store does within five minutes

    def at(self, wall: int) -> list[dict[str, Any]]:
        """Let the core tick at a time; return the reports that are new."""
        self.clock.at = wall
        node = NodeNow("main", (0, 0, 0), ("", "", ""), None, (0, 0, 0), (0, 0, 0), 0, 0)
        self.reporter.noted(TickRecord(0, wall, [node], self.bays, [], self.limits, []))
        before = self.store.outbox_waiting("utility")
        asyncio.run(self.reporter.look())
        self.store.commit()
        rows = self.store.outbox_pending("utility", 10_000)[before:]
        found = [json.loads(row.payload) for row in rows]
        for each in found:
            assert report_errors(each) == [], each
        return found


@pytest.fixture
def a_depot(tmp_path: Path) -> Iterator[Depot]:
    found = Depot(tmp_path)
    yield found
    found.store.close()


def limit(*wanted: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an event of two half-hours of 40 and 30 kW."""
    return {
        "intervalPeriod": {"start": "2026-12-16T16:00:00Z", "duration": "PT30M"},
        "intervals": [
            {"id": 7, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [40]}]},
            {"id": 8, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [30]}]},
        ],
        "reportDescriptors": list(wanted),
    } | more


def values(report: dict[str, Any], resource: int = 0) -> list[dict[str, Any]]:
    return [
        {p["type"]: p["values"][0] for p in interval["payloads"]}
        for interval in report["resources"][resource]["intervals"]
    ]


def asks(*types: str, **more: Any) -> tuple[dict[str, Any], ...]:
    return tuple({"payloadType": kind} | more for kind in types)


def test_usage_demand_setpoint_and_state_by_hand(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("USAGE", "SETPOINT", "OPERATING_STATE"), *asks("DEMAND", readingType="PEAK")))
    a_depot.flows(START, START + HALF, 38_000, limit_w=40_000, charging_ws=60_000 * 20)
    a_depot.flows(START + HALF, START + 2 * HALF, 29_000, limit_w=30_000)
    assert a_depot.at(START + 2 * HALF - 1) == []
    (report,) = a_depot.at(START + 2 * HALF)
    assert (report["eventID"], report["clientName"]) == ("e-1", "depot-1")
    (resource,) = report["resources"]
    assert resource["resourceName"] == "depot-1"
    assert resource["intervalPeriod"] == {"start": "2026-12-16T16:00:00.000Z", "duration": "PT1800S"}
    assert [interval["id"] for interval in resource["intervals"]] == [7, 8]
    assert values(report) == [
        {"USAGE": 19.0, "SETPOINT": 40.0, "OPERATING_STATE": "RUNNING_CURTAILED", "DEMAND": 38.1,
         "DATA_QUALITY": "OK"},
        {"USAGE": 14.5, "SETPOINT": 30.0, "OPERATING_STATE": "IDLE_CURTAILED", "DEMAND": 29.1,
         "DATA_QUALITY": "OK"},
    ]  # fmt: skip
    described = {d["payloadType"]: (d["readingType"], d.get("units")) for d in report["payloadDescriptors"]}
    assert described == {
        "USAGE": ("DIRECT_READ", "KWH"),
        "SETPOINT": ("DIRECT_READ", "KW"),
        "OPERATING_STATE": ("DIRECT_READ", None),
        "DEMAND": ("PEAK", "KW"),
    }
    assert a_depot.at(START + 3 * HALF) == []  # once


def test_aggregate_has_the_name_that_the_standard_gives(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("USAGE", aggregate=True)))
    a_depot.flows(START, START + 2 * HALF, 20_000)
    (report,) = a_depot.at(START + 2 * HALF)
    assert [resource["resourceName"] for resource in report["resources"]] == ["AGGREGATED_REPORT"]


def test_chargers_that_are_named_are_resources_and_can_be_summed(a_depot: Depot) -> None:
    a_depot.hears(
        **limit(*asks("USAGE", targets=["P1", "bay-2"]), *asks("USAGE", targets=["main"], aggregate=True))
    )
    for charger, joules in (("bay-1", 3_600_000), ("bay-2", 7_200_000)):
        for n in range(4):
            a_depot.store.keep(
                ChargerSlot(charger, START + n * QUARTER_MS, QUARTER_MS, QUARTER_MS, joules, 9_000)
            )
    a_depot.store.commit(all_of_it=True)
    each, summed = a_depot.at(START + 2 * HALF)
    assert each["reportName"] != summed["reportName"]  # some servers take a name once
    assert [resource["resourceName"] for resource in each["resources"]] == ["bay-1", "bay-2"]
    assert [v["USAGE"] for v in values(each)] == [2.0, 2.0]
    assert [v["USAGE"] for v in values(each, 1)] == [4.0, 4.0]
    assert [v["USAGE"] for v in values(summed)] == [6.0, 6.0]


def test_targets_that_are_not_ours_get_nothing(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("USAGE", targets=["somebody-else"])))
    a_depot.flows(START, START + 2 * HALF, 20_000)
    assert a_depot.at(START + 2 * HALF) == []


def test_what_was_half_measured_is_an_estimate_and_what_was_less_is_missing(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("USAGE")))
    a_depot.flows(START, START + HALF // 2, 20_000)  # half of the first
    a_depot.flows(START + HALF, START + HALF + 60_000, 20_000)  # a minute of the second
    (report,) = a_depot.at(START + 2 * HALF)
    assert values(report) == [{"USAGE": 10.0, "DATA_QUALITY": "ESTIMATED"}, {"DATA_QUALITY": "MISSING"}]


def test_an_event_of_which_nothing_is_known_has_no_report(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("USAGE")))
    assert a_depot.at(START + 2 * HALF) == []


def test_what_cannot_be_told_is_on_the_audit_log_once(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("READING", "UP_REGULATION_AVAILABLE", "USAGE")))
    a_depot.at(START + 1)
    a_depot.at(START + 2)
    (line,) = a_depot.store.audit_lines()
    assert (line.what, line.outcome) == (
        "event e-1: READING, UP_REGULATION_AVAILABLE",
        "asked for, and not known here",
    )


def test_telemetry_every_two_seconds(a_depot: Depot) -> None:
    a_depot.hears(
        intervalPeriod={"start": "2026-12-16T16:00:00Z", "duration": "PT2S"},
        reportDescriptors=asks("DEMAND", startInterval=0, numIntervals=1, frequency=1, repeat=-1),
    )
    told = []
    for second in range(1, 11):
        now = START + second * 1_000
        if second % 2 == 0:
            a_depot.flows(now - 2_000, now, 10_000 + second)
        told += a_depot.at(now + 300)
    assert [values(report) for report in told] == [
        [{"DEMAND": (10_000 + second) / 1000, "DATA_QUALITY": "OK"}] for second in range(2, 11, 2)
    ]
    assert [r["resources"][0]["intervals"][0]["id"] for r in told] == [0, 1, 2, 3, 4]


def test_telemetry_waits_for_the_line_and_then_is_one_report_a_minute(a_depot: Depot) -> None:
    a_depot.hears(
        intervalPeriod={"start": "2026-12-16T16:00:00Z", "duration": "PT2S"},
        reportDescriptors=asks("DEMAND", startInterval=0, numIntervals=1, frequency=1, repeat=-1),
    )
    told = a_depot.at(START + 1)
    a_depot.connected = False
    for second in range(1, 125):
        now = START + second * 1_000
        a_depot.flows(now - 1_000, now, 10_000)
        told += a_depot.at(now + 300)
    intervals = [[i["id"] for i in report["resources"][0]["intervals"]] for report in told]
    assert [n for ids in intervals for n in ids] == list(range(sum(map(len, intervals))))  # each once
    assert len(told) == 2 and all(len(ids) >= 29 for ids in intervals)


def test_a_restart_doubles_nothing_and_loses_nothing(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("USAGE", startInterval=0, numIntervals=1, frequency=1, repeat=-1)))
    a_depot.flows(START, START + 2 * HALF, 20_000)
    (first,) = a_depot.at(START + HALF)
    a_depot.restart()
    assert a_depot.at(START + HALF + 1_000) == []
    a_depot.restart()
    (second,) = a_depot.at(START + 2 * HALF)
    ids = [r["resources"][0]["intervals"][0]["id"] for r in (first, second)]
    assert ids == [7, 8]
    keys = [row.key for row in a_depot.store.outbox_pending("utility", 99)]
    assert len(set(keys)) == 2


def test_of_many_reports_that_were_missed_the_latest_is_made(a_depot: Depot) -> None:
    event = limit(*asks("USAGE", startInterval=0, numIntervals=1, frequency=1, repeat=-1))
    event |= {"duration": "P9999Y", "intervalPeriod": event["intervalPeriod"] | {"duration": "PT5M"}}
    a_depot.hears(**event)
    a_depot.at(START + 1)
    a_depot.store.heartbeat(START + 1)
    a_depot.restart()
    a_depot.flows(START, START + HOUR_MS, 20_000)
    (report,) = a_depot.at(START + HOUR_MS)
    assert report["resources"][0]["intervalPeriod"]["start"] == "2026-12-16T16:55:00.000Z"


def history(a_depot: Depot, power_w: int, charging_w: int, until: int) -> None:
    """Let twenty days before be alike."""
    for start in range(START - 20 * DAY_MS, until, QUARTER_MS):
        row = LoadBlock(start, power_w // 4, 0, charging_w // 4, QUARTER_MS, None)
        a_depot.store.keep(row)
    a_depot.store.commit(all_of_it=True)


def test_the_baseline_and_what_was_shed(a_depot: Depot) -> None:
    history(a_depot, 60_000, 25_000, START)
    a_depot.hears(
        **limit(
            *asks("BASELINE", "DELTA_USAGE", "USAGE"), *asks("BASELINE", units="KW", frequency=-1, repeat=1)
        )
    )
    a_depot.flows(START, START + 2 * HALF, 38_000, limit_w=40_000)
    (report,) = a_depot.at(START + 2 * HALF)
    first = [(p["type"], p["values"][0]) for p in report["resources"][0]["intervals"][0]["payloads"]]
    assert first == [
        ("BASELINE", 30.0),
        ("DELTA_USAGE", -11.0),
        ("USAGE", 19.0),
        ("BASELINE", 60.0),
        ("DATA_QUALITY", "OK"),
    ]


def test_a_day_of_an_event_is_no_model_for_another(a_depot: Depot) -> None:
    for start in range(START - 20 * DAY_MS, START, QUARTER_MS):
        was_event = START - DAY_MS <= start < START
        a_depot.store.keep(LoadBlock(start, 1_000 if was_event else 15_000, 0, 0, QUARTER_MS, None))
    row = Compliance("old", "p", "", 0, START - DAY_MS, START - DAY_MS + 1, "X", 1, 1, 1, 1, 0)
    a_depot.store.keep(row)
    a_depot.store.commit(all_of_it=True)
    a_depot.hears(**limit(*asks("BASELINE", units="KW", readingType="MEAN")))
    (report,) = a_depot.at(START + 2 * HALF)
    assert values(report)[0]["BASELINE"] == 48.0  # 60 kW, held at 0.8 by what was taken in the hours before


def test_forecasts_ahead(a_depot: Depot) -> None:
    """60 kW usual, 25 of it charging; a limit of 40 kW in the second hour; a vehicle that must have 6 kWh."""
    history(a_depot, 60_000, 25_000, START)
    a_depot.limits = [
        EventNow("l", "", START + HOUR_MS, START + 2 * HOUR_MS, "IMPORT_CAPACITY_LIMIT", 40_000, "received")
    ]
    a_depot.bays = [
        ChargerNow("bay-1", "main", "C", True, 0, "", 0, "", 0, None, 0, 0, 0,
                   ready_by_wall_ms=START + 3 * HOUR_MS, need_wh=6_000),
        ChargerNow("bay-2", "main", "A", True, 0, "", 0, "", 0, None, 0, 0, 0),
    ]  # fmt: skip
    wanted = asks("USAGE_FORECAST", "LOAD_SHED_DELTA_AVAILABLE", startInterval=0, numIntervals=3, frequency=1,
                  repeat=-1)  # fmt: skip
    a_depot.hears(
        intervalPeriod={"start": "2026-12-16T16:00:00Z", "duration": "PT1H"}, reportDescriptors=wanted
    )
    (report,) = a_depot.at(START)
    assert [v["USAGE_FORECAST"] for v in values(report)] == [60.0, 40.0, 60.0]
    # 25 kW, less 6 kWh over the 3, 2 and 1 hours that are left.
    assert [v["LOAD_SHED_DELTA_AVAILABLE"] for v in values(report)] == [23.0, 22.0, 19.0]
    assert {d["readingType"] for d in report["payloadDescriptors"]} == {"FORECAST"}
    a_depot.flows(START, START + HOUR_MS, 1)
    (again,) = a_depot.at(START + HOUR_MS)
    assert again["resources"][0]["intervalPeriod"]["start"] == "2026-12-16T17:00:00.000Z"


def test_storage_as_far_as_it_is_known(a_depot: Depot) -> None:
    a_depot.bays = [
        ChargerNow("bay-1", "main", "C", True, 0, "", 0, "", 0, None, 0, 0, 0, soc_pm=420),
        ChargerNow("bay-2", "main", "A", True, 0, "", 0, "", 0, None, 0, 0, 0),
    ]
    kinds = ("STORAGE_CHARGE_LEVEL", "STORAGE_MAX_CHARGE_POWER", "STORAGE_MAX_DISCHARGE_POWER",
             "STORAGE_USABLE_CAPACITY")  # fmt: skip
    a_depot.hears(
        intervalPeriod={"start": "0001-01-01", "duration": "PT0H"},
        reportDescriptors=asks(*kinds, frequency=0, reportIntervals="OPEN_INTERVALS"),
    )
    a_depot.flows(START, START + QUARTER_MS, 20_000)
    (report,) = a_depot.at(START + QUARTER_MS)
    assert values(report) == [
        {
            "STORAGE_CHARGE_LEVEL": 0.42,
            "STORAGE_MAX_CHARGE_POWER": 22.08,  # one vehicle at 32 A, three phases of 230 V
            "STORAGE_MAX_DISCHARGE_POWER": 0.0,
            "DATA_QUALITY": "OK",
        }
    ]


def test_the_operator_who_opted_out_is_reported_as_such(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("OPERATING_STATE")))
    a_depot.limits = [EventNow("e-1", "peak", START, None, "IMPORT_CAPACITY_LIMIT", None, "opted out")]
    a_depot.flows(START, START + 2 * HALF, 70_000, charging_ws=10**6)
    (report,) = a_depot.at(START + 2 * HALF)
    assert [v["OPERATING_STATE"] for v in values(report)] == ["RUNNING_OPTED_OUT"] * 2


def test_sub_intervals_say_their_own_times_where_they_differ(a_depot: Depot) -> None:
    a_depot.hears(
        **limit(*asks("USAGE", reportIntervals="SUB_INTERVALS"))
        | {"intervalPeriod": {"start": "2026-12-16T16:05:00Z", "duration": "PT20M"}}
    )
    a_depot.flows(START + 300_000, START + 2_700_000, 12_000)
    (report,) = a_depot.at(START + 2_700_000)
    intervals = report["resources"][0]["intervals"]
    assert [(i["id"], i["intervalPeriod"]["duration"]) for i in intervals] == [
        (7, "PT600S"), (7, "PT600S"), (8, "PT300S"), (8, "PT900S"),
    ]  # fmt: skip
    assert [v["USAGE"] for v in values(report)] == [2.0, 2.0, 1.0, 3.0]


def test_a_rehearsal_is_reported_as_one(a_depot: Depot) -> None:
    a_depot.limits = [EventNow("e-1", "peak", START, None, "SIMPLE", None, "active", drill=True)]
    a_depot.hears(**limit(*asks("USAGE", "SETPOINT", "OPERATING_STATE")))
    a_depot.flows(START, START + 2 * HALF, 20_000, charging_limit_w=12_000)
    (report,) = a_depot.at(START + 2 * HALF)
    assert report["reportName"].startswith("DRILL: peak USAGE")
    assert values(report)[0] == {
        "USAGE": 10.0, "SETPOINT": 12.0, "OPERATING_STATE": "IDLE_CURTAILED", "DATA_QUALITY": "OK",
    }  # fmt: skip


def test_a_clock_that_is_set_back_stops_nothing(a_depot: Depot) -> None:
    a_depot.hears(**limit(*asks("USAGE", startInterval=0, numIntervals=1, frequency=1, repeat=-1)))
    a_depot.at(START + DAY_MS)  # wrong by a day: everything seems to be over
    a_depot.flows(START, START + 2 * HALF, 20_000)
    assert a_depot.at(START + 1) == []
    (first,) = a_depot.at(START + HALF)
    assert first["resources"][0]["intervals"][0]["id"] == 7
