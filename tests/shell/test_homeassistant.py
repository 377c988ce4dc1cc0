"""Home Assistant's view: what a subscriber at a real broker is told, against what its documentation asks."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from edge.model.site import Broker, HomeAssistant
from edge.shell import homeassistant, sitefile
from edge.shell.answers import Status
from tests.fakes.brokers import Mosquitto, needs_mosquitto
from tests.fakes.desk import Rig

pytestmark = needs_mosquitto

# The units that Home Assistant takes for a class (sensor, "Available device classes"), as far as we use them.
UNITS = {"power": "W", "current": "A", "energy": "Wh"}


class Listener:
    """What a broker has been told, by topic; like Home Assistant, it comes when everything has been said."""

    def __init__(self, port: int) -> None:
        self.heard: dict[str, Any] = {}
        self.retained: set[str] = set()
        self.news = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        text = message.payload.decode()
        self.heard[message.topic] = json.loads(text) if text.startswith("{") else text
        if message.retain:
            self.retained.add(message.topic)

    async def until(self, topic: str, value: object = None) -> Any:
        for _ in range(500):
            if topic in self.heard and value in (None, self.heard[topic]):
                return self.heard[topic]
            await asyncio.sleep(0.02)
        raise AssertionError(f"{topic} {value}: heard {self.heard}")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def tell(port: int) -> Listener:
    """Run the link over 26 seconds of the story; return what was heard, and what of it is retained."""
    rig = Rig()
    rig.tick(0)
    settings = HomeAssistant(Broker("127.0.0.1", port, tls=False))
    work = asyncio.create_task(homeassistant.HomeAssistant(rig.site, settings).run(rig.desk))
    early = Listener(port)
    await early.until(f"depot-edge/{rig.site.id}/available", "online")
    for second in range(1, 26):
        rig.tick(second)
        await asyncio.sleep(0.02)
    name = f"depot_{rig.site.id}_charger_bay-6"
    await early.until(f"homeassistant/device/{name}/config")
    await early.until(f"depot-edge/{rig.site.id}/charger/bay-6")
    late = Listener(port)
    await late.until(f"homeassistant/device/{name}/config")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await early.until(f"depot-edge/{rig.site.id}/available", "offline")
    late.close()
    early.close()
    early.retained = late.retained
    return early


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Listener:
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    broker.start()
    try:
        return asyncio.run(tell(broker.port))
    finally:
        broker.kill()


def configs(heard: Listener) -> dict[str, Any]:
    return {topic: said for topic, said in heard.heard.items() if topic.startswith("homeassistant/")}


def test_every_device_is_announced_and_stays_announced(heard: Listener) -> None:
    found = configs(heard)
    assert len(found) == 1 + 3 + 6  # site, nodes, chargers
    assert found.keys() <= heard.retained
    for topic, said in found.items():
        name = topic.split("/")[2]
        assert topic == f"homeassistant/device/{name}/config"
        assert said["device"]["identifiers"] == [name]
        assert said["origin"]["name"] == "depot-edge"  # required by device discovery


def test_every_component_is_one_that_home_assistant_takes(heard: Listener) -> None:
    """platform and unique_id are required in device discovery; a class has its unit; enum has its options."""
    ids = []
    for said in configs(heard).values():
        state = heard.heard[said["state_topic"]]
        for part in said["components"].values():
            assert part["platform"] in ("sensor", "binary_sensor")
            ids.append(part["unique_id"])
            key = part["value_template"].removeprefix("{{ value_json.").removesuffix(" }}")
            assert key in state
            kind = part.get("device_class")
            if kind in UNITS:
                assert part["unit_of_measurement"] == UNITS[kind]
                assert state[key] is None or isinstance(state[key], int | float)
            elif kind == "enum":
                assert state[key] in part["options"]
                assert "unit_of_measurement" not in part
            elif part["platform"] == "binary_sensor":
                assert state[key] in ("ON", "OFF")
                assert "state_class" not in part
            assert part["expire_after"] == 60
    assert len(set(ids)) == len(ids)


def test_states_say_what_the_depot_says(heard: Listener) -> None:
    site = next(topic.split("/")[1] for topic in heard.heard if topic.startswith("depot-edge/"))
    assert heard.heard[f"depot-edge/{site}/site"]["power_w"] in {s.power_w for s in _story()}
    assert heard.heard[f"depot-edge/{site}/site"]["price"] == 0.20199
    silent = heard.heard[f"depot-edge/{site}/charger/bay-6"]
    assert (silent["state"], silent["problem"]) == ("offline", "ON")
    assert silent["power_w"] is None  # unknown is not 0
    assert heard.heard[f"depot-edge/{site}/node/main"]["l2_a"] in {
        s.nodes[0].flowing_ma[1] / 1000 for s in _story() if s.nodes[0].flowing_ma
    }
    assert not [
        t for t in heard.retained if not t.startswith("homeassistant/") and not t.endswith("available")
    ]


def test_nothing_names_a_vehicle(heard: Listener) -> None:
    vehicles = {c.vehicle for c in next(_story()).chargers if c.vehicle}
    assert vehicles
    assert not [name for name in vehicles if name in json.dumps(heard.heard)]


def _story() -> Iterator[Status]:
    rig = Rig()
    for second in range(26):
        rig.tick(second)
        yield rig.desk.status()


def test_a_site_file_has_its_broker(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "good.toml").read_text()
    text = text.replace("../vectors", str(Path(__file__).parents[1] / "vectors"))
    path = tmp_path / "site.toml"
    path.write_text(text + '\n[home_assistant]\nbroker = "mqtt://ha@homeassistant.local"\nprefix = "ha"\n')
    found = sitefile.examine(path)
    assert found.site is not None, found.problems
    assert found.site.home_assistant is not None
    assert found.site.home_assistant.prefix == "ha"
    assert found.site.home_assistant.broker.host == "homeassistant.local"
    assert found.site.home_assistant.broker.username == "ha"
