"""edge/shell/openadr.py: what is accepted, what is refused and with which words.

The examples are the User Guide's own; tests/vectors/openadr/README.md says where they are from.
"""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import demand_response
from edge.model.flow import Tick, UtilitySaid
from edge.model.openadr import FOREVER, NOW, OpenAdrEvent
from edge.shell.openadr import BadMessage, draw_random_start, read
from edge.shell.openadr_fields import Fields, wall_ms

EXAMPLES = Path(__file__).parent.parent / "vectors" / "openadr" / "examples"
EVENTS = sorted(EXAMPLES.glob("*_eventRequest.json"))
T0 = 1_784_000_000_000
HOUR_MS = 3_600_000


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": "e-1",
        "objectType": "EVENT",
        "programID": "p-1",
        "modificationDateTime": "2026-07-01T10:00:00Z",
        "intervalPeriod": {"start": "2026-07-01T16:00:00Z", "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [42.5]}]}],
    } | changes


def said(message: Any, topic: str = "u/events") -> OpenAdrEvent:
    return read(json.dumps(message).encode(), topic, T0).event


@pytest.mark.parametrize("path", EVENTS, ids=lambda p: p.name)
def test_every_event_of_the_user_guide_is_read(path: Path) -> None:
    message = json.loads(path.read_text())
    found = said(message)
    source = message[0] if isinstance(message, list) else message
    assert found.program_id == source["programID"]
    assert [i.id for i in found.intervals] == [i["id"] for i in source.get("intervals", [])]
    assert [len(i.payloads) for i in found.intervals] == [
        len(i["payloads"]) for i in source.get("intervals", [])
    ]


@pytest.mark.parametrize("path", EVENTS, ids=lambda p: p.name)
def test_what_was_read_survives_the_store(path: Path) -> None:
    found = said(json.loads(path.read_text()))
    assert msgspec.json.decode(msgspec.json.encode(found), type=OpenAdrEvent) == found


def test_the_examples_are_there() -> None:
    assert len(EVENTS) == 27


OTHERS = sorted(set(EXAMPLES.glob("ug_*")) - set(EVENTS))


@pytest.mark.parametrize("path", OTHERS, ids=lambda p: p.name)
def test_what_is_no_event_is_refused_by_name(path: Path) -> None:
    """Programs, reports, vens and resources of the User Guide, on a topic of events."""
    with pytest.raises(BadMessage, match=r"^u/events: (\$|programID|objectType|id): expected "):
        read(path.read_bytes(), "u/events", T0)


def test_a_whole_event() -> None:
    found = said(
        event(
            eventName="peak",
            priority=2,
            targets=["group-1"],
            duration="P1D",
            payloadDescriptors=[{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "kW"}],
            reportDescriptors=[{"payloadType": "USAGE", "aggregate": True}],
        )
    )
    assert (found.id, found.program_id, found.name, found.priority) == ("e-1", "p-1", "peak", 2)
    assert found.targets == ("group-1",)
    assert found.modified_wall_ms == wall_ms("2026-07-01T10:00:00Z")
    assert found.period and found.period.start == wall_ms("2026-07-01T16:00:00Z")
    assert (found.period.duration_ms, found.duration_ms) == (HOUR_MS, 24 * HOUR_MS)
    assert found.intervals[0].payloads[0].values == (42.5,)
    assert found.intervals[0].period is None
    assert found.payload_descriptors[0].units == "KW"
    assert found.report_descriptors[0].aggregate
    assert found.received_wall_ms == T0


@pytest.mark.parametrize(
    ("envelope", "topic", "operation"),
    [
        ({"operation": "UPDATE"}, "u/events/create", "UPDATE"),
        ({"operation": "POST"}, "u/events", "CREATE"),
        ({"operation": "delete"}, "u/events", "DELETE"),
        ({}, "u/events/update", "UPDATE"),
        (None, "OpenADR/3.1.0/events/create", "CREATE"),
        (None, "OpenADR/3.1.0/events/update", "UPDATE"),
        (None, "OpenADR/3.1.0/events/delete", "DELETE"),
        (None, "u/anything", "CREATE"),
    ],
)
def test_the_operation_is_the_envelopes_else_the_topics(
    envelope: dict[str, str] | None, topic: str, operation: str
) -> None:
    message = event() if envelope is None else {"objectType": "EVENT", "object": event(), **envelope}
    assert read(json.dumps(message).encode(), topic, T0).operation == operation


def test_a_delete_needs_no_more_than_its_id() -> None:
    message = read(b'{"id": "e-1"}', "u/delete", T0)
    assert (message.operation, message.event.id, message.event.intervals) == ("DELETE", "e-1", ())


def test_an_event_without_id_has_one_name_of_ours() -> None:
    a = said({"programID": "p", "eventName": "x"})
    b = said({"programID": "p", "eventName": "x", "priority": 1})
    c = said({"programID": "p", "eventName": "y"})
    assert a.id == b.id != c.id


