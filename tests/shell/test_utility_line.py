"""edge/shell/utility.py and discovery.py: broker and VTN behind one face, with a store and the core's rules.

The other side is a Mosquitto and tests/fakes/vtn.py.  What the core makes of what is said is its own
demand_response.py, as in the daemon.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.core.demand_response import State, limit, opted, program_said, said
from edge.model.flow import AnyEvent, Forget, Link, OptOut, ProgramSaid, Remember, Tick, UtilitySaid
from edge.model.site import Broker, Node, Site, Token, Utility, Vtn
from edge.shell import utility as module
from edge.shell.clock import Clock
from edge.shell.mqtt import NotDelivered
from edge.shell.store import Store
from edge.shell.utility import REPORTS, UtilityLine
from tests.fakes.brokers import mosquitto, needs_mosquitto
from tests.fakes.vtn import FakeVtn, vtn
from tests.shell.test_mqtt import certificates, run, until

SITE = Site("yard", "Yard", "UTC", (Node("main", None, (63_000,) * 3),))


def event(kw: float, name: str = "e-1", seconds: int = 600, **more: Any) -> dict[str, Any]:
    start = datetime.now(UTC) - timedelta(seconds=1)
    return {
        "id": name,
        "programID": "p-1",
        "intervalPeriod": {"start": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "duration": f"PT{seconds}S"},
        "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [kw]}]}],
    } | more


class Depot:
    """The line with what stands around it in the daemon: the core's state, the store, the audit log."""

    def __init__(self, utility: Utility, folder: Path) -> None:
        self.state = State(programs=utility.programs, trusted=True)
        self.store = Store(folder / "store", "boot")
        self.clock = Clock()
        self.links: list[tuple[bool, str]] = []
        self.audit: list[str] = []
        self.said: list[UtilitySaid] = []
        self.programs: list[tuple[str, bool]] = []
        self.line = UtilityLine(
            SITE, utility, self.store, self.take, self.clock, lambda who, why: self.audit.append(why)
        )

    def take(self, what: AnyEvent) -> None:
        if isinstance(what, Link):
            self.links.append((what.up, what.why))
        if isinstance(what, ProgramSaid):
            self.programs.append((what.program_id, what.binding))
            self.state, _ = program_said(self.state, what)
        if isinstance(what, UtilitySaid):
            self.said.append(what)
            self.state, commands = said(self.state, what)
            for command in commands:
                if isinstance(command, Remember):
                    self.store.event_set(command.event)
                if isinstance(command, Forget):
                    self.store.event_remove(command.event_id)

    @property
    def limit_w(self) -> int | None:
        found = limit(self.state, Tick(self.clock.now_ms(), self.clock.wall_ms()))
        return found.limit_w if found else None


@asynccontextmanager
async def depot(folder: Path, **fields: Any) -> AsyncIterator[Depot]:
    words = {"broker": None, "event_topics": (), "report_topic": "", "ven_name": "depot-17"} | fields
    made = Depot(Utility(**words), folder)
    made.line.start()
    task = asyncio.create_task(made.line.run())
    try:
        yield made
        assert not task.done() or task.exception() is None
    finally:
        task.cancel()
        await made.line.close()
        made.store.close()


def polled(server: FakeVtn, poll_ms: int = 200) -> Vtn:
    return Vtn(server.url, poll_ms)


def told(work: Callable[[], Any]) -> None:
    run(work())


# --- by REST alone ------------------------------------------------------------------------------------


def test_an_event_is_polled_changed_and_deleted(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        server.put("programs", {"id": "p-1", "programName": "evening-peak"})
        server.put("events", event(40))
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: found.limit_w == 40_000)
            await until(lambda: found.links == [(True, "")])
            server.put("events", event(25))
            await until(lambda: found.limit_w == 25_000)
            await asyncio.sleep(0.5)
            assert len(found.said) == 2  # what is polled again is not said again
            server.remove("events", "e-1")
            await until(lambda: found.limit_w is None)
            assert [each.operation for each in found.said] == ["CREATE", "UPDATE", "DELETE"]
            assert found.audit == []

    with vtn() as server:
        run(story(server))


