"""One connection to an MQTT broker: paho-mqtt's own thread on one side, the event loop on the other.

Rule 1: paho's network loop runs in its thread, because its connect() blocks on DNS, TCP and the TLS
    handshake, and a broker that does not answer must not delay a tick.  Nothing but call_soon_threadsafe
    crosses over; everything that the program sees happens in the event loop.
Rule 2: what came in is acknowledged to the broker only when the program says so (Incoming.done), and
    what goes out is delivered only when the broker has said so, with its reason code.
Rule 3: bounded memory.  At most IN_FLIGHT messages wait for PUBACK, at most WAITING for the program; nothing
    is queued while there is no connection, for that is the outbox's task (edge/shell/outbox.py).  How
    large a message may be, only a broker that speaks MQTT 5 can be told; in 3.1.1 it is its own setting.
Rule 4: a refused login, a lost line and a broken packet end in the same place: a new attempt after 1 to
    30 s, and the reason in on_link.
Rule 5: where the password is a token, each connection is made with one that is good for a while, and made
    anew before it runs out.  The session persists, so nothing is lost by that.

What messages mean is not here.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.model.site import Broker
from edge.shell import rest

log = logging.getLogger("edge.mqtt")

BACK_OFF_S = (1, 30)
SESSION_EXPIRY_S = 7 * 24 * 3600  # how long the broker keeps what we have missed (MQTT 5)
IN_FLIGHT = 16  # paho does not mind the broker's Receive Maximum; Mosquitto's is 20
WAITING = 1_000
# What the broker may send before we acknowledge.  The daemon does so once a second, after the disk has it:
# a limit must not wait long behind a day of retained prices.
UNACKNOWLEDGED = 64
MAX_PACKET_BYTES = 2 << 20  # twice the largest event; MQTT 5 brokers then drop what is larger
PUBACK_S = 30
RENEW_S_MIN = 10.0  # a token of seconds must not keep the line down


class BadBroker(Exception):
    """A broker's settings cannot be used.  Says link, key, file and expectation."""


