"""A broker that is killed during events: no limit lost, none outlived, no report lost or doubled.

    DEPOT_KILLS=20 .venv/bin/pytest tests/shell/test_broker_killed.py -s       the whole of it: `make soak`

Two whole daemons share one Mosquitto, which is killed with SIGKILL at random moments of every event.  One has
MQTT alone: its utility publishes with QoS 1 and resends what is not acknowledged, and the broker keeps on its
disk what it acknowledges (autosave_on_changes).  The other has a REST server besides: its broker's messages
get lost for good, and what it does about that is to read the server when the broker is back.

What each daemon holds is looked up tick by tick in what it shows on its page, and compared with what its
utility has said; reports are counted where they arrive.
"""

import asyncio
import json
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.model.flow import Reading
from edge.model.records import EventStep, TickRecord
from edge.model.site import Address, Broker, Meter, Node, Response, Site, Utility, Vtn
from edge.shell import buses
from edge.shell.daemon import Daemon
from tests.fakes.brokers import Mosquitto, needs_mosquitto
from tests.fakes.vtn import FakeVtn, vtn
from tests.shell.test_mqtt import until

KILLS = int(os.environ.get("DEPOT_KILLS", "1"))
LASTS_S = 9.0
SETTLE_MS = 2_500  # a tick a second, and the machine of a test is noisy
GRIP_MS = 2_500


def event(name: str, start: float, kw: float) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    begin = datetime.fromtimestamp(start, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": name,
        "objectType": "EVENT",
        "programID": "p-1",
        "eventName": name,
        "createdDateTime": stamp,
        "modificationDateTime": stamp,
        "intervalPeriod": {"start": begin, "duration": f"PT{LASTS_S:g}S"},
        "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [kw]}]}],
    }


def site(name: str, utility: Utility) -> Site:
    meter = Meter("grid", "janitza_umg604", Address(1, tcp="127.0.0.1:1"))
    node = Node("main", None, (100_000,) * 3, meter="grid")
    return Site(
        name, name, "UTC", (node,), (meter,), utility=utility, response=Response(ramp_down_ms=0, ramp_up_ms=0)
    )


class Depot:
    """A daemon whose main meter shows 5 kW.  held: at each tick, UTC ms and the event's name or ""."""

    def __init__(self, name: str, utility: Utility, folder: Path) -> None:
        self.daemon = Daemon(site(name, utility), None, folder / name)
        self.held: list[tuple[int, str]] = []
        noted = self.daemon.desk.noted
        self.daemon.desk.noted = lambda record: (self._note(record), noted(record))[1]  # type: ignore[method-assign]

    def _note(self, record: TickRecord) -> None:
        because = record.nodes[0].because[0]
        name = because.partition("utility event ")[2].partition(" ")[0] if "utility event " in because else ""
        self.held.append((record.wall_ms, name.rstrip(",;:")))

    async def feed(self) -> None:
        values = {"current_l1_ma": 7_200, "current_l2_ma": 7_200, "current_l3_ma": 7_200, "power_w": 5_000}
        while True:
            self.daemon.say(Reading(self.daemon.clock.now_ms(), "grid", dict(values)))
            await asyncio.sleep(0.5)

    def received_ms(self, name: str) -> int:
        steps = [s for s in self.daemon.store._rows(EventStep, "WHERE event_id = ? ORDER BY wall_ms", name)]
        return next(step.wall_ms for step in steps if step.step == "received")

    def check(self, name: str, start_ms: int, end_ms: int) -> None:
        """Held from when it was heard of to its end, at every tick; and at no other."""
        since_ms = max(start_ms, self.received_ms(name)) + GRIP_MS
        within = [held for at_ms, held in self.held if since_ms <= at_ms < end_ms]
        assert within and set(within) == {name}, (name, within)
        outside = [at_ms for at_ms, held in self.held if held == name and not start_ms <= at_ms < end_ms]
        assert outside == [], (name, start_ms, end_ms, outside)


