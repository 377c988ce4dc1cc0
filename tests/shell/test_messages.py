"""edge/model/messages.py and docs/asyncapi.yaml: what is written down is what goes over the wire.

After a wanted change:  DEPOT_WRITE_SCHEMAS=1 .venv/bin/pytest tests/shell/test_messages.py
"""

import functools
import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model.messages import (
    AnyMessage,
    GoneMessage,
    OutageMessage,
    PromiseMessage,
    Sender,
    SessionMessage,
    Status,
    TelemetryMessage,
    Told,
    UptimeMessage,
    gone,
    numbered,
    status,
    telemetry,
    told,
    uptime,
)
from edge.model.records import ChargeBlock, Decision, LoadBlock, PortInterval, Promise, Session
from edge.shell.outbox import Ack
from tests.fakes.openadr_schema import components
from tests.fakes.openadr_schema import errors as openadr_errors

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = ROOT / "docs" / "messages.schema.json"
OPENADR = ROOT / "docs" / "openadr.schema.json"
ASYNCAPI = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text())
ASYNCAPI_3 = ROOT / "tests" / "vectors" / "asyncapi" / "3.0.0.json.gz"

SENDER = Sender("grid/north-yard", "north-yard", "9f1c", {"bay-1": "US*ABC*E1*1"}, "7d01")
NOW = 1_783_000_000_000
SESSION = Session(
    "bay-1-9f1c-3", "bay-1", NOW, NOW + 3_600_000, 3_600_000, 3_300_000, 10_120, power_w_max=11_040
)
PROMISE = Promise(
    "bay-1", NOW + 36_000_000, NOW, "van 7", 40_000, "no", 9_000, "panel-b is full", "9.0 kWh less"
)
OUTAGE = PortInterval("US*ABC*E1*1", NOW, "down", "comms")
CHARGED = ChargeBlock("bay-1-9f1c-3", NOW, "bay-1", 2_500)


