"""edge/shell/mqtt.py against a real Mosquitto, which is killed, started again, and refuses things."""

import asyncio
import atexit
import contextlib
import functools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from edge.model.site import Broker
from edge.shell import mqtt
from edge.shell.mqtt import BadBroker, Incoming, MqttLink, NotDelivered, Presence
from tests.fakes.brokers import free_port, mosquitto, needs_mosquitto

PROTOCOLS = pytest.mark.parametrize("protocol", ["3.1.1", "5"])


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 40))


async def until(what: Callable[[], Any], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def at(port: int, protocol: str = "5", **fields: Any) -> Broker:
    return Broker(
        host="127.0.0.1", port=port, **({"tls": False, "protocol": protocol, "keepalive_s": 5} | fields)
    )


class Ear:
    """Keeps what a link said."""

    def __init__(self, answers: bool = True) -> None:
        self.messages: list[Incoming] = []
        self.links: list[tuple[bool, str]] = []
        self._answers = answers

    def hear(self, message: Incoming) -> None:
        self.messages.append(message)
        if self._answers:
            message.done()

    def link(self, up: bool, why: str) -> None:
        self.links.append((up, why))

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]


def link(broker: Broker, client_id: str, ear: Ear, *topics: str, **fields: Any) -> MqttLink:
    made = MqttLink(
        "utility", broker, client_id, subscriptions=topics, on_message=ear.hear, on_link=ear.link, **fields
    )
    made.start()
    return made


@needs_mosquitto
@PROTOCOLS
def test_a_message_goes_and_comes(tmp_path: Path, protocol: str) -> None:
    async def story(port: int) -> None:
        ear = Ear()
        here = link(at(port, protocol), "here", ear, "u/#")
        await until(lambda: here.connected)
        await here.publish("u/report", b"{}", key="k-1")
        words = ["mosquitto_pub", "-p", str(port), "-t", "u/events", "-m", "hello", "-q", "1"]
        await asyncio.to_thread(subprocess.run, words, check=True, timeout=5)
        await until(lambda: ear.payloads == [b"{}", b"hello"])
        assert ear.links == [(True, "")]
        assert [m.topic for m in ear.messages] == ["u/report", "u/events"]
        await here.close()
        with pytest.raises(NotDelivered, match="not connected"):
            await here.publish("u/report", b"{}")

    with mosquitto(tmp_path) as broker:
        run(story(broker.port))


@needs_mosquitto
@PROTOCOLS
def test_what_was_not_done_comes_again(tmp_path: Path, protocol: str) -> None:
    async def story(port: int) -> None:
        deaf, hearing, out = Ear(answers=False), Ear(), Ear()
        sender = link(at(port, protocol), "sender", out)
        first = link(at(port, protocol), "depot", deaf, "u/#")
        await until(lambda: first.connected and sender.connected)
        await asyncio.sleep(0.2)
        await sender.publish("u/1", b"one")
        await until(lambda: deaf.payloads == [b"one"])
        await first.close()
        await sender.publish("u/2", b"two")  # while nobody listens: the session is kept
        second = link(at(port, protocol), "depot", hearing, "u/#")
        await until(lambda: sorted(hearing.payloads) == [b"one", b"two"])
        await second.close()
        await sender.close()

    with mosquitto(tmp_path) as broker:
        run(story(broker.port))


@needs_mosquitto
def test_birth_will_and_farewell(tmp_path: Path) -> None:
    async def story(port: int) -> None:
        watch, ear = Ear(), Ear()
        watcher = link(at(port), "watcher", watch, "n/status")
        await until(lambda: watcher.connected)
        births = iter([b"birth 1", b"birth 2"])
        presence = Presence("n/status", lambda: next(births), b"lost", lambda: b"farewell")
        depot = link(at(port), "depot", ear, presence=presence)
        await until(lambda: watch.payloads == [b"birth 1"])
        depot._hang_up()  # the line breaks without a word
        await until(lambda: watch.payloads == [b"birth 1", b"lost", b"birth 2"])
        assert [up for up, _ in ear.links] == [True, False, True]
        await depot.close()
        await until(lambda: watch.payloads[3:] == [b"farewell"])
        late = Ear()
        latecomer = link(at(port), "latecomer", late, "n/status")
        await until(lambda: late.payloads == [b"farewell"])
        assert late.messages[0].retained
        await watcher.close()
        await latecomer.close()

    with mosquitto(tmp_path) as broker:
        run(story(broker.port))


@needs_mosquitto
@PROTOCOLS
def test_a_broker_that_dies_is_found_again(tmp_path: Path, protocol: str) -> None:
    with mosquitto(tmp_path) as broker:

        async def story() -> None:
            ear = Ear()
            here = link(at(broker.port, protocol), "here", ear, "u/#")
            await until(lambda: here.connected)
            broker.kill()
            await until(lambda: not here.connected)
            with pytest.raises(NotDelivered, match="utility: not connected"):
                await here.publish("u/x", b"lost")
            await until(lambda: len(ear.links) >= 2 and "refused" in ear.links[-1][1])
            broker.start()
            await until(lambda: here.connected)
            await here.publish("u/x", b"again")  # the new broker knows no session: subscribed anew
            await until(lambda: ear.payloads == [b"again"])
            await here.close()

        run(story())