class NotDelivered(Exception):
    """A message has not been acknowledged: not connected, refused, or no answer in time.

    refused: the broker has answered and does not want it ("Not authorized"); sending it again will not help.
    """

    def __init__(self, why: str, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class Presence(NamedTuple):
    """The retained message that says whether we are there.

    birth: made at each connection; will: sent by the broker when the line is lost; farewell: made at close.
    """

    topic: str
    birth: Callable[[], bytes]
    will: bytes
    farewell: Callable[[], bytes]


class Login(NamedTuple):
    """Who we are at each connection, where that changes.  Both are called in paho's thread and may block.

    words: user and password; raises OSError where there are none.  renew_in_s: when they should be replaced.
    """

    words: Callable[[], tuple[str, str]]
    renew_in_s: Callable[[], float]


class Incoming(NamedTuple):
    """A message from the broker.  Call done() when it is safe; without it the broker sends it again."""

    topic: str
    payload: bytes
    retained: bool
    done: Callable[[], None]


class MqttLink:
    """One connection, kept up for as long as the daemon runs.

    name: "utility" or "network", for messages to people.  client_id: names the session at the broker where
    the site file does not.
    login, context: in place of the broker's password_file and of its files for TLS.
    persistent: the broker keeps what we miss; not for who comes once.  trouble: why there is no line now.
    qos: of what we hear; 0 where it is repeated anyway: then nothing of ours is lost with a cluster's node.
    on_message, on_link(up, why): called in the event loop, and may not block.  Up with a why: connected, but
    the broker refuses a subscription.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        client_id: str,
        *,
        subscriptions: Sequence[str] = (),
        presence: Presence | None = None,
        on_message: Callable[[Incoming], None] = lambda message: message.done(),
        on_link: Callable[[bool, str], None] = lambda up, why: None,
        login: Login | None = None,
        context: ssl.SSLContext | None = None,
        persistent: bool = True,
        qos: int = 1,
    ) -> None:
        """Prepare the connection; start() opens it.  Raises BadBroker."""
        self.name = name
        self.connected = False
        self.dropped = 0
        self.trouble = ""
        self._subscriptions = tuple(subscriptions)
        self._qos = qos
        self._presence = presence
        self._on_message = on_message
        self._on_link = on_link
        self._refused = False
        self._told: tuple[bool, str] | None = None
        self._acknowledged: dict[int, asyncio.Future[ReasonCode | None]] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._waiting = 0
        self._connections = 0
        self._asked: dict[int, tuple[str, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._login = login
        self._renewal: asyncio.TimerHandle | None = None
        self._client = _client(name, broker, broker.client_id or client_id, context, persistent)
        self._client.login = login.words if login else None
        self._arguments = _connect_arguments(broker, persistent)
        if presence:
            self._client.will_set(presence.topic, presence.will, qos=1, retain=True)
        self._wire_up()

    def _wire_up(self) -> None:
        """Let paho's callbacks, which run in its thread, hand over to the event loop."""
        client, post = self._client, self._post
        client.broke = lambda why: post(self._down, why)
        client.on_connect = lambda c, u, flags, code, props: post(self._answered, code)
        client.on_disconnect = lambda c, u, flags, code, props: post(self._lost, _words(code))
        client.on_subscribe = lambda c, u, mid, codes, props: post(self._subscribed, mid, list(codes))
        client.on_publish = lambda c, u, mid, code, props: post(self._puback, mid, code)
        client.on_message = self._arrived

    def start(self) -> None:
        """Begin to connect, and keep connecting.  Call it inside the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(**self._arguments)
        self._client.loop_start()

    def subscribe(self, topics: Sequence[str]) -> None:
        """Hear these topics from now on, and no others."""
        old, self._subscriptions = self._subscriptions, tuple(topics)
        left = [topic for topic in old if topic not in topics]
        new = [topic for topic in topics if topic not in old]
        if self.connected and left:
            self._client.unsubscribe(left)
        if self.connected and new:
            self._ask_for(new)

    def _ask_for(self, topics: Sequence[str]) -> None:
        """Subscribe, and remember what was asked for until the broker has answered."""
        _, mid = self._client.subscribe([(topic, self._qos) for topic in topics])
        if mid is not None:
            self._asked[mid] = tuple(topics)

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, key: str = "", within_s: float = PUBACK_S
    ) -> None:
        """Send with QoS 1 and wait for the broker's acknowledgement; a line lost in between is waited out.

        key: the idempotency key, sent as user property "key" where the protocol is 5.
        Raises NotDelivered.  The message may have arrived all the same: at least once, not once.
        """
        if not self.connected:
            raise NotDelivered(f"{self.name}: not connected")
        try:
            async with asyncio.timeout(within_s):
                await self._slots.acquire()
                code = await asyncio.shield(self._send(topic, payload, retain, key))
        except TimeoutError:
            self._hang_up()
            raise NotDelivered(f"{self.name}: {topic}: no acknowledgement within {within_s:g} s") from None
        if code is None:
            raise NotDelivered(f"{self.name}: {topic}: closed before an acknowledgement")
        if code.is_failure:
            raise NotDelivered(f"{self.name}: {topic}: {_words(code)}", refused=True)

    def mention(self, topic: str, payload: bytes) -> None:
        """Send once with QoS 0, and wait for nothing: for what is said again when it is asked for again."""
        if self.connected:
            self._client.publish(topic, payload, qos=0)

    def _send(self, topic: str, payload: bytes, retain: bool, key: str) -> asyncio.Future[ReasonCode | None]:
        """Hand a message to paho, and return what will be its reason code; None when we close before.

        Keeps one slot until then.
        """
        properties = None
        if self._client.protocol == paho.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = "application/json"
            if key:
                properties.UserProperty = ("key", key)
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            self._slots.release()
            raise NotDelivered(f"{self.name}: {topic}: {paho.error_string(info.rc)}")
        future: asyncio.Future[ReasonCode | None] = asyncio.get_running_loop().create_future()
        self._acknowledged[info.mid] = future
        return future

    async def close(self) -> None:
        """Say goodbye, disconnect, and end paho's thread."""
        if self._presence and self.connected:
            with contextlib.suppress(NotDelivered):
                await self.publish(self._presence.topic, self._presence.farewell(), retain=True, within_s=2)
        if self._renewal:
            self._renewal.cancel()
        self._client.closing.set()
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        self.connected = False
        for future in self._acknowledged.values():
            if not future.done():
                future.set_result(None)
        self._acknowledged.clear()

    # From here on: called by paho.  _arrived runs in paho's thread, everything else in the event loop.

    def _post(self, what: Callable[..., None], *args: Any) -> None:
        """Run something in the event loop; forget it if the loop has ended."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(what, *args)

    def _arrived(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "a topic that is not UTF-8"
        if self._waiting >= WAITING:  # the program is stuck; QoS 1 comes again after the next connection
            self.dropped += 1
            return
        self._waiting += 1
        self._post(self._hand_over, topic, message)

    def _hand_over(self, topic: str, message: paho.MQTTMessage) -> None:
        """Give a message to the program.

        Its connection is the one of now: what paho's thread says comes here in the order of its happening,
        and a broker sends what has waited for us before the loop has heard that there is a connection.
        """
        self._waiting -= 1
        connection = self._connections

        def done() -> None:
            if message.qos and connection == self._connections:  # a packet id means nothing on another line
                self._client.ack(message.mid, message.qos)

        self._on_message(Incoming(topic, bytes(message.payload), message.retain, done))

    def _answered(self, code: ReasonCode) -> None:
        """Subscribe and tell that we are there; or note why the broker does not want us."""
        self._refused = code.is_failure
        if code.is_failure:
            self._down(f"refused: {_words(code)}")
            return
        self._connections += 1
        self.connected = True
        self._asked.clear()
        if self._subscriptions:
            self._ask_for(self._subscriptions)
        if self._presence:
            self._spawn(self._announce(self._presence))
        self._renew_later()
        self._tell(True, "")

    def _renew_later(self) -> None:
        """Have the line made anew before the login runs out."""
        if self._renewal:
            self._renewal.cancel()
        if self._login and self._loop:
            wait_s = max(RENEW_S_MIN, self._login.renew_in_s())
            self._renewal = self._loop.call_later(wait_s, self._hang_up)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self, presence: Presence) -> None:
        try:
            await self.publish(presence.topic, presence.birth(), retain=True)
        except NotDelivered as error:
            log.warning("birth message: %s", error)

    def _subscribed(self, mid: int, codes: list[ReasonCode]) -> None:
        """Say which subscriptions the broker refuses.  Mosquitto grants all and filters later."""
        refused = [
            f"subscription to {topic}: {_words(code)}"
            for topic, code in zip(self._asked.pop(mid, ()), codes, strict=False)
            if code.is_failure
        ]
        if refused:
            self._tell(True, "; ".join(refused))

    def _puback(self, mid: int, code: ReasonCode) -> None:
        future = self._acknowledged.pop(mid, None)
        if future is None:
            return
        self._slots.release()
        if not future.done():
            future.set_result(code)

    def _lost(self, why: str) -> None:
        """Note that the line is gone, except after a refusal: the reason that was given says more."""
        if not self._refused:
            self._down(why)

    def _down(self, why: str) -> None:
        self.connected = False
        self._tell(False, why)

    def _tell(self, up: bool, why: str) -> None:
        """Tell the program, but not the same thing twice: a broker may be away for days."""
        self.trouble = why
        if self._told != (up, why):
            self._told = (up, why)
            log.info("%s: %s%s", self.name, "connected" if up else "not connected", f": {why}" if why else "")
            self._on_link(up, why)

    def _hang_up(self) -> None:
        """Break the line of a broker that has stopped answering; paho then makes a new one."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Client(paho.Client):
    """paho's client, which also says why it cannot connect and outlives packets that it cannot read."""

    broke: Callable[[str], None] = staticmethod(lambda why: None)
    login: Callable[[], tuple[str, str]] | None = None

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.closing = threading.Event()

    def reconnect(self) -> MQTTErrorCode:
        try:
            if self.login:
                self.username_pw_set(*self.login())
            return super().reconnect()
        except OSError as error:
            self.broke(_words(error))
            raise

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        wait_s = BACK_OFF_S[0]
        while True:
            began = time.monotonic()
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception as error:  # paho lets what a broken packet raises end its thread
                log.warning("%s: a packet that cannot be read: %r", threading.current_thread().name, error)
                self.broke(f"broken packet: {_words(error)}")
            if time.monotonic() - began > 2 * BACK_OFF_S[1]:
                wait_s = BACK_OFF_S[0]
            if self.closing.wait(wait_s):
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            wait_s = min(2 * wait_s, BACK_OFF_S[1])
            with contextlib.suppress(OSError):
                self.reconnect()


def _client(
    name: str, broker: Broker, client_id: str, context: ssl.SSLContext | None, persistent: bool
) -> _Client:
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if broker.protocol == "5" else not persistent,
        protocol=paho.MQTTv5 if broker.protocol == "5" else paho.MQTTv311,
        manual_ack=True,
    )
    client.reconnect_delay_set(*BACK_OFF_S)
    client.max_inflight_messages_set(0)  # _slots is the bound
    if broker.username:
        client.username_pw_set(broker.username, _password(name, broker))
    if broker.tls:
        client.tls_set_context(context or tls_context(name, broker))
    return client


