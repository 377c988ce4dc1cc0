"""The other ends of the depot's brokers, played by paho-mqtt: a utility, a network, and an observer.

They know the depot only by its topics.  The observer is what times are taken with: it says when the broker
delivered a message, on the system's monotonic clock.
"""

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.sim.simulator import monotonic_ms

PROGRAM = "demo-capacity"
CONNECT_S = 5.0


class CannotConnect(Exception):
    """A party does not get into the broker."""


class Party:
    """One login at the broker.  on_message(topic, payload, at_ms) runs in paho's thread."""

    def __init__(
        self,
        user: str,
        password: str,
        port: int,
        topics: tuple[str, ...] = (),
        on_message: Callable[[str, bytes, int], None] = lambda topic, payload, at_ms: None,
    ) -> None:
        self.user = user
        self._topics, self._on_message = topics, on_message
        self._up = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"demo-{user}")
        self.client.username_pw_set(user, password)
        self.client.on_connect = self._connected
        self.client.on_message = lambda client, data, m: self._on_message(
            m.topic, bytes(m.payload), monotonic_ms()
        )
        self.client.reconnect_delay_set(1, 5)
        self.client.connect_async("127.0.0.1", port, keepalive=30)
        self.client.loop_start()

    def _connected(
        self, client: paho.Client, data: Any, flags: Any, code: ReasonCode, properties: Properties | None
    ) -> None:
        if not code.is_failure:
            for topic in self._topics:
                client.subscribe(topic, qos=1)
            self._up.set()

    def ready(self) -> None:
        """Wait until it is in.  Raises CannotConnect."""
        if not self._up.wait(CONNECT_S):
            raise CannotConnect(f"{self.user} does not get into the demonstration's broker")

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Publish one JSON object with QoS 1; may be called where messages come in, and does not wait."""
        self.client.publish(topic, json.dumps(message), qos=1)

    def stop(self) -> None:
        """Say goodbye."""
        self.client.disconnect()
        self.client.loop_stop()


def capacity_event(limit_w: int, seconds: int, name: str) -> dict[str, Any]:
    """Return an OpenADR 3.1 event that starts now: import no more than limit_w for some seconds.

    Source: OpenADR 3.1.1, openadr3.yaml: event, eventPayloadDescriptor, valuesMap; User Guide §8.
    """
    now = datetime.now(UTC)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return {
        "id": f"demo-{uuid.uuid4().hex[:12]}",
        "createdDateTime": stamp,
        "modificationDateTime": stamp,
        "objectType": "EVENT",
        "programID": PROGRAM,
        "eventName": name,
        "priority": 0,
        "payloadDescriptors": [
            {
                "objectType": "EVENT_PAYLOAD_DESCRIPTOR",
                "payloadType": "IMPORT_CAPACITY_LIMIT",
                "units": "KW",
            }
        ],
        "intervalPeriod": {"start": stamp, "duration": f"PT{seconds}S"},
        "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [limit_w / 1000]}]}],
    }


def notification(event: dict[str, Any], operation: str = "CREATE") -> dict[str, Any]:
    """Wrap an event as a utility's server publishes it.  Source: OpenADR 3.1.1, schema notification."""
    return {"objectType": "EVENT", "operation": operation, "object": event}


def event_topic(operation: str = "create") -> str:
    """Return the topic of the demonstration's events."""
    return f"utility/programs/{PROGRAM}/events/{operation}"


@dataclass
class Arrivals:
    """When messages came by, by topic.  Filled in paho's thread; lists only grow."""

    heard: list[tuple[str, bytes, int]] = field(default_factory=list)

    def take(self, topic: str, payload: bytes, at_ms: int) -> None:
        """Note one message."""
        self.heard.append((topic, payload, at_ms))

    def when(self, needle: str) -> int | None:
        """Return when a message with `needle` in it came by first."""
        wanted = needle.encode()
        return next((at_ms for _, payload, at_ms in self.heard if wanted in payload), None)