@needs_mosquitto
def test_a_publish_waits_out_a_lost_line(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:

        async def story() -> None:
            ear = Ear()
            here = link(at(broker.port), "here", ear, "u/#")
            await until(lambda: here.connected)
            here._hang_up()
            assert here.connected  # it does not know yet
            await here.publish("u/x", b"through")
            await until(lambda: b"through" in ear.payloads)
            await here.close()

        run(story())


def with_password(folder: Path) -> str:
    users = folder / "users"
    subprocess.run(
        ["mosquitto_passwd", "-c", "-b", str(users), "depot", "right"], check=True, capture_output=True
    )
    acl = folder / "acl"
    acl.write_text("user depot\ntopic readwrite ours/#\n")
    return f"allow_anonymous false\npassword_file {users}\nacl_file {acl}\n"


@needs_mosquitto
def test_what_the_acl_forbids_is_an_error(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right\n")

    async def story(port: int) -> None:
        here = link(at(port, username="depot", password_file=str(secret)), "here", Ear())
        await until(lambda: here.connected)
        await here.publish("ours/x", b"1")
        with pytest.raises(NotDelivered, match="theirs/x: Not authorized") as refused:
            await here.publish("theirs/x", b"1")
        assert refused.value.refused
        await here.close()

    with mosquitto(tmp_path, with_password(tmp_path)) as broker:
        run(story(broker.port))


@needs_mosquitto
@PROTOCOLS
def test_a_refused_login_says_so_and_is_tried_again(tmp_path: Path, protocol: str) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong")

    async def story(port: int) -> None:
        ear = Ear()
        here = link(at(port, protocol, username="depot", password_file=str(secret)), "here", ear)
        await until(lambda: ear.links)
        await asyncio.sleep(2.5)  # a second attempt fails in the same way and is not told again
        assert ear.links == [(False, "refused: Not authorized")]
        await here.close()

    with mosquitto(tmp_path, with_password(tmp_path)) as broker:
        run(story(broker.port))
        assert broker.log.read_text().count("not authorised") >= 2


EC = "ec_paramgen_curve:prime256v1"  # quick to make


@functools.cache
def made_certificates() -> Path:
    """Make a CA, a server's and a client's certificate, once: keys take their time."""
    folder = Path(tempfile.mkdtemp(prefix="depot-certificates-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", EC, "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    for name in ("server", "depot"):
        openssl("req", "-newkey", "ec", "-pkeyopt", EC, "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "san", "-out", f"{name}.pem")  # fmt: skip
    return folder


def certificates(folder: Path) -> str:
    """Put a CA, a server's and a client's certificate there; return Mosquitto's settings."""
    shutil.copytree(made_certificates(), folder, dirs_exist_ok=True)
    return (
        f"cafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n"
        "require_certificate true\nuse_identity_as_username true\ntls_version tlsv1.2\n"
    )


@needs_mosquitto
def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    async def story(port: int) -> None:
        files = {"cert_file": f"{tmp_path}/depot.pem", "key_file": f"{tmp_path}/depot.key", "tls": True}
        ear, wrong, without = Ear(), Ear(), Ear()
        here = link(at(port, ca_file=f"{tmp_path}/ca.pem", **files), "here", ear)
        other = link(at(port, ca_file=f"{tmp_path}/other.pem", **files), "other", wrong)
        bare = link(at(port, ca_file=f"{tmp_path}/ca.pem", tls=True), "bare", without)
        await until(lambda: ear.links and wrong.links and without.links)
        assert ear.links == [(True, "")]
        assert not wrong.links[0][0] and "certificate: " in wrong.links[0][1]
        assert not without.links[0][0] and not bare.connected
        await here.publish("x", b"1")
        for each in (here, other, bare):
            await each.close()

    with mosquitto(tmp_path, certificates(tmp_path)) as broker:
        run(story(broker.port))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"username": "depot", "password_file": "/nowhere/pw"},
            "network.broker: password_file /nowhere/pw: No such",
        ),
        (
            {"tls": True, "ca_file": "/nowhere/ca"},
            "network.broker: ca_file /nowhere/ca: expected certificates in PEM",
        ),
        (
            {"tls": True, "cert_file": "/nowhere/c"},
            "network.broker: cert_file /nowhere/c, key_file in the same file",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_named(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadBroker) as refused:
        MqttLink("network", at(1, **fields), "x")
    assert expected in str(refused.value)


class Fake:
    """A server that answers CONNECT, SUBSCRIBE and PUBLISH of MQTT 5 with the bytes that a test wants."""

    CONNACK = b"\x20\x03\x00\x00\x00"

    def __init__(self, connack: bytes = CONNACK, suback: bytes = b"", after: bytes = b"") -> None:
        self.port = free_port()
        self.visits = 0
        self._connack, self._suback, self._after = connack, suback, after
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Fake":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1_000):
                if data[0] >> 4 == 1:
                    writer.write(self._connack + self._after)
                if data[0] >> 4 == 8:
                    writer.write(b"\x90\x04" + data[2:4] + b"\x00" + self._suback)
                if not self._connack.startswith(self.CONNACK):
                    break
                await writer.drain()
            writer.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        {"connack": b""},  # hangs up
        {"connack": b"\x31\xff\xff\xff\xff\x01"},  # a length that cannot be
        {"after": b"\x30\x04\xff\xffxx"},  # a topic that is longer than its packet
        {"after": b"\x30\x06\x00\x01x\x02\xff\x00"},  # a property that does not exist
        {"suback": b"\x55"},  # a reason code that does not exist
        {"after": b"\x30\x04\x00\x01\xff\x00" + b"\x40\x01\x00"},  # a topic that is not UTF-8, a short PUBACK
    ],
)
def test_a_server_that_talks_nonsense_does_no_harm(nonsense: dict[str, bytes]) -> None:
    async def story() -> None:
        async with Fake(**nonsense) as server:
            ear = Ear()
            here = link(at(server.port, "5"), "here", ear, "u/#")
            await until(lambda: server.visits >= 3, 15)
            assert all(message.topic == "a topic that is not UTF-8" for message in ear.messages)
            began = time.monotonic()
            await here.close()
            assert time.monotonic() - began < 3

    run(story())


def test_a_network_thread_that_breaks_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """paho before 2.2 lets a broken packet end its thread; the connection would be gone without a word."""
    real, calls = paho.Client.loop_forever, []

    def breaks(self: paho.Client, *args: Any) -> Any:
        calls.append(self)
        if len(calls) < 3:
            raise IndexError("bytearray index out of range")
        return real(self, *args)

    monkeypatch.setattr(paho.Client, "loop_forever", breaks)
    monkeypatch.setattr(mqtt, "BACK_OFF_S", (0.1, 0.2))

    async def story() -> None:
        async with Fake() as server:
            ear = Ear()
            here = link(at(server.port, "5"), "here", ear)
            await until(lambda: here.connected)
            assert ear.links == [(False, "broken packet: bytearray index out of range"), (True, "")]
            await here.close()

    run(story())


def test_a_refused_subscription_is_told() -> None:
    async def story() -> None:
        async with Fake(suback=b"\x87") as server:
            ear = Ear()
            here = link(at(server.port, "5"), "here", ear, "u/#")
            await until(lambda: len(ear.links) == 2)
            assert ear.links == [(True, ""), (True, "subscription to u/#: Not authorized")]
            await here.close()

    run(story())


def test_a_broker_that_does_not_acknowledge_is_left() -> None:
    async def story() -> None:
        async with Fake(suback=b"\x01") as server:
            ear = Ear()
            here = link(at(server.port, "5"), "here", ear)
            await until(lambda: here.connected)
            with pytest.raises(NotDelivered, match=r"u/x: no acknowledgement within 0.2 s"):
                await here.publish("u/x", b"", within_s=0.2)
            await until(lambda: server.visits == 2)  # a new line
            await until(lambda: here.connected)
            waiting = asyncio.create_task(here.publish("u/y", b""))
            await asyncio.sleep(0.1)
            await here.close()
            with pytest.raises(NotDelivered, match="closed before an acknowledgement"):
                await waiting

    run(story())


def test_a_server_that_says_nothing_does_not_delay_the_loop() -> None:
    async def story() -> None:
        port = free_port()
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", port)
        here = link(at(port), "here", Ear())
        longest = 0.0
        for _ in range(40):
            began = time.monotonic()
            await asyncio.sleep(0.05)
            longest = max(longest, time.monotonic() - began)
        assert longest < 0.5
        assert not here.connected
        await here.close()
        server.close()

    run(story())


@needs_mosquitto
@PROTOCOLS
def test_what_waited_at_the_broker_is_acknowledged_however_busy_the_loop_is(
    tmp_path: Path, protocol: str
) -> None:
    """The broker sends it with the connection, before the loop has heard of that.

    Without acknowledgements it sends no more than fit into its window: 20 (3.1.1), UNACKNOWLEDGED (5).
    """
    with mosquitto(tmp_path) as server:

        async def story() -> None:
            first = link(at(server.port, protocol), "ear", Ear(), "n/#")
            await until(lambda: first.connected)
            await asyncio.sleep(0.3)
            await first.close()
            mouth = link(at(server.port, protocol), "mouth", Ear())
            await until(lambda: mouth.connected)
            await asyncio.gather(*(mouth.publish("n/x", f"{n}".encode()) for n in range(90)))
            await mouth.close()
            ear = Ear()
            second = link(at(server.port, protocol), "ear", ear, "n/#")
            time.sleep(1)  # noqa: ASYNC251  the loop is busy while paho's thread is not
            await until(lambda: len(set(ear.payloads)) == 90)
            await second.close()

        run(story())
