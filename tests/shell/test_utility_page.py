"""docs/utility.md: its commands are run as they stand, and do what the page says."""

import asyncio
import os
import re
import subprocess
from pathlib import Path

import pytest

from edge.core.demand_response import State, limit, prices, said
from edge.model.flow import Tick, UtilitySaid
from edge.model.site import Broker
from edge.model.units import DAY_MS, HOUR_MS
from edge.shell.mqtt import Incoming, MqttLink
from edge.shell.openadr import BadMessage, read
from edge.shell.openadr_fields import wall_ms
from tests.fakes.brokers import mosquitto, needs_mosquitto

PAGE = (Path(__file__).parent.parent.parent / "docs" / "utility.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
NOON = wall_ms("2026-07-01T12:00:00Z")
assert isinstance(NOON, int)


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[Incoming]:
    """What a subscriber hears when the page's commands are run one after the other."""
    heard: list[Incoming] = []

    async def story(port: int) -> None:
        broker = Broker("127.0.0.1", port, tls=False)
        link = MqttLink(
            "utility", broker, "depot", subscriptions=("utility/events/+",), on_message=heard.append
        )
        link.start()
        await asyncio.sleep(0.5)
        for command in COMMANDS:
            before = len(heard)
            environment = os.environ | {"BROKER": "127.0.0.1", "PORT": str(port)}
            await asyncio.to_thread(
                subprocess.run, ["bash", "-ec", command], check=True, timeout=10, env=environment
            )
            async with asyncio.timeout(5):
                while len(heard) == before:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await link.close()

    with mosquitto(tmp_path_factory.mktemp("broker")) as server:
        asyncio.run(story(server.port))
    return heard


@needs_mosquitto
def test_the_commands_do_what_the_page_says(messages: list[Incoming]) -> None:
    assert len(messages) == 5
    state, limits = State(programs=("evening-peak",), trusted=True), []
    for message in messages[:4]:
        operation, event = read(message.payload, message.topic, NOON)
        state, _ = said(state, UtilitySaid(0, NOON, operation, event, message.topic))
        found = limit(state, Tick(0, NOON + HOUR_MS // 4))
        limits.append(found and found.limit_w)
    assert limits == [40_000, 25_000, None, None]
    day = wall_ms("2026-07-11T07:00:00Z")
    assert isinstance(day, int)
    told = [((p.from_wall_ms - day) // HOUR_MS, p.price_micro) for p in prices(state, day, day + DAY_MS)]
    assert told == [(0, 178_720), (9, 415_220), (18, 201_990)]


@needs_mosquitto
def test_the_wrong_one_is_refused(messages: list[Incoming]) -> None:
    with pytest.raises(BadMessage, match=r"utility/events/create: intervalPeriod.start: expected a time"):
        read(messages[4].payload, messages[4].topic, NOON)
