"""Everything on real wires: drivers and bus masters against the twin; outside clients against the daemon."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from drivers import library
from edge.core.controller import Controller
from edge.model.flow import Event, Identified, Lost, Noted, Reading, SetCurrent, SetRelays, Tick
from edge.model.site import Address, Board, Charger, Line, Meter, Node, Site
from edge.shell import buses, control
from edge.shell.clock import Clock
from edge.shell.controlusers import AskTokenAdd, AskUserAdd
from edge.shell.sitefile import load
from edge.sim import demo
from edge.sim.demosite import free_ports
from edge.sim.depot import Depot
from edge.sim.judge import Judge
from edge.sim.simulator import Simulator, monotonic_ms
from tests.fakes.asyncapi import Document

PER_PHASE = ("l1", "l2", "l3")

TRAFFIC = Path()  # what the broker carried, one JSON object a line

CLIENTS = ("mosquitto", "mosquitto_pub", "mosquitto_sub", "mbpoll")
MISSING = [name for name in CLIENTS if shutil.which(name) is None]
needs_clients = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The demonstration's site on free ports."""
    text = (files("edge.sim") / "data" / "demo.toml").read_text()
    drawn = sorted(set(re.findall(r'tcp = "127\.0\.0\.1:(\d+)"', text)))
    for old, new in zip(drawn, free_ports(len(drawn)), strict=True):
        text = text.replace(f":{old}", f":{new}")
    text = text.replace("/tmp/depot-demo-rs485", str(tmp_path / "rs485"))
    text = text.replace('tariff = "pge_bev_2_s.toml"', "")
    (tmp_path / "site.toml").write_text(text)
    return load(tmp_path / "site.toml")


