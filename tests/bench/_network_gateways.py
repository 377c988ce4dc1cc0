"""Simulated gateways: the product's outbox and its messages, over paho on one event loop; no depot behind.

The daemon runs paho in a thread of its own, as one gateway needs only one; five thousand of them in one
process share an event loop instead.  What is in memory here is SQLite there.
"""

import asyncio
import contextlib
import random
import socket
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from edge.model import messages
from edge.model.messages import Sender
from edge.model.records import Session
from edge.shell.mqtt import NotDelivered
from edge.shell.outbox import Outbox
from edge.shell.storeoutbox import Gone, OutboxRow

PORTS = 10
PUBACK_S = 30.0
BACK_OFF_S = (1.0, 5.0)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Counted(paho.Client):
    """paho's client that counts the bytes on its socket."""

    sent_bytes = received_bytes = 0

    def _sock_send(self, buf: Any) -> int:
        count = super()._sock_send(buf)
        self.sent_bytes += count
        return count

    def _sock_recv(self, bufsize: int) -> bytes:
        found = super()._sock_recv(bufsize)
        self.received_bytes += len(found)
        return found


class Line:
    """A connection that finds its way to a living node.  ports: of the nodes, tried in turn."""

    def __init__(self, client_id: str, ports: list[int], first: int, ack_topic: str) -> None:
        self.connected = False
        self.on_ack: Any = None
        self.on_up: Any = None
        self.reconnects = -1
        self._ports, self._at, self._ack_topic = ports, first, ack_topic
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._closing = False
        self.client = client = Counted(
            CallbackAPIVersion.VERSION2, client_id, clean_session=True, protocol=paho.MQTTv311
        )
        client.max_inflight_messages_set(0)
        client.suppress_exceptions = True
        client.on_socket_open = lambda c, u, sock: self._loop.add_reader(sock, c.loop_read)
        client.on_socket_close = lambda c, u, sock: self._closed(sock)
        client.on_socket_register_write = lambda c, u, sock: self._loop.add_writer(sock, c.loop_write)
        client.on_socket_unregister_write = lambda c, u, sock: self._loop.remove_writer(sock)
        client.on_connect = lambda c, u, flags, code, props: self._up(code)
        client.on_disconnect = lambda c, u, flags, code, props: self._down()
        client.on_publish = lambda c, u, mid, code, props: self._puback(mid)
        client.on_message = lambda c, u, message: self.on_ack(message.payload)

    def connect(self) -> None:
        """Try the next node; try again later if it is not there."""
        self._at += 1
        try:
            self.client.connect("127.0.0.1", self._ports[self._at % len(self._ports)], keepalive=60)
        except OSError:
            self._again()

    def _again(self) -> None:
        if not self._closing:
            self._loop.call_later(random.uniform(*BACK_OFF_S), self.connect)

    def _closed(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _up(self, code: Any) -> None:
        if code.is_failure:
            return
        self.connected = True
        self.reconnects += 1
        self.client.subscribe(self._ack_topic, qos=0)
        self.on_up()

    def _down(self) -> None:
        self.connected = False
        self._again()

    def _puback(self, mid: int) -> None:
        future = self._waiting.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(None)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, key: str = "") -> None:
        if not self.connected:
            raise NotDelivered("not connected")
        try:
            info = self.client.publish(topic, payload, qos=1, retain=retain)
        except (
            OSError,
            ValueError,
        ) as error:  # the socket closed under paho; the event loop will not have it
            raise NotDelivered(str(error)) from None
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise NotDelivered(paho.error_string(info.rc))
        future = self._waiting[info.mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(PUBACK_S):
                await asyncio.shield(future)
        except TimeoutError:
            with contextlib.suppress(Exception):
                self.client.socket().shutdown(socket.SHUT_RDWR)
            raise NotDelivered("no acknowledgement") from None

    def close(self) -> None:
        self._closing = True
        self.client.disconnect()


class Shelf:
    """What the store is to the outbox, in memory."""

    def __init__(self) -> None:
        self.rows: dict[int, OutboxRow] = {}  # pending
        self.given = 0

    def put(self, told: messages.Told) -> None:
        self.given += 1
        self.rows[self.given] = OutboxRow(self.given, "network", *told[:3], 0, told.lane)

    def outbox_pending(self, link: str, limit: int, after: int = 0) -> list[OutboxRow]:
        found = []
        for row in self.rows.values():
            if row.seq > after:
                found.append(row)
                if len(found) == limit:
                    break
        return found

    def outbox_done(self, link: str, seqs: list[int], wall_ms: int) -> None:
        for seq in seqs:
            self.rows.pop(seq, None)

    def outbox_again(self, link: str, first: int, last: int) -> list[Gone]:
        return []  # what is on the shelf is sent again anyway, and nothing else was ever acknowledged


class Gateway:
    """One site of ten ports."""

    def __init__(self, number: int, ports: list[int]) -> None:
        self.site = f"depot-{number:05d}"
        chargers = {f"bay-{n}": f"US*DEP*E{number:05d}*{n}" for n in range(PORTS)}
        self.sender = Sender(f"net/{self.site}", self.site, "bench", chargers, f"s{number:x}")
        self.shelf = Shelf()
        self.line = Line(self.site, ports, number, f"net/{self.site}/acks")
        self.box = Outbox(
            "network", self.shelf, self.line, wall_clock=wall_ms, confirmed=True, site=self.site,
            stamp=lambda row: messages.numbered(row.payload, row.seq), stream=self.sender.stream,
        )  # fmt: skip
        self.line.on_ack = self.box.acknowledged
        self.line.on_up = self.box.reconnected
        self.said = 0

    def say(self) -> None:
        """Record one session that has ended, and tell it."""
        self.said += 1
        row = Session(
            f"bay-{self.said % PORTS}-{self.said}-bench", f"bay-{self.said % PORTS}",
            wall_ms() - 3_600_000, wall_ms(), 3_600_000, 3_300_000, 10_000 + self.said, "counter", 11_040, 1,
            "unplugged",
        )  # fmt: skip
        told = messages.told(self.sender, row, wall_ms())
        assert told is not None
        self.shelf.put(told)
        self.box.wake()


class Fleet:
    """All gateways of a run."""

    def __init__(self, count: int, ports: list[int]) -> None:
        self.gateways = [Gateway(n, ports) for n in range(count)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, within_s: float) -> float:
        """Connect them all; return how long it took."""
        begun = time.monotonic()
        for n, gateway in enumerate(self.gateways):
            gateway.line.connect()
            self._tasks.append(asyncio.create_task(gateway.box.run()))
            if n % 20 == 0:
                await asyncio.sleep(0.02)
        self._tasks.append(asyncio.create_task(self._misc()))
        while not all(gateway.line.connected for gateway in self.gateways):
            if time.monotonic() - begun > within_s:
                lost = sum(not gateway.line.connected for gateway in self.gateways)
                raise TimeoutError(f"{lost} of {len(self.gateways)} gateways do not get in")
            await asyncio.sleep(0.05)
        return time.monotonic() - begun

    async def _misc(self) -> None:
        """Keep-alives, spread over their time."""
        while True:
            for n, gateway in enumerate(self.gateways):
                gateway.line.client.loop_misc()
                if n % 100 == 0:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(2)

    @property
    def waiting(self) -> int:
        return sum(len(gateway.shelf.rows) for gateway in self.gateways)

    @property
    def said(self) -> int:
        return sum(gateway.said for gateway in self.gateways)

    async def drained(self, within_s: float, down_to: int = 0) -> float:
        """Wait until so few messages wait, or the time is over; return how long it took."""
        begun = time.monotonic()
        while self.waiting > down_to:
            for task in self._tasks:
                if task.done():
                    task.result()  # a gateway that has died by itself ends the run
            if time.monotonic() - begun > within_s:
                break
            await asyncio.sleep(0.02)
        return time.monotonic() - begun

    async def stop(self) -> None:
        for gateway in self.gateways:
            gateway.line.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