def test_snake_case_null_and_double_encoding_are_read() -> None:
    message = {
        "id": "e-1",
        "program_id": "p-1",
        "modification_date_time": "2026-07-01T10:00:00",
        "event_name": None,
        "targets": None,
        "interval_period": {
            "start": "2026-07-01 16:00:00.250",
            "duration": "PT1H",
            "randomize_start": "-PT5M",
        },
        "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [1]}], "intervalPeriod": None}],
        "payload_descriptors": [{"payload_type": "CAPACITY_AVAILABLE_FEE", "units": "USD"}],
    }
    found = said(json.dumps(message))
    assert found.modified_wall_ms == wall_ms("2026-07-01T10:00:00Z")
    assert found.period and found.period.start == wall_ms("2026-07-01T16:00:00.250Z")
    assert found.period.randomize_start_ms == 300_000
    assert found.payload_descriptors[0].payload_type == "IMPORT_CAPACITY_AVAILABLE_PRICE"


def test_targets_of_openadr_3_0_give_their_values() -> None:
    found = said(event(targets=[{"type": "VEN_NAME", "values": ["ven-9", "ven-8"]}, "group-1"]))
    assert found.targets == ("ven-9", "ven-8", "group-1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T16:00:00-0800", 0),
        ("1970-01-01 00:00:00", 0),
        ("1970-01-01T00:00:00.123456789Z", 123),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ("0001-01-01", NOW),
        ("0001-01-01T00:00:00", NOW),
        ("0001-01-01T00:00:00.000Z", NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
        ("0000-00-00", NOW),
        ("0000-00-00T00:00:00Z", NOW),
        ("17:15:16", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-07-01T25:00:00Z", None),
        ("soon", None),
    ],
)
def test_times(text: str, expected: object) -> None:
    assert wall_ms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT1H", HOUR_MS),
        ("PT0H", 0),
        ("PT0S", 0),
        ("PT1.5S", 1_500),
        ("P1DT2H3M4S", 93_784_000),
        ("P1W2D", 9 * 24 * HOUR_MS),
        ("-PT15M", -900_000),
        ("P1Y", 365 * 24 * HOUR_MS),
        ("P1M", 30 * 24 * HOUR_MS),
        ("PT1M", 60_000),
        ("P99Y", 99 * 365 * 24 * HOUR_MS),
        ("P100Y", FOREVER),
        ("P9999Y", FOREVER),
        ("P999999999999999999Y", FOREVER),
    ],
)
def test_durations(text: str, expected: int | None) -> None:
    assert Fields({"duration": text}, "t").duration("duration", 7) == expected


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "1H", "PT1X", "P-", "P9999999999999999999Y", "-P9999Y", "PT1H ", "P1.Y", "P1H", 3600, []],
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(BadMessage, match="t: duration: expected"):
        Fields({"duration": text}, "t").duration("duration", 7)


REFUSED = [
    (b"", "$"),
    (b"{", "$"),
    (b"\xff\xfe{}", "$"),
    (b"NaN", "$"),
    (b"[" * 100_000, "$"),
    (b'{"a":' * 100_000, "$"),
    (b" " * 2_000_000, "$"),
    (b"[]", "$"),
    (b"[{}, {}]", "$"),
    (b"3", "$"),
    (b"null", "$"),
    (b"{}", "programID"),
    (b'{"object": 3}', "object"),
    (b'{"object": {}, "operation": "EAT"}', "operation"),
    (b'{"objectType": "PROGRAM", "programID": "p"}', "objectType"),
    (b'{"programID": "a b", "id": "e"}', "programID"),
    (b'{"programID": "p", "id": "e/1"}', "id"),
    (b'{"programID": "p"}', "id"),
    (b'{"programID": "p", "id": "e", "priority": -1}', "priority"),
    (b'{"programID": "p", "id": "e", "priority": 1.5}', "priority"),
    (b'{"programID": "p", "id": "e", "priority": true}', "priority"),
    (b'{"programID": "p", "id": "e", "targets": "all"}', "targets"),
    (b'{"programID": "p", "id": "e", "targets": [3]}', "targets"),
    (b'{"programID": "p", "id": "e", "targets": [[]]}', "targets"),
    (b'{"programID": "p", "id": "e", "targets": [{"type": "VEN_NAME", "values": []}]}', "targets"),
    (b'{"programID": "p", "id": "e", "intervals": {}}', "intervals"),
    (b'{"programID": "p", "id": "e", "intervals": [3]}', "intervals[0]"),
    (
        b'{"programID": "p", "id": "e", "intervals": [{"id": 0, "payloads": []}]}',
        "intervals[0].intervalPeriod",
    ),
]