def test_programs_by_name_are_ours_and_others_are_not_asked_for(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        server.put("programs", {"id": "p-1", "programName": "evening-peak"})
        server.put("programs", {"id": "p-2", "programName": "others"})
        server.put("events", event(40))
        server.put("events", event(10, "e-2", programID="p-2"))
        wanted = ("evening-peak", "no-such")
        async with depot(tmp_path, vtn=polled(server), programs=wanted) as found:
            await until(lambda: found.limit_w == 40_000)
            await asyncio.sleep(0.5)
            assert {each.event.id for each in found.said} == {"e-1"}
            assert found.audit == ["programs: the vtn has none called no-such"]

    with vtn() as server:
        run(story(server))


def test_a_binding_program_says_so_and_there_is_no_opting_out(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        binding = {"type": "BINDING_EVENTS", "values": [True]}
        server.put("programs", {"id": "p-1", "programName": "evening-peak", "attributes": [binding]})
        server.put("programs", {"id": "p-2", "programName": "other", "attributes": []})
        server.put("events", event(40))
        async with depot(tmp_path, vtn=polled(server), programs=("evening-peak",)) as found:
            await until(lambda: found.limit_w == 40_000)
            assert found.programs == [("evening-peak", True)]
            found.state, commands = opted(found.state, OptOut(0, 0, "e-1", "no"))
            assert found.limit_w == 40_000
            assert [type(each).__name__ for each in commands] == ["Audit"]
            server.put("programs", {"id": "p-1", "programName": "evening-peak", "bindingEvents": False})
            await until(lambda: found.programs[1:] == [("evening-peak", False)])
            found.state, _ = opted(found.state, OptOut(0, 0, "e-1", "no"))
            assert found.limit_w is None

    with vtn() as server:
        run(story(server))


def test_an_event_that_only_asks_for_reports_is_deleted_too(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        asks = {"reportDescriptors": [{"payloadType": "USAGE"}], "intervals": []}
        server.put("events", event(40, "e-r") | asks)
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: bool(found.said))
            server.remove("events", "e-r")
            await until(lambda: len(found.said) == 2)
            await asyncio.sleep(0.6)
            assert [each.operation for each in found.said] == ["CREATE", "DELETE"]

    with vtn() as server:
        run(story(server))


def test_a_bad_event_is_named_once_and_the_good_one_beside_it_holds(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        server.put("events", event(10, "e-0", intervals=[{"id": "x", "payloads": []}]))
        server.put("events", event(40))
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: found.limit_w == 40_000)
            await asyncio.sleep(0.6)
            (why,) = found.audit
            assert why.startswith(f"GET {server.url}/events[0]: intervals[0].id: expected a whole number")

    with vtn() as server:
        run(story(server))


def test_a_server_that_fails_changes_nothing_and_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.1)

    async def story(server: FakeVtn) -> None:
        server.put("events", event(40))
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: found.limit_w == 40_000)
            server.faults = lambda method, path: 503
            await until(lambda: bool(found.links) and not found.links[-1][0])
            assert "503: made to fail" in found.links[-1][1]
            assert found.limit_w == 40_000
            server.faults = lambda method, path: None
            await until(lambda: found.links[-1] == (True, ""))
            assert found.limit_w == 40_000 and len(found.said) == 1

    with vtn() as server:
        run(story(server))


def test_an_answer_that_nobody_thought_of_does_not_end_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*words: Any) -> Any:
        raise KeyError("x")

    async def story(server: FakeVtn) -> None:
        server.put("events", event(40))
        real = module.read_listing
        monkeypatch.setattr(module, "read_listing", broken)
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: bool(found.links))
            assert found.links == [(False, "our mistake: KeyError('x')")]
            monkeypatch.setattr(module, "read_listing", real)
            await until(lambda: found.limit_w == 40_000)

    with vtn() as server:
        run(story(server))


