"""`depot utility`: examples that are right, messages that arrive, answers that are read."""

import json
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.cli.utilityexamples import EXAMPLES, Wish, example
from edge.core.demand_terms import refusal
from edge.core.signals import APPLIED
from edge.core.timeline import stretches
from edge.shell.openadr import read
from tests.fakes.brokers import free_port, mosquitto, needs_mosquitto
from tests.fakes.openadr_schema import errors

NOW = datetime(2026, 7, 1, 16, 20, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_strict_and_is_obeyed(name: str) -> None:
    found = example(name, Wish(NOW))
    request = {key: value for key, value in found.items() if key not in ("id", "createdDateTime")}
    del request["modificationDateTime"], request["objectType"]
    assert errors("event", found) == []
    assert errors("eventRequest", request, closed=True) == []
    operation, event = read(json.dumps(found).encode(), "utility/events/create", NOW_MS)
    assert operation == "CREATE"
    assert refusal(event, "USD") is None
    holds = stretches(event, NOW_MS, NOW_MS + 2 * 86_400_000)
    assert bool(holds) == (name != "limit-stop")
    assert {each.type for each in holds} <= APPLIED


def test_an_example_is_what_was_wished_for() -> None:
    found = example("limit", Wish(NOW, "evening", 25, 45))
    _, event = read(json.dumps(found).encode(), "t", NOW_MS)
    (stretch,) = stretches(event, NOW_MS, NOW_MS + 86_400_000)
    assert (event.program_id, stretch.values) == ("evening", (25,))
    assert (stretch.from_wall_ms, stretch.to_wall_ms) == (NOW_MS + 1_000, NOW_MS + 1_000 + 45 * 60_000)


def test_stopping_is_about_the_same_event() -> None:
    later = Wish(NOW + timedelta(minutes=1))
    assert example("limit-stop", later)["id"] == example("limit-now", Wish(NOW))["id"]


def words(capsys: pytest.CaptureFixture[str], *line: str, code: int = 0) -> tuple[str, str]:
    assert main(["utility", *line]) == code
    return capsys.readouterr()


def test_examples_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    listed, _ = words(capsys, "example")
    assert all(name in listed for name in EXAMPLES)
    shown, _ = words(capsys, "example", "prices", "--program", "tou")
    assert json.loads(shown)["programID"] == "tou"


def heard(port: int, count: int, *topics: str) -> "subprocess.Popen[bytes]":
    """Debian's own subscriber."""
    named = [word for topic in topics for word in ("-t", topic)]
    line = ["mosquitto_sub", "-p", str(port), "-q", "1", "-C", str(count), "-W", "15", "-v", *named]
    started = subprocess.Popen(line, stdout=subprocess.PIPE)
    time.sleep(0.5)
    return started


@needs_mosquitto
@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_what_is_sent_arrives_as_a_notification(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    with mosquitto(tmp_path) as broker:
        ear = heard(broker.port, 2, "u/events/#")
        there = ["--broker", f"mqtt://127.0.0.1:{broker.port}", "--protocol", protocol, "--topic", "u/events"]
        _, said = words(capsys, "example", "limit", "--kw", "25", "--send", *there)
        assert "IMPORT_CAPACITY_LIMIT 25 KW; limit: the import of the site" in said
        words(capsys, "example", "limit", "--send", "--operation", "delete", *there)
        output, _ = ear.communicate(timeout=20)
    lines = [line.split(" ", 1) for line in output.decode().splitlines()]
    assert [topic for topic, _ in lines] == ["u/events/create", "u/events/delete"]
    for _, message in lines:
        assert errors("notification", json.loads(message)) == []
    first, second = (json.loads(message) for _, message in lines)
    assert first["object"]["id"] == second["object"]["id"]


@needs_mosquitto
def test_a_file_gets_what_a_server_would_add(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = {
        key: value for key, value in example("limit", Wish(NOW)).items() if key not in ("id", "objectType")
    }
    del event["createdDateTime"], event["modificationDateTime"]
    (tmp_path / "event.json").write_text(json.dumps(event))
    with mosquitto(tmp_path) as broker:
        line = ["send", str(tmp_path / "event.json"), "--broker", f"mqtt://127.0.0.1:{broker.port}", "--json"]
        sent, _ = words(capsys, *line, "--bare", "--retain")
        late = heard(broker.port, 1, "utility/events/+")  # it is kept for who comes later
        output, _ = late.communicate(timeout=20)
    topic, message = output.decode().split(" ", 1)
    (told,) = json.loads(sent)
    assert topic == told["topic"] == "utility/events/create"
    assert json.loads(message) == told["event"]
    assert errors("event", json.loads(message)) == []


@needs_mosquitto
def test_what_a_depot_refuses_is_not_sent_unless_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event: dict[str, Any] = example("limit", Wish(NOW))
    event["intervals"][0]["payloads"][0]["values"] = [-5]
    (tmp_path / "event.json").write_text(json.dumps(event))
    line = ["send", str(tmp_path / "event.json")]
    with mosquitto(tmp_path) as broker:
        there = ["--broker", f"mqtt://127.0.0.1:{broker.port}"]
        _, said = words(capsys, *line, *there, code=2)
        assert "a depot refuses it: interval 0: IMPORT_CAPACITY_LIMIT: expected 0 or more, got -5" in said
        words(capsys, *line, *there, "--as-is")


@needs_mosquitto
def test_watching_says_what_a_depot_reads_and_what_it_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = {
        "eventID": "e-1", "clientName": "depot-17",
        "payloadDescriptors": [{"payloadType": "USAGE", "units": "KWH"}],
        "resources": [{"resourceName": "AGGREGATED_REPORT", "intervals": [
            {"id": 0, "payloads": [{"type": "USAGE", "values": [1.5]}]}]}],
    }  # fmt: skip

    def publish(port: int) -> None:
        time.sleep(1.5)
        for topic, message in (
            ("utility/events/create", json.dumps(example("simple", Wish(datetime.now(UTC))))),
            ("utility/events/update", '{"id": "e/1"}'),
            ("utility/reports/depot-17", json.dumps(report)),
        ):
            line = ["mosquitto_pub", "-p", str(port), "-q", "1", "-t", topic, "-m", message]
            subprocess.run(line, check=True, timeout=10)

    with mosquitto(tmp_path) as broker:
        speaker = threading.Thread(target=publish, args=(broker.port,))
        speaker.start()
        line = ["watch", "--broker", f"mqtt://127.0.0.1:{broker.port}", "--count", "3", "--seconds", "30"]
        seen, _ = words(capsys, *line, "--json")
        speaker.join()
    event, refused, told = json.loads(seen)
    assert event["kind"] == "event" and "SIMPLE 2; limit: charging at most a share" in event["words"][1]
    assert refused["kind"] == "refused" and "programID: expected" in refused["words"][0]
    assert told["words"] == [
        "report of depot-17 on event e-1", "AGGREGATED_REPORT interval 0: USAGE 1.5 KWH",
    ]  # fmt: skip


def test_nobody_there_is_a_no(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cli.utility.CONNECT_S", 0.5)
    there = f"mqtt://127.0.0.1:{free_port()}"
    _, said = words(capsys, "example", "limit", "--send", "--broker", there, code=1)
    assert "the broker does not let us in: Connection refused" in said


@needs_mosquitto
def test_a_refused_login_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mosquitto(tmp_path, "allow_anonymous false\n") as broker:
        there = f"mqtt://127.0.0.1:{broker.port}"
        _, said = words(capsys, "watch", "--seconds", "5", "--broker", there, code=1)
    assert "the broker does not let us in: refused: Not authorized" in said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["example", "nothing"], "expected one of limit, "),
        (["example", "limit", "--minutes", "0"], "expected 1 or more"),
        (["example", "limit", "--send"], "--broker: expected mqtts://user@host:port"),
        (["example", "limit", "--send", "--broker", "http://x"], "--broker http://x: expected a broker"),
        (
            ["example", "limit", "--send", "--broker", "mqtt://x", "--topic", "a/+"],
            "--topic a/+: expected a topic",
        ),
        (["send", "/nowhere"], "/nowhere: expected an event as JSON"),
        (["watch", "--broker", "mqtts://x", "--ca-file", "/nowhere"], "ca_file /nowhere"),
    ],
)
def test_a_wrong_call_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: list[str], told: str
) -> None:
    monkeypatch.delenv("DEPOT_UTILITY_BROKER", raising=False)
    _, said = words(capsys, *line, code=2)
    assert told in said
