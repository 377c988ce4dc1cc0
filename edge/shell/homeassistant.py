"""The depot in Home Assistant, read-only: discovery messages and states over MQTT.  It listens to nothing.

    HomeAssistant(site, clock…).run(desk)      for as long as the daemon runs

Rule 1: a device of Home Assistant for the site, for every node and for every charger; each has one discovery
        message (retained) and one state, a JSON object, every ten seconds and when what it does changes.
Rule 2: what is not known is null, never 0; a state that is older than a minute is shown as unavailable.
Rule 3: nothing here names a vehicle or a driver, and nothing is kept for later: this is a view.

Source: Home Assistant, MQTT integration, "Device discovery payload" (since 2024.12); sensor.mqtt and
binary_sensor.mqtt for the keys of components.
"""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

from edge.model.site import HomeAssistant as Settings
from edge.model.site import Site
from edge.model.units import PHASE_NAMES
from edge.shell.answers import ChargerStatus, NodeStatus, Status
from edge.shell.desk import Desk
from edge.shell.mqtt import MqttLink, NotDelivered, Presence
from edge.shell.release import release

log = logging.getLogger("edge.homeassistant")

EVERY_S = 10
EXPIRES_S = 60
KINDS = ["charging", "waiting", "paused", "free", "fault", "offline"]

Json = dict[str, Any]


class HomeAssistant:
    """Tell one broker of Home Assistant about one site."""

    def __init__(self, site: Site, settings: Settings) -> None:
        """Prepare the connection.  Raises mqtt.BadBroker where a file of it is missing."""
        self._site = site
        self._settings = settings
        self._root = f"{settings.root}/{site.id}"
        self._connected = asyncio.Event()
        self._told: dict[str, tuple[str, ...]] = {}
        self._link = MqttLink(
            "home_assistant",
            settings.broker,
            f"depot-{site.id}-home-assistant",
            presence=Presence(f"{self._root}/available", lambda: b"online", b"offline", lambda: b"offline"),
            on_link=self._on_link,
            persistent=False,
        )

    def _on_link(self, up: bool, why: str) -> None:
        log.info("home assistant: %s", "connected" if up else why)
        if up:
            self._connected.set()

    async def run(self, desk: Desk) -> None:
        """Announce the site at each connection, then tell its state.  Ends when it is cancelled."""
        self._link.start()
        second = 0
        try:
            async for status in desk.subscribe():
                if self._connected.is_set():
                    self._connected.clear()
                    self._told.clear()
                    await self._announce(status)
                self._tell(status, everything=second % EVERY_S == 0)
                second += 1
        finally:
            await self._link.close()

    async def _announce(self, status: Status) -> None:
        for name, payload in announcements(self._site, self._root, status):
            topic = f"{self._settings.prefix}/device/{name}/config"
            try:
                await self._link.publish(topic, json.dumps(payload).encode(), retain=True, within_s=5)
            except NotDelivered as trouble:
                log.warning("%s", trouble)
                self._connected.set()  # again with the next second
                return

    def _tell(self, status: Status, everything: bool) -> None:
        """Send the states: all of them, or those of which a person would see the change at once."""
        for topic, state, seen in states(status):
            if everything or self._told.get(topic) != seen:
                self._link.mention(f"{self._root}/{topic}", json.dumps(state).encode())
                self._told[topic] = seen


def states(status: Status) -> Iterator[tuple[str, Json, tuple[str, ...]]]:
    """Yield (topic, state, what is worth a message of its own when it changes)."""
    event = next((e for e in status.events if e.step == "active"), None)
    yield "site", {
        "power_w": status.power_w,
        "price": _price(status),
        "fallback": "ON" if status.fallback else "OFF",
        "event": event.words if event else "none",
    }, (status.fallback, event.id if event else "")  # fmt: skip
    for node in status.nodes:
        yield f"node/{node.id}", _node(node), ()
    for charger in status.chargers:
        yield f"charger/{charger.id}", _charger(charger), (charger.kind, charger.promise)