def test_half_a_listing_deletes_nothing(tmp_path: Path) -> None:
    """An event that is missing from a list is only gone when the server says so of itself."""

    async def story(server: FakeVtn) -> None:
        server.put("events", event(40))
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: found.limit_w == 40_000)
            real = server.answer

            def forgetful(method: str, path: str, *more: Any) -> tuple[int, Any]:
                return (200, []) if path.endswith("/events") else real(method, path, *more)

            server.answer = forgetful  # type: ignore[method-assign]
            asked = len(server.asked)
            await until(lambda: len(server.asked) > asked + 8)
            assert found.limit_w == 40_000

    with vtn() as server:
        run(story(server))


def test_now_is_when_the_server_got_it_not_when_we_look(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        long_ago = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        start = {"start": "0001-01-01", "duration": "PT1H"}
        server.put("events", event(10, "e-old", intervalPeriod=start, modificationDateTime=long_ago))
        server.put("events", event(40, "e-new", intervalPeriod=start))
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: len(found.said) >= 2)
            assert found.limit_w == 40_000

    with vtn() as server:
        run(story(server))


REPORT = {
    "eventID": "e-1",
    "clientName": "depot-17",
    "resources": [{"resourceName": "AGGREGATED_REPORT", "intervals": [{"id": 0, "payloads": []}]}],
}