class Wired:
    """The twin on its wires, the bus masters, and optionally the core between them."""

    def __init__(self, site: Site, seed: int, *, core: bool) -> None:
        self.depot = Depot(site, seed)
        self.judge = Judge(self.depot)
        self.simulator = Simulator(self.depot)
        self.simulator.listeners.append(self.judge.see)
        self.events: list[Event] = []
        self.core = Controller(site) if core else None
        self.masters = buses.build(site, self.take, Clock())
        self.master_of = {m: master for master in self.masters for m in master.members}
        self.records = 0

    def take(self, event: Event) -> None:
        self.events.append(event)
        if self.core is not None:
            for command in self.core.handle(event):  # type: ignore[arg-type]
                if isinstance(command, SetCurrent):
                    expires_ms = event.at_ms + command.valid_for_ms
                    self.master_of[command.charger].set_current(
                        command.charger, command.current_ma, expires_ms
                    )
                if isinstance(command, SetRelays):
                    expires_ms = event.at_ms + command.valid_for_ms
                    self.master_of[command.board].set_relays(command.board, command.relays, expires_ms)
                self.records += isinstance(command, Noted)

    def latest(self, device: str) -> Reading:
        return next(e for e in reversed(self.events) if isinstance(e, Reading) and e.device == device)

    async def run(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Run for so long, or until it is enough."""
        await self.simulator.start()
        work = [
            asyncio.create_task(self.simulator.run()),
            *(asyncio.create_task(m.run()) for m in self.masters),
        ]
        work.append(asyncio.create_task(self._tick()))
        try:
            ends = monotonic_ms() + seconds * 1000
            while monotonic_ms() < ends and not enough():
                done, _ = await asyncio.wait(work, timeout=0.5, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
        finally:
            for master in self.masters:
                master.stop()
            await asyncio.wait(work[1:-1], timeout=3)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self.simulator.stop()

    async def _tick(self) -> None:
        while self.core is not None:
            now = monotonic_ms()
            await asyncio.sleep((1000 - now % 1000) / 1000)
            self.take(Tick(monotonic_ms(), 1_796_000_000_000 + monotonic_ms()))


def test_the_drivers_read_the_twin_as_it_is(site: Site) -> None:
    """Register tables (drivers/) and register maps of the twin (edge/sim/families) share nothing."""
    wired = Wired(site, seed=1, core=False)
    for bay in wired.depot.chargers.values():
        bay.energy_wh = 12_345.0
    for meter in wired.depot.meters.values():
        meter.import_wh = [1_000_000.0, 2_000_000.0, 3_000_000.0]
    asyncio.run(wired.run(6))
    found = {e.device for e in wired.events if isinstance(e, Identified)}
    assert found == {d.id for d in (*site.meters, *site.chargers, *site.boards)}
    assert [e for e in wired.events if isinstance(e, Lost)] == []
    for meter in wired.depot.meters.values():
        seen, shown = wired.latest(meter.id).values, meter.shown
        for n, p in enumerate(PER_PHASE):
            assert seen[f"current_{p}_ma"] == pytest.approx(shown.currents_a[n] * 1000, abs=8_000)
            assert seen[f"voltage_{p}_mv"] == pytest.approx(shown.voltages_v[n] * 1000, abs=2_000)
        assert seen["power_w"] == pytest.approx(shown.power_w, rel=0.4)
    for bay in wired.depot.chargers.values():
        values = {
            k: v
            for e in wired.events
            if isinstance(e, Reading) and e.device == bay.id
            for k, v in e.values.items()
        }
        assert values["state"] in "ABC"
        assert values["voltage_l1_mv"] == pytest.approx(230_000, abs=3_000)
        assert values["energy_import_wh"] == pytest.approx(bay.energy_wh, abs=60)


def test_the_core_on_real_wires_breaks_nothing(site: Site) -> None:
    wired = Wired(site, seed=2, core=True)
    asyncio.run(wired.run(10))
    assert wired.records >= 7
    assert wired.judge.report()["violations"] == []
    assert all(c.told is not None for c in wired.depot.chargers.values())
    assert sum(c.energy_wh for c in wired.depot.chargers.values()) > 2
    assert {e.device for e in wired.events if isinstance(e, Lost)} == set()


def every_family(folder: Path) -> Site:
    """Draw a site with one device of every family, each on a host or line of its own."""
    nodes = [Node("main", None, (200_000,) * 3, other_max_ma=(60_000,) * 3)]
    meters, chargers, boards, lines = [], [], [], []
    ports = iter(free_ports(len(library.names())))
    for n, name in enumerate(library.names()):
        table = library.load(name)
        way = table.transports[0]
        at = Address(unit=way.unit, tcp=f"127.0.0.1:{next(ports)}")
        if way.type != "tcp":
            framing = "ascii" if way.type == "ascii" else "rtu"
            lines.append(Line(f"line-{n}", str(folder / name), way.baud, way.format, framing))
            at = Address(unit=way.unit, line=f"line-{n}")
        if table.kind == "meter":
            nodes.append(Node(f"node-{n}", "main", (63_000,) * 3, other_max_ma=(10_000,) * 3, meter=name))
            meters.append(Meter(name, name, at))
        elif table.kind == "board":
            boards.append(Board(name, name, at))
        else:
            chargers.append(Charger(name, "main", name, at, max_ma=16_000))
    return Site(
        "all", "all", "UTC", tuple(nodes), tuple(meters), tuple(chargers),
        boards=tuple(boards), lines=tuple(lines),
    )  # fmt: skip


def test_every_family_is_recognised_and_read_on_real_wires(tmp_path: Path) -> None:
    """TCP, RTU and ASCII, each line at its own rate; KEBA takes its time."""
    site = every_family(tmp_path)
    wired = Wired(site, seed=1, core=False)
    names = set(library.names())

    def heard(kind: type) -> set[str]:
        return {e.device for e in wired.events if isinstance(e, kind)}

    asyncio.run(wired.run(40, lambda: heard(Reading) == names))
    assert heard(Identified) == names
    assert heard(Reading) == names
    assert [e for e in wired.events if isinstance(e, Lost)] == []


# -- the daemon, from outside ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo.Running]:
    """The whole demonstration; what follows talks to it with Debian's own clients."""
    with (
        demo.started(free_ports(1)[0], seed=5) as running,
        overheard(running, tmp_path_factory.mktemp("heard")),
    ):
        yield running


@contextmanager
def overheard(running: demo.Running, folder: Path) -> Iterator[None]:
    """Have Debian's subscriber write down all that goes over the broker, while the demonstration runs."""
    global TRAFFIC  # noqa: PLW0603
    TRAFFIC = folder / "traffic"
    if MISSING:
        yield
        return
    login = ["-h", "127.0.0.1", "-p", str(running.site.broker_port), "-u", "observer"]
    login += [
        "-P",
        running.passwords["observer"],
        "-q",
        "1",
        "-t",
        "utility/#",
        "-t",
        "network/#",
        "-F",
        "%j",
    ]
    with TRAFFIC.open("wb") as file:
        ear = subprocess.Popen(["mosquitto_sub", *login], stdout=file)
        try:
            yield
        finally:
            ear.terminate()
            ear.wait(10)


def mosquitto(program: str, running: demo.Running, user: str, *words: str, payload: bytes = b"") -> str:
    """Run mosquitto_pub or mosquitto_sub as one of the broker's users; return what it prints."""
    login = [
        "-h",
        "127.0.0.1",
        "-p",
        str(running.site.broker_port),
        "-u",
        user,
        "-P",
        running.passwords[user],
    ]
    done = subprocess.run(
        [program, *login, *words], input=payload, capture_output=True, timeout=60, check=False
    )
    assert done.returncode in (0, 27), done.stderr  # 27: mosquitto_sub -W has waited long enough
    return done.stdout.decode()


def told(running: demo.Running, *words: str) -> Any:
    """Return what a `depot` command answers in JSON."""
    command = [sys.executable, "-m", "edge.cli", *words, "--state", str(running.site.state), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main_power_w(running: demo.Running) -> float:
    """Read the main meter's total power with mbpoll, past everything of ours."""
    port = re.search(r'id = "main-meter".*?tcp = "127\.0\.0\.1:(\d+)"', running.site.site.read_text(), re.S)
    assert port
    words = [
        "mbpoll",
        "-m",
        "tcp",
        "-p",
        port[1],
        "-a",
        "1",
        "-0",
        "-r",
        "19026",
        "-t",
        "4:float",
        "-B",
        "-c",
        "1",
    ]
    done = subprocess.run(
        [*words, "-1", "-q", "127.0.0.1"], capture_output=True, text=True, timeout=20, check=True
    )
    value = re.search(r"^\[19026\]:\s+(\S+)", done.stdout, re.M)
    assert value
    return float(value[1])


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


def limit(id: str, kw: float, seconds: int) -> bytes:
    """An event as a bare object, without the notification around it and with only what is required."""
    event = {
        "id": id,
        "programID": "p",
        "intervalPeriod": {"start": "0001-01-01T00:00:00Z", "duration": f"PT{seconds}S"},
        "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [kw]}]}],
    }
    return json.dumps(event).encode()


CREATE = ("-t", "utility/programs/p/events/create", "-q", "1", "-s")


@needs_clients
def test_a_session_reaches_the_network_and_the_gateway_is_online(depot: demo.Running) -> None:
    retained = mosquitto(
        "mosquitto_sub", depot, "network", "-t", "network/demo-depot/status", "-C", "1", "-W", "10"
    )
    assert json.loads(retained)["state"] == "online"
    assert wait_for(lambda: depot.inbox.counts()["sessions"] > 0, 20)
    assert depot.inbox.unreadable == []


@needs_clients
def test_malformed_events_change_nothing(depot: demo.Running) -> None:
    for payload in (b"{", b"[]", b'{"programID": 7}', b"\xff\xfe", limit("e", -5, 10).replace(b"-5", b'"x"')):
        mosquitto("mosquitto_pub", depot, "utility", *CREATE, payload=payload)
    time.sleep(2)
    depot.check()
    status = told(depot, "status")
    assert status["age_ms"] < 3_000
    assert told(depot, "events") == []


@needs_clients
def test_a_bare_event_limits_what_flows_and_its_deletion_ends_it(depot: demo.Running) -> None:
    assert wait_for(lambda: main_power_w(depot) > 24_000, 60), "the depot never got busy"
    mosquitto("mosquitto_pub", depot, "utility", *CREATE, payload=limit("ev-1", 22.0, 600))
    assert wait_for(lambda: main_power_w(depot) <= 22_000, 13.2)
    assert [e["id"] for e in told(depot, "events")] == ["ev-1"]
    # Chargers may say that they stay off for their minimum time; the node always says whose limit it is.
    (main,) = (node for node in told(depot, "status")["nodes"] if node["parent"] is None)
    assert all(why.startswith("utility event ev-1, 22 kW") for why in main["because"])
    delete = ("-t", "utility/programs/p/events/delete", "-q", "1", "-s")
    mosquitto("mosquitto_pub", depot, "utility", *delete, payload=limit("ev-1", 22.0, 600))
    assert wait_for(lambda: all(e["step"] not in ("active", "near") for e in told(depot, "events")), 10)


@needs_clients
def test_what_others_publish_at_the_broker_does_not_reach_the_daemon(depot: demo.Running) -> None:
    """The network's login may not send the utility's events."""
    mosquitto("mosquitto_pub", depot, "network", *CREATE, payload=limit("ev-forged", 1.0, 600))
    time.sleep(2)
    assert "ev-forged" not in [e["id"] for e in told(depot, "events")]


@needs_clients
def test_what_goes_over_the_broker_is_what_asyncapi_says(depot: demo.Running, tmp_path: Path) -> None:
    """Every message of the gateway, and one of `depot utility`: its topic, QoS, retain and schema."""
    secret = tmp_path / "password"
    secret.write_text(depot.passwords["utility"])
    line = ["utility", "example", "limit", "--kw", "30", "--send", "--topic", "utility/programs/p/events"]
    there = f"mqtt://utility@127.0.0.1:{depot.site.broker_port}"
    command = [sys.executable, "-m", "edge.cli", *line, "--broker", there, "--password-file", str(secret)]
    subprocess.run(command, check=True, timeout=30, capture_output=True)
    assert wait_for(lambda: any("rehearsal" in str(each["payload"]) for each in traffic()), 10)
    time.sleep(4)  # something to report
    subprocess.run([*command, "--operation", "delete"], check=True, timeout=30, capture_output=True)
    reported = lambda each: each["topic"] == "utility/reports" and "try-" in str(each["payload"])  # noqa: E731
    assert wait_for(lambda: any(map(reported, traffic())), 20)
    utility = depot.drawn.utility
    assert utility is not None and depot.drawn.network is not None
    document = Document({
        "root": depot.drawn.network.root, "ack_topic": depot.drawn.network.ack_topic,
        "event_topic": utility.event_topics[0], "report_topic": utility.report_topic,
    })  # fmt: skip
    seen: dict[str, int] = {}
    for each in traffic():
        channel = document.channel(each["topic"])
        assert channel, f"{each['topic']}: in no channel of asyncapi.yaml"
        text = str(each["payload"])
        if channel == "event" and "rehearsal" not in text:  # this file's own, some of them wrong on purpose
            continue
        assert document.wrong(channel, each) == [], each
        seen[channel] = seen.get(channel, 0) + 1
    assert {"status", "session", "report", "event"} <= set(seen), seen


def traffic() -> list[dict[str, Any]]:
    """What was heard so far: topic, qos, retain, payload."""
    lines = TRAFFIC.read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


@needs_clients
def test_the_page_shows_the_lines_and_the_frames_on_them(depot: demo.Running) -> None:
    control.ask(depot.site.state, AskUserAdd("tester", "electrician"))
    _, secret = control.ask(depot.site.state, AskTokenAdd("trace", "electrician"))

    def asked(method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {secret}"}
        request = urllib.request.Request(f"{demo.page(depot.port)}{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    lines = asked("GET", "api/devices")
    found = {d["id"]: d for line in lines for d in line["devices"]}
    drawn = [*depot.drawn.meters, *depot.drawn.chargers, *depot.drawn.boards]
    assert set(found) == {d.id for d in drawn} and {d["state"] for d in found.values()} == {"found"}
    assert {line["kind"] for line in lines} == {"serial", "tcp"}
    trace = asked("POST", "api/devices/main-meter/trace?seconds=3")
    # Modbus Messaging on TCP/IP V1.0b, 3.1: transaction, protocol 0, length of what follows, unit.
    frames = [(f["direction"], bytes.fromhex(f["hex"])) for f in trace["frames"]]
    assert {direction for direction, _ in frames} == {"out", "in"}
    for _, data in frames:
        assert data[2:4] == b"\0\0" and int.from_bytes(data[4:6], "big") == len(data) - 6
    audit = asked("GET", "api/audit?text=trace")["lines"]
    assert any("token trace made as electrician" in line["what"] for line in audit)


@needs_clients
def test_the_wires_were_right_all_the_time(depot: demo.Running) -> None:
    assert depot.order("report")["report"]["violations"] == []