def _connect_arguments(broker: Broker, persistent: bool) -> dict[str, Any]:
    arguments: dict[str, Any] = {"host": broker.host, "port": broker.port, "keepalive": broker.keepalive_s}
    if broker.protocol == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S if persistent else 0
        properties.ReceiveMaximum = UNACKNOWLEDGED
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        arguments |= {"clean_start": not persistent, "properties": properties}
    return arguments


def _password(name: str, broker: Broker) -> str | None:
    if not broker.password_file:
        return None
    try:
        return rest.secret(f"{name}.broker: password_file", broker.password_file)
    except rest.BadFiles as error:
        raise BadBroker(str(error)) from None


def tls_context(name: str, broker: Broker) -> ssl.SSLContext:
    """Return the TLS settings: 1.2 at least, the broker's certificate and host name always checked.

    Raises BadBroker naming key and file.
    """
    try:
        return rest.tls_context(f"{name}.broker", broker.ca_file, broker.cert_file, broker.key_file)
    except rest.BadFiles as error:
        raise BadBroker(str(error)) from None


def _words(reason: object) -> str:
    """Return a reason code or an exception as people read it."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"certificate: {reason.verify_message}"
    if isinstance(reason, OSError):
        return reason.strerror or str(reason) or type(reason).__name__
    return str(reason)