def test_a_report_goes_to_the_server_and_a_refusal_says_why(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        server.put("events", event(40))
        async with depot(tmp_path, vtn=polled(server)) as found:
            assert found.line.report_topic == REPORTS and found.line.connected
            await found.line.publish(REPORTS, json.dumps(REPORT).encode(), key="k-1")
            assert [each["reportName"] for each in server.reports] == ["k-1"]
            strange = REPORT | {"eventID": "e-9"}
            with pytest.raises(NotDelivered, match="400: Bad Request: no event e-9") as refused:
                await found.line.publish(REPORTS, json.dumps(strange).encode(), key="k-2")
            assert refused.value.refused
            assert [each for each in found.audit if "report k-2: " in each and "no event e-9" in each]
            server.faults = lambda method, path: 503
            with pytest.raises(NotDelivered) as passing:
                await found.line.publish(REPORTS, json.dumps(REPORT).encode(), key="k-3")
            assert not passing.value.refused

    with vtn() as server:
        run(story(server))


def test_a_slow_server_holds_nobody_up(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        server.faults = lambda method, path: time.sleep(1.0)
        async with depot(tmp_path, vtn=polled(server)):
            await asyncio.sleep(0.2)
            began = time.monotonic()
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert time.monotonic() - began < 0.8
            began = time.monotonic()
        assert time.monotonic() - began < 0.8

    with vtn() as server:
        run(story(server))


# --- broker and server --------------------------------------------------------------------------------


def mqtt_notifier(port: int, **authentication: str) -> dict[str, Any]:
    how = {"method": "ANONYMOUS"} | authentication
    uris = ["mqtt://elsewhere.example:1883", f"mqtt://127.0.0.1:{port}"]
    return {"WEBHOOK": True, "MQTT": {"URIS": uris, "serialization": "JSON", "authentication": how}}


@needs_mosquitto
def test_broker_and_topics_are_discovered(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        server.put("programs", {"id": "p-1", "programName": "evening-peak"})
        async with depot(tmp_path, vtn=polled(server, 60_000), programs=("evening-peak",)) as found:
            await until(lambda: found.line.mqtt is not None and found.line.mqtt.connected)
            assert found.line.mqtt and found.line.mqtt._subscriptions == (
                "programs/p-1/events/create", "programs/p-1/events/update", "programs/p-1/events/delete",
            )  # fmt: skip
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.put, "events", event(40))
            await until(lambda: found.limit_w == 40_000)
            await asyncio.to_thread(server.remove, "events", "e-1")
            await until(lambda: found.limit_w is None)
            assert [each.topic for each in found.said] == [
                "programs/p-1/events/create", "programs/p-1/events/delete",
            ]  # fmt: skip
            vens = server.objects["vens"].values()
            assert [each["venName"] for each in vens] == ["depot-17"]
            assert server.wrong == [] and found.audit == []

    with mosquitto(tmp_path) as broker, vtn(broker=broker.port) as server:
        server.notifiers = mqtt_notifier(broker.port)
        run(story(server))


@needs_mosquitto
def test_what_was_missed_is_read_when_the_broker_is_back(tmp_path: Path) -> None:
    """The broker forgets everything when it is killed: the server is asked, and it is right."""
    with mosquitto(tmp_path) as broker, vtn(broker=broker.port) as server:

        async def story() -> None:
            vtn_ = polled(server, 60_000)
            here = Broker("127.0.0.1", broker.port, tls=False, keepalive_s=5)
            async with depot(tmp_path, vtn=vtn_, broker=here, event_topics=("programs/+/events/+",)) as found:
                await until(lambda: found.line.mqtt is not None and found.line.mqtt.connected)
                await asyncio.to_thread(server.put, "events", event(40))
                await asyncio.to_thread(server.put, "events", event(50, "e-2"))
                await until(lambda: found.limit_w == 40_000)
                found.line._heard_ms.clear()  # as if it were a while ago
                broker.kill()
                await until(lambda: found.line.mqtt is not None and not found.line.mqtt.connected)
                server.put("events", event(30), notify=False)
                server.remove("events", "e-2", notify=False)
                server.put("events", event(35, "e-3"), notify=False)
                broker.start()
                await until(lambda: set(found.state.known) == {"e-1", "e-3"})
                assert found.limit_w == 30_000
                assert all(up for up, _ in found.links)  # there was always a way to the utility

        run(story())


@needs_mosquitto
def test_a_token_is_the_password_and_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mosquitto has no OAuth2: its log shows who came; that the token is a real one is known at the VTN."""
    monkeypatch.setattr("edge.shell.mqtt.RENEW_S_MIN", 0.5)
    (tmp_path / "secret").write_text("s3cret")

    async def story(server: FakeVtn, log: Path) -> None:
        server.life_s = 2
        token = Token("ven_client", str(tmp_path / "secret"))
        async with depot(tmp_path, vtn=polled(server, 60_000), token=token) as found:
            await until(lambda: found.line.mqtt is not None and found.line.mqtt.connected)
            link = found.line.mqtt
            assert link is not None
            first = link._client._password
            await until(lambda: link._client._password != first and link.connected, 15)
            passwords = {first.decode(), link._client._password.decode()}
            assert passwords <= set(server.tokens) and len(passwords) == 2
            assert link._client._username == b"ven_client"
        assert "u'ven_client'" in await asyncio.to_thread(log.read_text)

    with mosquitto(tmp_path) as broker, vtn(clients={"ven_client": "s3cret"}) as server:
        server.notifiers = mqtt_notifier(broker.port, method="OAUTH2_BEARER_TOKEN", username="{clientID}")
        run(story(server, broker.log))


@needs_mosquitto
def test_a_token_without_a_vtn(tmp_path: Path) -> None:
    """MQTT alone: the token's endpoint stands in the site file; while it fails, the reason is told."""
    (tmp_path / "secret").write_text("wrong")

    async def story(server: FakeVtn, port: int) -> None:
        here = Broker("127.0.0.1", port, tls=False, username="depot-17", login="bearer")
        token = Token("ven_client", str(tmp_path / "secret"), f"{server.url}/auth/token")
        async with depot(
            tmp_path, broker=here, event_topics=("e/#",), report_topic="r", token=token
        ) as found:
            await until(lambda: bool(found.links))
            assert not found.links[0][0] and "401 invalid_client" in found.links[0][1]
            (tmp_path / "secret").write_text("s3cret")
            await until(lambda: found.links[-1][0], 20)
            assert found.line.mqtt and found.line.mqtt._client._username == b"depot-17"

    with mosquitto(tmp_path) as broker, vtn(clients={"ven_client": "s3cret"}) as server:
        run(story(server, broker.port))


@needs_mosquitto
def test_certificates_of_the_server_are_used(tmp_path: Path) -> None:
    settings = certificates(tmp_path)

    def pem(name: str) -> str:
        return (tmp_path / name).read_text()

    async def story(server: FakeVtn, log: Path) -> None:
        async with depot(tmp_path, vtn=polled(server, 60_000)) as found:
            await until(lambda: found.line.mqtt is not None and found.line.mqtt.connected)
        assert "u'depot'" in await asyncio.to_thread(log.read_text)  # the certificate's common name

    with mosquitto(tmp_path, settings) as broker, vtn() as server:
        server.notifiers = mqtt_notifier(
            broker.port, method="CERTIFICATE", caCert=pem("ca.pem"), clientCert=pem("depot.pem"),
            clientKey=pem("depot.key"),
        )  # fmt: skip
        server.notifiers["MQTT"]["URIS"] = [f"mqtts://127.0.0.1:{broker.port}"]
        run(story(server, broker.log))


def binding(uri: str, method: str = "ANONYMOUS", **more: Any) -> dict[str, Any]:
    return {"MQTT": {"URIS": [uri], "authentication": {"method": method, "caCert": "x"}} | more}


@pytest.mark.parametrize(
    ("notifiers", "why"),
    [
        ({"WEBHOOK": True}, None),
        (binding("mqtt://b.example"), "mqtts://, got mqtt://b.example"),
        (binding("mqtts://b.example", URIS=[]), "URIS: the address of a broker"),
        (binding("mqtts://127.0.0.1:1", "MAGIC"), "method: expected ANONYMOUS"),
        (binding("mqtts://b.example", serialization="XML"), "serialization: expected JSON"),
        (binding("mqtts://127.0.0.1:1", "CERTIFICATE"), "certificates in PEM"),
    ],
)
def test_without_a_broker_that_can_be_used_it_is_polled(
    tmp_path: Path, notifiers: dict[str, Any], why: str | None
) -> None:
    async def story(server: FakeVtn) -> None:
        server.notifiers = notifiers
        server.put("events", event(40))
        async with depot(tmp_path, vtn=polled(server)) as found:
            await until(lambda: found.limit_w == 40_000)
            await until(lambda: any(path == "/notifiers" for _, path in server.asked))
            await asyncio.sleep(0.5)
            assert found.line.mqtt is None
            assert len(found.audit) == (why is not None)
            assert why is None or (found.audit[0].startswith("no broker: ") and why in found.audit[0])

    with vtn() as server:
        run(story(server))


# --- stored copies ------------------------------------------------------------------------------------


@needs_mosquitto
def test_a_retained_now_is_when_it_was_made(tmp_path: Path) -> None:
    """Told apart by its modificationDateTime; without one, nobody can say when now was."""
    now = datetime.now(UTC)

    async def story(port: int) -> None:
        start = {"start": "0001-01-01", "duration": "PT1H"}
        stamps = {"e-old": now - timedelta(hours=2), "e-new": now - timedelta(minutes=1), "e-none": None}
        fields = {"event_topics": ("e/#",), "report_topic": "r"}
        async with depot(tmp_path, broker=Broker("127.0.0.1", port, tls=False), **fields) as first:
            await until(lambda: first.line.connected)
            for n, (name, stamp) in enumerate(stamps.items()):
                made = event(10.0 * (n + 1), name, intervalPeriod=start)
                if stamp:
                    made["modificationDateTime"] = stamp.strftime("%Y-%m-%dT%H:%M:%SZ")
                await first.line.publish(f"e/{name}", json.dumps(made).encode(), retain=True)
            await until(lambda: len(first.said) == 3)  # live: now is when they came
            assert first.limit_w == 10_000
        (tmp_path / "again").mkdir()
        other = Broker("127.0.0.1", port, tls=False, client_id="other")
        async with depot(tmp_path / "again", broker=other, **fields) as later:  # hears of them only now
            await until(lambda: len(later.said) == 2 and later.audit)
            assert later.limit_w == 20_000
            assert (
                "e/e-none: modificationDateTime: expected a time, for this is a stored copy" in later.audit[0]
            )

    with mosquitto(tmp_path) as broker:
        run(story(broker.port))