REFUSED_CHANGES = [
    ({"intervalPeriod": {"start": "tomorrow"}}, "intervalPeriod.start"),
    ({"intervalPeriod": {"start": 1_784_000_000}}, "intervalPeriod.start"),
    ({"intervalPeriod": {"duration": "1 h"}}, "intervalPeriod.duration"),
    ({"intervalPeriod": {"randomizeStart": "P9999Y"}}, "intervalPeriod.randomizeStart"),
    ({"intervals": [{"payloads": []}]}, "intervals[0].id"),
    ({"intervals": [{"id": 2**31, "payloads": []}]}, "intervals[0].id"),
    ({"intervals": [{"id": "x", "payloads": []}]}, "intervals[0].id"),
    ({"intervals": [{"id": 0, "payloads": [{"values": [1]}]}]}, "intervals[0].payloads[0].type"),
    ({"intervals": [{"id": 0, "payloads": [{"type": "X", "values": 1}]}]}, "intervals[0].payloads[0].values"),
    ({"intervals": [{"id": 0, "payloads": [{"type": "X", "values": [None]}]}]}, "payloads[0].values[0]"),
    ({"intervals": [{"id": 0, "payloads": [{"type": "X", "values": [10**16]}]}]}, "payloads[0].values[0]"),
    ({"intervals": [{"id": 0, "payloads": [{"type": "X", "values": [{"x": 1}]}]}]}, "payloads[0].values[0]"),
    ({"intervals": [{"id": 0, "payloads": []}] * 10_001}, "intervals"),
    ({"reportDescriptors": [{}]}, "reportDescriptors[0].payloadType"),
    ({"reportDescriptors": [{"payloadType": "USAGE", "aggregate": "yes"}]}, "reportDescriptors[0].aggregate"),
    ({"payloadDescriptors": [{"payloadType": "PRICE", "units": 2.5}]}, "payloadDescriptors[0].units"),
]


@pytest.mark.parametrize(("payload", "path"), REFUSED, ids=lambda v: v[:40] if isinstance(v, bytes) else v)
def test_what_is_refused_is_named(payload: bytes, path: str) -> None:
    with pytest.raises(BadMessage) as refused:
        read(payload, "u/events/create", T0)
    assert str(refused.value).startswith(f"u/events/create: {path}: expected ")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(("changes", "path"), REFUSED_CHANGES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_wrong_field_is_named_with_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(BadMessage) as refused:
        said(event(**changes))
    assert f"{path}: expected " in str(refused.value)


def test_one_draw_within_the_largest_randomize_start() -> None:
    found = said(event(intervalPeriod={"start": "0001-01-01", "duration": "PT1H", "randomizeStart": "PT10M"}))
    draws = {draw_random_start(found, random.Random(seed).randint).random_ms for seed in range(50)}
    assert len(draws) > 40 and all(-600_000 <= draw <= 600_000 for draw in draws)
    assert draw_random_start(said(event()), lambda a, b: 1 / 0) == said(event())


# Fuzz: whatever is done to the official examples, they are read or refused, and nothing else happens.
WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 10**400,
    "", "x" * 5_000, "P-1", "PT1H", "0001-01-01", "9999-12-31T23:59:59-99:99",
    [], [[]], {}, {"x": 1}, {"object": {}}, "\u0000", "\ud800",
]  # fmt: skip


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Return the value with one place, found by walking down at random, replaced, doubled or left out."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        match draw(st.integers(0, 5)):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return value | {key.upper(): draw(st.sampled_from(WRONG))}
            case _:
                return value | {key: mutated(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        n = draw(st.integers(0, len(value) - 1))
        return [*value[:n], mutated(draw, value[n]), *value[n:]]
    return draw(st.sampled_from(WRONG))


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    value = json.loads(draw(st.sampled_from(EVENTS)).read_text())
    for _ in range(draw(st.integers(1, 4))):
        value = mutated(draw, value)
    payload = json.dumps(value).encode()
    if draw(st.booleans()):
        n = draw(st.integers(0, len(payload)))
        payload = payload[:n] + draw(st.binary(max_size=4)) + payload[n + draw(st.integers(0, 4)) :]
    return payload


@settings(max_examples=100, deadline=None)
@given(mutants())
def test_a_mutated_example_is_read_or_refused(payload: bytes) -> None:
    try:
        found = read(payload, "u/events/create", T0).event
    except BadMessage as refused:
        assert str(refused).startswith("u/events/create: ")
    else:
        assert found.program_id
        assert_can_be_obeyed(found)


def assert_can_be_obeyed(found: OpenAdrEvent) -> None:
    """Whatever was read, the core can fold it, and says nothing impossible of it."""
    state, _ = demand_response.said(demand_response.State(trusted=True), UtilitySaid(0, T0, "CREATE", found))
    for minute in (0, 1, 100):
        tick = Tick(minute * 60_000, T0 + minute * 60_000, wall_trusted=minute != 1)
        held = demand_response.limit(state, tick)
        assert held is None or held.limit_w >= 0
        state, _ = demand_response.step(state, tick, 50_000)
    told = demand_response.prices(state, T0, T0 + 48 * HOUR_MS)
    assert all(a.to_wall_ms <= b.from_wall_ms for a, b in pairwise(told))
    assert all(p.from_wall_ms < p.to_wall_ms for p in told)
    demand_response.ahead(state, T0, T0 + 48 * HOUR_MS)