class MqttUtility:
    """The utility of the first depot: publishes with QoS 1, hears reports with a session of its own."""

    def __init__(self, port: int) -> None:
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "utility", protocol=paho.MQTTv5)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *more: client.subscribe("reports/#", qos=1)
        self.client.on_message = self._heard
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3_600
        self.client.connect("127.0.0.1", port, 5, clean_start=False, properties=properties)
        self.client.loop_start()

    def _heard(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        assert message.properties is not None
        self.reports.append((dict(message.properties.UserProperty)["key"], json.loads(message.payload)))

    def publish(self, value: dict[str, Any]) -> None:
        self.client.publish("events/create", json.dumps(value), qos=1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


async def killed(broker: Mosquitto, after_s: float, down_s: float) -> None:
    await asyncio.sleep(after_s)
    broker.kill()
    await asyncio.sleep(down_s)
    await asyncio.to_thread(broker.start)


async def play(
    broker: Mosquitto, first: MqttUtility, second: FakeVtn, dice: random.Random
) -> list[tuple[str, int, int]]:
    """Send one event after the other, and kill the broker during each.  Returns names, starts and ends."""
    said = []
    for n in range(KILLS):
        start = time.time() + 1.5
        name = f"peak-{n}"
        value = event(name, start, 20 + n)
        after_s, down_s = dice.uniform(0.0, LASTS_S), dice.uniform(0.3, 2.0)
        kill = asyncio.create_task(killed(broker, after_s, down_s))
        first.publish(value)
        await asyncio.to_thread(second.put, "events", value)  # its notification may get lost
        await kill
        await asyncio.sleep(max(0.0, start + LASTS_S + 0.5 - time.time()))
        said.append((name, int(start * 1000), int((start + LASTS_S) * 1000)))
    return said


@needs_mosquitto
@pytest.mark.timeout(120 + 30 * KILLS)
def test_no_limit_and_no_report_is_lost_outlived_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buses, "build", lambda *words: ())
    seed = int(os.environ.get("DEPOT_SEED", "7"))
    kept = tmp_path / "broker"
    kept.mkdir()
    settings = (
        f"allow_anonymous true\npersistence true\npersistence_location {kept}/\n"
        "autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\n"
    )
    broker = Mosquitto(tmp_path, settings)
    broker.start()

    async def story(server: FakeVtn) -> tuple[Depot, Depot, list[tuple[str, int, int]], MqttUtility]:
        here = Broker("127.0.0.1", broker.port, tls=False, keepalive_s=5)
        names = {"ven_name": "depot", "programs": ("p-1",)}
        first = Depot("mqtt", Utility(here, ("events/+",), "reports/mqtt", **names), tmp_path)
        by_rest = Utility(here, ("programs/+/events/+",), "", **names, vtn=Vtn(server.url, 60_000))
        second = Depot("rest", by_rest, tmp_path)
        utility = MqttUtility(broker.port)
        work = [
            asyncio.create_task(each)
            for depot in (first, second)
            for each in (depot.daemon.run(), depot.feed())
        ]
        try:
            lines = [depot.daemon.links.utility[0] for depot in (first, second) if depot.daemon.links.utility]
            await until(lambda: all(line.mqtt and line.mqtt.connected for line in lines))
            await asyncio.sleep(1.5)
            said = await play(broker, utility, server, random.Random(seed))
            await until(lambda: len({key for key, _ in utility.reports}) >= KILLS, 60)
            await until(lambda: len(server.reports) >= KILLS, 60)
            await asyncio.sleep(3)
            for depot in (first, second):
                for each in said:
                    depot.check(*each)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            utility.close()
        return first, second, said, utility

    try:
        with vtn(broker=broker.port) as server:
            server.put("programs", {"id": "p-1", "programName": "peak"})
            first, second, said, utility = asyncio.run(story(server))
            names = sorted(name for name, _, _ in said)
            assert sorted(each["eventID"] for each in server.reports) == names  # each once
            assert sorted({(key, report["eventID"]) for key, report in utility.reports}, key=str) == sorted(
                {
                    (key, name)
                    for name in names
                    for key in {k for k, r in utility.reports if r["eventID"] == name}
                }
            )
            assert len({key for key, _ in utility.reports}) == KILLS
            assert server.wrong == []
            again = len(utility.reports) - KILLS
            ticks = len(first.held) + len(second.held)
            print(
                f"\n{KILLS} kills, seed {seed}: {2 * KILLS} limits, {ticks} ticks, none lost or outlived; "
                f"{2 * KILLS} reports, none lost or doubled ({again} came again under their key)"
            )
    finally:
        broker.kill()