def generated() -> dict[str, Any]:
    """The schemas of the structs; every field is always written, so every field is required."""
    kinds = [
        Status,
        SessionMessage,
        OutageMessage,
        PromiseMessage,
        UptimeMessage,
        TelemetryMessage,
        GoneMessage,
        Ack,
    ]
    _, found = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for name, schema in found.items():
        schema["required"] = [] if name == "Ack" else list(schema["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages of depot-edge to the charging network, and its acknowledgements",
        "$defs": found,
    }


@functools.cache
def validator(name: str) -> Any:
    schema = json.loads(SCHEMAS.read_text()) | {"$ref": f"#/$defs/{name}"}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def wrong(name: str, payload: bytes) -> list[str]:
    return [error.message for error in validator(name).iter_errors(json.loads(payload))]


def test_the_schemas_are_those_of_the_structs() -> None:
    text = json.dumps(generated(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("DEPOT_WRITE_SCHEMAS"):
        SCHEMAS.write_text(text)
    assert SCHEMAS.read_text() == text, "run: DEPOT_WRITE_SCHEMAS=1 pytest tests/shell/test_messages.py"


def openadr_schemas() -> dict[str, Any]:
    """What asyncapi.yaml needs of openadr3.yaml, as JSON Schema: notification, event, reportRequest."""
    # YAML makes times of the examples.
    text = json.dumps(components(), default=lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}").replace(
        "#/components/schemas/", "#/$defs/"
    )
    every, wanted = json.loads(text), ["notification", "event", "reportRequest"]
    for name in wanted:  # and what they refer to
        referred = re.findall(r"#/\$defs/(\w+)", json.dumps(every[name]))
        wanted += [each for each in dict.fromkeys(referred) if each not in wanted]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "OpenADR 3.1.1: what a depot and a utility exchange over MQTT",
        "$comment": "Made from openadr3.yaml of the OpenADR Alliance (Apache-2.0), tests/vectors/openadr.",
        "$defs": {name: every[name] for name in sorted(wanted)},
    }


def test_the_openadr_schemas_are_the_specifications() -> None:
    text = json.dumps(openadr_schemas(), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("DEPOT_WRITE_SCHEMAS"):
        OPENADR.write_text(text)
    assert OPENADR.read_text() == text, "run: DEPOT_WRITE_SCHEMAS=1 pytest tests/shell/test_messages.py"


def of(message: Told | None) -> dict[str, Any]:
    assert message is not None
    return json.loads(message.payload)  # type: ignore[no-any-return]


MESSAGES = {
    "Status": status(SENDER, "online", "0.1.0", NOW),
    "SessionMessage": told(SENDER, SESSION, NOW),
    "OutageMessage": told(SENDER, OUTAGE, NOW),
    "PromiseMessage": told(SENDER, PROMISE, NOW),
    "UptimeMessage": uptime(SENDER, "p", "2026-06", NOW, NOW + 1, 2, 3, 4, 999_000, None, NOW),
    "TelemetryMessage": telemetry(SENDER, LoadBlock(NOW, 9_000, 0, 2_500, 900_000), [CHARGED], NOW),
    "GoneMessage": gone(SENDER, 3, 7, "too much waited", NOW),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_what_its_schema_says(name: str) -> None:
    message = MESSAGES[name]
    assert message is not None
    assert wrong(name, message.payload) == []
    assert wrong(name, numbered(message.payload, 17)) == []
    for key in of(message):
        without = {k: v for k, v in of(message).items() if k != key}
        assert wrong(name, json.dumps(without).encode()), f"{key} may be missing"
        assert wrong(name, json.dumps(of(message) | {key: [1]}).encode()), f"{key} may be anything"


def test_what_a_session_says() -> None:
    found = of(told(SENDER, SESSION, NOW + 5))
    assert found["port"] == "US*ABC*E1*1"
    assert (found["site"], found["boot_id"], found["seq"], found["made_wall_ms"]) == (
        "north-yard",
        "9f1c",
        0,
        NOW + 5,
    )
    assert (found["energy_wh"], found["end_wall_ms"]) == (10_120, NOW + 3_600_000)


def test_the_key_tells_what_is_said_and_not_when() -> None:
    def key(row: Any, wall_ms: int = NOW, sender: Sender = SENDER) -> str:
        message = told(sender, row, wall_ms)
        assert message is not None
        return message.key

    assert key(SESSION) == key(SESSION, NOW + 9)
    assert key(SESSION) == key(SESSION, sender=SENDER._replace(boot_id="other"))
    open_row = msgspec.structs.replace(SESSION, end_wall_ms=None)
    assert key(SESSION) != key(open_row) != key(OUTAGE)


def test_what_a_quarter_says() -> None:
    message = MESSAGES["TelemetryMessage"]
    assert message is not None and message.telemetry
    found = of(message)
    assert (found["import_wh"], found["stream"], found["id"]) == (9_000, "7d01", f"quarter/{NOW}")
    assert found["charged"] == [{"port": "US*ABC*E1*1", "session": "bay-1-9f1c-3", "energy_wh": 2_500}]


def test_what_waits_in_line_and_what_may_be_given_up() -> None:
    assert [name for name, message in MESSAGES.items() if message and message.telemetry] == [
        "TelemetryMessage"
    ]
    lanes = {name: message.lane for name, message in MESSAGES.items() if message and message.lane}
    port = "US*ABC*E1*1"
    assert lanes == {
        "SessionMessage": port,
        "OutageMessage": port,
        "PromiseMessage": port,
        "UptimeMessage": "p",
    }


def test_what_the_network_is_not_told() -> None:
    assert told(SENDER, PortInterval("p", NOW, "up", "available"), NOW) is None
    assert told(SENDER, Decision(NOW, "bay-1", 6_000, "x", 6_000, "y"), NOW) is None


def test_the_topics_are_those_of_the_document() -> None:
    addresses = {channel["address"] for channel in ASYNCAPI["channels"].values()}
    for message in MESSAGES.values():
        assert message is not None
        assert message.topic.replace("grid/north-yard", "{root}") in addresses


@settings(max_examples=100, deadline=None)
@given(st.builds(Session), st.integers(1, 2**60))
def test_every_session_makes_a_message(row: Session, seq: int) -> None:
    message = told(SENDER, row, NOW)
    assert message is not None
    payload = numbered(message.payload, seq)
    assert wrong("SessionMessage", payload) == []
    assert msgspec.json.decode(payload, type=SessionMessage).seq == seq
    assert json.loads(payload) == of(message) | {"seq": seq}


### The document


def test_the_document_is_asyncapi_3() -> None:
    schema = json.loads(gzip.decompress(ASYNCAPI_3.read_bytes()))
    found = [
        f"{list(e.absolute_path)}: {e.message}"
        for e in jsonschema.Draft7Validator(schema).iter_errors(ASYNCAPI)
    ]
    assert found == []
    assert list(jsonschema.Draft7Validator(schema).iter_errors(ASYNCAPI | {"channels": 3}))


def resolve(reference: str) -> Any:
    name, _, path = reference.partition("#/")
    file = ROOT / "docs" / name if name else None
    node = ASYNCAPI if file is None else yaml.safe_load(file.read_text())  # JSON is YAML
    for part in path.split("/"):
        node = node[part]
    return node


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("reference", sorted(references(ASYNCAPI)))
def test_every_reference_leads_somewhere(reference: str) -> None:
    assert resolve(reference)


def examples() -> list[tuple[str, Any]]:
    return [
        (message["payload"]["$ref"].rsplit("/", 1)[1], example["payload"])
        for message in ASYNCAPI["components"]["messages"].values()
        for example in message.get("examples", [])
    ]


@pytest.mark.parametrize(("name", "example"), examples(), ids=lambda v: v if isinstance(v, str) else "")
def test_the_examples_of_the_document_are_right(name: str, example: Any) -> None:
    assert wrong(name, json.dumps(example).encode()) == []
    if name == "Ack":
        msgspec.convert(example, Ack)
    else:
        assert isinstance(
            msgspec.convert(example, dict(zip(MESSAGES, AnyMessage.__args__, strict=True))[name]), AnyMessage
        )


def test_the_judge_of_openadr_can_refuse() -> None:
    assert openadr_errors("notification", {"objectType": "EVENT", "operation": "EAT", "object": {}})