def _price(status: Status) -> float | None:
    """Return the price now, per kWh; None where none is known."""
    now = [p.price_micro for p in status.prices if p.from_wall_ms <= status.wall_ms < p.to_wall_ms]
    return now[0] / 1e6 if now else None


def _node(node: NodeStatus) -> Json:
    state: Json = {"power_w": node.power_w}
    for n, phase in enumerate(PHASE_NAMES):
        key = phase.lower()
        state[f"{key}_a"] = node.flowing_ma[n] / 1000 if node.flowing_ma else None
        state[f"{key}_limit_a"] = node.limit_ma[n] / 1000
    return state


def _charger(charger: ChargerStatus) -> Json:
    return {
        "power_w": charger.power_w,
        "granted_a": charger.granted_ma / 1000,
        "session_wh": charger.session_wh,
        "state": charger.kind,
        "problem": "ON" if charger.kind in ("fault", "offline") else "OFF",
        "ready": charger.ready[:255],  # longer ones Home Assistant refuses
    }


def announcements(site: Site, root: str, status: Status) -> Iterator[tuple[str, Json]]:
    """Yield (object id, discovery payload) of the site, of every node, and of every charger."""
    main = _name("depot", site.id)
    own = {
        "power": sensor("Power", "power_w", "power", "W"),
        "price": sensor("Price", "price", unit=f"{site.currency}/kWh"),
        "fallback": problem("Fallback currents", "fallback"),
        "event": text("Utility event", "event"),
    }
    yield main, _device(main, site.name or site.id, f"{root}/site", root, own)
    for node in status.nodes:
        parts = {"power": sensor("Power", "power_w", "power", "W")}
        for phase in PHASE_NAMES:
            key = phase.lower()
            parts[key] = sensor(f"Current {phase}", f"{key}_a", "current", "A")
            parts[f"{key}_limit"] = sensor(f"Limit {phase}", f"{key}_limit_a", "current", "A")
        name = _name(main, "node", node.id)
        yield name, _device(name, f"{site.id} {node.id}", f"{root}/node/{node.id}", root, parts, main)
    for charger in status.chargers:
        parts = {
            "power": sensor("Power", "power_w", "power", "W"),
            "granted": sensor("Granted current", "granted_a", "current", "A"),
            "session": {
                **sensor("Session energy", "session_wh", "energy", "Wh"),
                "state_class": "total_increasing",
            },
            "state": {**text("State", "state"), "device_class": "enum", "options": KINDS},
            "problem": problem("Problem", "problem"),
            "ready": text("Ready", "ready"),
        }
        name = _name(main, "charger", charger.id)
        yield (
            name,
            _device(name, charger.name or charger.id, f"{root}/charger/{charger.id}", root, parts, main),
        )


def _name(*parts: str) -> str:
    """Return an object id of discovery: letters, digits, _ and - only."""
    return "_".join(parts).replace(".", "_")


def sensor(name: str, key: str, kind: str = "", unit: str = "") -> Json:
    """Return a component that shows a figure of the state."""
    more = {"device_class": kind} if kind else {}
    return {**text(name, key), **more, "unit_of_measurement": unit, "state_class": "measurement"}


def text(name: str, key: str) -> Json:
    """Return a component that shows a word of the state."""
    return {
        "platform": "sensor",
        "name": name,
        "value_template": f"{{{{ value_json.{key} }}}}",
        "expire_after": EXPIRES_S,
    }


def problem(name: str, key: str) -> Json:
    """Return a component that is on while something is wrong."""
    return {**text(name, key), "platform": "binary_sensor", "device_class": "problem"}


def _device(
    name: str, title: str, state_topic: str, root: str, parts: dict[str, Json], via: str = ""
) -> Json:
    """Return the payload of one device; unique ids are those of the site file, so that they last."""
    return {
        "device": {
            "identifiers": [name],
            "name": title,
            "manufacturer": "depot-edge",
            **({"via_device": via} if via else {}),
        },
        "origin": {"name": "depot-edge", "sw_version": release()},
        "availability_topic": f"{root}/available",
        "state_topic": state_topic,
        "components": {key: {**part, "unique_id": f"{name}_{key}"} for key, part in parts.items()},
    }
