"""edge/shell/outbox.py: against a broker that fails in every way, and a Mosquitto that is killed."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.model.messages import numbered
from edge.model.site import Broker
from edge.shell import outbox
from edge.shell.mqtt import Incoming, MqttLink, NotDelivered
from edge.shell.outbox import BATCH, Outbox
from edge.shell.store import Store
from edge.shell.storefile import StoreTrouble
from edge.shell.storeoutbox import Gone
from edge.shell.storeoutbox import Message as Stored
from tests.fakes.brokers import mosquitto, needs_mosquitto


class Message(NamedTuple):
    seq: int
    topic: str
    payload: bytes
    key: str
    lane: str = ""


class Shelf:
    """A store in memory, as SQLite's would answer."""

    def __init__(self, count: int = 0) -> None:
        self.rows: dict[int, Message] = {}
        self.done: list[int] = []
        for _ in range(count):
            self.put()

    def put(self, topic: str = "n/session", lane: str = "") -> None:
        seq = len(self.rows) + 1
        self.rows[seq] = Message(seq, topic, json.dumps({"seq": 0, "n": seq}).encode(), f"key-{seq}", lane)

    def outbox_pending(self, link: str, limit: int, after: int = 0) -> list[Message]:
        assert link == "network"
        return [row for row in self.rows.values() if row.seq > after and row.seq not in self.done][:limit]

    def outbox_again(self, link: str, first: int, last: int) -> list[Gone]:
        self.done = [seq for seq in self.done if not first <= seq <= last]
        return [Gone("network", first, 0)] if first < 1 else []

    def outbox_done(self, link: str, seqs: list[int], wall_ms: int) -> None:
        assert link == "network" and wall_ms == 1_784_000_000_000
        self.done += seqs


class Line:
    """A broker that does what `answer` says for each attempt: None acknowledges, an error is raised."""

    def __init__(
        self, answer: Callable[[str, int], NotDelivered | None] = lambda topic, attempt: None
    ) -> None:
        self.connected = True
        self.heard: list[tuple[str, bytes]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._answer = answer

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, key: str = "") -> None:
        self.heard.append((key, payload))
        attempt = len(self.heard)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        if error := self._answer(topic, attempt):
            raise error

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.heard]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def until(what: Callable[[], Any], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def draining(shelf: Shelf, line: Any, **fields: Any) -> Any:
    box = Outbox("network", shelf, line, wall_clock=lambda: 1_784_000_000_000, **fields)
    task = asyncio.create_task(box.run())
    try:
        yield box
    finally:
        assert not task.done(), "the outbox has ended by itself"
        task.cancel()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(outbox, "CONFIRM_S", 0.2)
    monkeypatch.setattr(outbox, "REFUSED_S", 0.2)


def test_everything_goes_in_order_and_at_most_a_batch_at_once() -> None:
    async def story() -> None:
        shelf, line = Shelf(50), Line()
        async with draining(shelf, line):
            await until(lambda: len(shelf.done) == 50)
        assert line.keys == [f"key-{n}" for n in range(1, 51)]
        assert shelf.done == list(range(1, 51))
        assert 1 < line.most_at_once <= BATCH

    run(story())


def test_what_comes_later_is_seen_when_woken() -> None:
    async def story() -> None:
        shelf, line = Shelf(), Line()
        line.connected = False
        async with draining(shelf, line) as box:
            await asyncio.sleep(0.05)
            shelf.put()
            box.wake()
            await asyncio.sleep(0.05)
            assert not line.heard
            line.connected = True
            box.wake()
            await until(lambda: shelf.done == [1], 1)

    run(story())


def test_after_a_failure_it_begins_with_the_oldest() -> None:
    async def story() -> None:
        shelf = Shelf(5)
        line = Line(lambda topic, attempt: NotDelivered("lost") if attempt in (2, 3) else None)
        async with draining(shelf, line):
            await until(lambda: sorted(shelf.done) == [1, 2, 3, 4, 5])
        assert line.keys == ["key-1", "key-2", "key-3", "key-4", "key-5", "key-2", "key-3"]

    run(story())


def test_a_store_in_trouble_does_not_end_it() -> None:
    class Stuck(Shelf):
        looks = 0

        def outbox_pending(self, link: str, limit: int, after: int = 0) -> list[Message]:
            self.looks += 1
            if self.looks < 3:
                raise StoreTrouble("depot.db: cannot be read: disk I/O error")
            return super().outbox_pending(link, limit, after)

    async def story() -> None:
        shelf, line = Stuck(3), Line()
        async with draining(shelf, line):
            await until(lambda: shelf.done == [1, 2, 3])

    run(story())


def test_what_is_refused_waits_and_does_not_hold_up_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LOOK_S", 0.05)

    async def story() -> None:
        shelf, allowed = Shelf(), []

        def answer(topic: str, attempt: int) -> NotDelivered | None:
            return (
                NotDelivered("Not authorized", refused=True) if topic == "n/uptime" and not allowed else None
            )

        for _ in range(20):
            shelf.put("n/uptime")
        shelf.put("n/session")
        line = Line(answer)
        async with draining(shelf, line) as box:
            await until(lambda: shelf.done == [21])
            assert box.refused >= 20
            allowed.append(True)
            await until(lambda: len(shelf.done) == 21)
        assert shelf.done == [21, *range(1, 21)]

    run(story())


def test_a_port_has_one_message_on_its_way_and_never_overtakes_itself() -> None:
    """Two ports in turns; some attempts fail.  First copies of a port come in the port's order."""

    async def story() -> None:
        shelf = Shelf()
        for n in range(60):
            shelf.put(lane="AB"[n % 2])
        failing = (2, 3, 7, 20, 21, 22)
        line = Line(lambda topic, attempt: NotDelivered("lost") if attempt in failing else None)
        async with draining(shelf, line):
            await until(lambda: len(shelf.done) == 60)
        assert line.most_at_once == 2
        for port in "AB":
            own = [key for key in line.keys if shelf.rows[int(key[4:])].lane == port]
            first_copies = list(dict.fromkeys(own))
            assert first_copies == [row.key for row in shelf.rows.values() if row.lane == port]

    run(story())


def test_a_refused_port_holds_its_own_topic_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LOOK_S", 0.02)

    async def story() -> None:
        shelf, allowed = Shelf(), []

        def answer(topic: str, attempt: int) -> NotDelivered | None:
            refused = topic == "n/uptime" and not allowed
            return NotDelivered("Not authorized", refused=True) if refused else None

        for _ in range(100):
            shelf.put("n/uptime", lane="A")
        shelf.put("n/session", lane="A")
        shelf.put("n/session", lane="B")
        line = Line(answer)
        async with draining(shelf, line) as box:
            await until(lambda: sorted(shelf.done) == [101, 102])
            refused = [key for key, _ in line.heard if int(key[4:]) <= 100]
            assert set(refused) == {"key-1"}, "what comes behind it on its topic waits"
            assert box.refused == len(refused)
            allowed.append(True)
            await until(lambda: len(shelf.done) == 102)
        assert shelf.done[2:] == list(range(1, 101))

    run(story())


def test_a_new_line_is_used_at_once_where_an_acknowledgement_is_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "CONFIRM_S", 60.0)

    async def story() -> None:
        shelf, line = Shelf(3), Line()
        async with draining(shelf, line, confirmed=True) as box:
            await until(lambda: len(line.heard) == 3)
            box.reconnected()
            await until(lambda: len(line.heard) == 6)
            assert line.keys[3:] == ["key-1", "key-2", "key-3"]
            box.acknowledged(b'{"up_to": 3}')
            await until(lambda: shelf.done == [1, 2, 3])

    run(story())


def test_what_the_application_asks_for_again_is_sent_again() -> None:
    async def story() -> None:
        shelf, line, gone = Shelf(20), Line(), []
        async with draining(shelf, line, site="depot", stream="s1", on_gone=gone.append) as box:
            await until(lambda: len(shelf.done) == 20)
            assert box.acknowledged(b'{"site": "depot", "stream": "s1", "again": [[4, 6], [19, 19]]}') == ""
            box.wake()
            await until(lambda: len(shelf.done) == 20)
            assert line.keys[20:] == ["key-4", "key-5", "key-6", "key-19"]
            assert not gone
            assert box.acknowledged(b'{"again": [[-3, 0]]}') == ""
            assert gone == [Gone("network", -3, 0)]
            assert "at most" in box.acknowledged(b'{"again": [[1, 1000000000]]}')
            assert "stream: expected s1" in box.acknowledged(b'{"stream": "s0", "again": [[1, 2]]}')
            assert len(shelf.done) == 20

    run(story())


def test_only_the_application_empties_the_outbox_where_there_is_one() -> None:
    async def story() -> None:
        shelf, line = Shelf(3), Line()
        async with draining(shelf, line, confirmed=True, site="depot") as box:
            await until(lambda: len(line.heard) == 3)
            assert not shelf.done
            assert box.acknowledged(b'{"site": "depot", "up_to": 2}') == ""
            assert shelf.done == [1, 2]
            await until(lambda: line.keys == ["key-1", "key-2", "key-3", "key-3"])  # asked again
            assert box.acknowledged(b'{"seqs": [3, 99]}') == ""
            await until(lambda: shelf.done == [1, 2, 3])
            assert box.sent == 4

    run(story())


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", 'expected {"up_to": NUMBER}'),
        (b"[1]", 'expected {"up_to": NUMBER}'),
        (b'{"up_to": "3"}', 'expected {"up_to": NUMBER}'),
        (b"[" * 50_000, 'expected {"up_to": NUMBER}'),
        (b" " * 100_000, "expected at most 65536 bytes"),
        (b'{"site": "other", "up_to": 3}', "site: expected depot, got other"),
    ],
)
def test_a_wrong_acknowledgement_acknowledges_nothing(payload: bytes, expected: str) -> None:
    async def story() -> None:
        shelf, line = Shelf(3), Line()
        async with draining(shelf, line, confirmed=True, site="depot") as box:
            await until(lambda: len(line.heard) == 3)
            assert expected in box.acknowledged(payload)
            assert not shelf.done

    run(story())


class Receiver:
    """The receiving application: notes the first copy of every key, and acknowledges by number."""

    def __init__(self, port: int, acknowledges: bool) -> None:
        self.keys: list[int] = []
        self.copies = 0
        self._acknowledges = acknowledges
        self._tasks: set[asyncio.Task[None]] = set()
        self.link = MqttLink(
            "network", broker(port), "receiver", subscriptions=("n/session",), on_message=self._hear
        )

    def _hear(self, message: Incoming) -> None:
        body = json.loads(message.payload)
        assert body["seq"] == body["n"]
        if body["n"] in self.keys:
            self.copies += 1
        else:
            self.keys.append(body["n"])
        message.done()
        if self._acknowledges:
            task = asyncio.ensure_future(self._acknowledge(body["seq"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _acknowledge(self, seq: int) -> None:
        with contextlib.suppress(NotDelivered):
            await self.link.publish("n/ack", json.dumps({"seqs": [seq]}).encode(), within_s=5)


def broker(port: int) -> Broker:
    return Broker("127.0.0.1", port, tls=False, keepalive_s=5)


@needs_mosquitto
def test_a_broker_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:

        async def story() -> None:
            shelf, receiver = Shelf(), Receiver(server.port, acknowledges=True)
            boxes: list[Outbox] = []

            def hear(message: Incoming) -> None:
                assert boxes[0].acknowledged(message.payload) == ""
                message.done()

            depot = MqttLink(
                "network",
                broker(server.port),
                "depot",
                subscriptions=("n/ack",),
                on_message=hear,
                on_link=lambda up, why: boxes[0].wake(),
            )
            async with draining(
                shelf, depot, confirmed=True, stamp=lambda row: numbered(row.payload, row.seq)
            ) as box:
                boxes.append(box)
                depot.start()
                receiver.link.start()
                await until(lambda: receiver.link.connected and depot.connected)
                for n in range(300):
                    shelf.put()
                    if n % 8 == 0:
                        box.wake()
                        await asyncio.sleep(0.01)
                    if n in (80, 160, 240):
                        server.kill()
                        server.start()
                        await until(lambda: not depot.connected and not receiver.link.connected)
                        await until(lambda: depot.connected and receiver.link.connected)
                await until(lambda: len(shelf.done) == 300, 40)
                # Nothing is lost.  The order of first copies is the broker's as long as it lives: killed, it
                # forgets the receiver's subscription, and what comes before the new one goes nowhere.
                assert sorted(receiver.keys) == list(range(1, 301))
                assert sorted(set(shelf.done)) == list(range(1, 301))
                await depot.close()
                await receiver.link.close()

        run(story())


@needs_mosquitto
def test_without_an_application_puback_does(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:

        async def story() -> None:
            shelf, receiver = Shelf(100), Receiver(server.port, acknowledges=False)
            receiver.link.start()
            await until(lambda: receiver.link.connected)
            await asyncio.sleep(0.2)
            depot = MqttLink("network", broker(server.port), "depot")
            depot.start()
            async with draining(shelf, depot, stamp=lambda row: numbered(row.payload, row.seq)) as box:
                await until(lambda: depot.connected)
                box.wake()
                await until(lambda: len(receiver.keys) == 100)
                assert receiver.keys == list(range(1, 101)) and receiver.copies == 0
                await until(lambda: shelf.done == list(range(1, 101)))
                await depot.close()
                await receiver.link.close()

        run(story())


async def one_boot(path: Path, port: int, boot: int, until_heard: Callable[[], bool]) -> Store:
    """Fifty messages more, an outbox that drains until something is heard; the store is left as it is."""
    store = Store(path, f"boot-{boot}")
    for n in range(1 + 50 * boot, 51 + 50 * boot):
        payload = json.dumps({"seq": 0, "n": n}).encode()
        store.tell(Stored("network", "n/session", payload, f"key-{n}", 1))
    store.commit()
    depot = MqttLink("network", broker(port), "depot")
    depot.start()
    box = Outbox(
        "network", store, depot, wall_clock=lambda: 1, stamp=lambda row: numbered(row.payload, row.seq)
    )
    task = asyncio.create_task(box.run())
    await until(lambda: depot.connected)
    box.wake()
    await until(until_heard)
    task.cancel()
    await depot.close()
    return store


@needs_mosquitto
def test_with_the_real_store_and_three_power_cuts(tmp_path: Path) -> None:
    """What was committed arrives.  What a cut takes is only the memory of what had arrived already."""
    with mosquitto(tmp_path) as server:

        async def story() -> None:
            receiver = Receiver(server.port, acknowledges=False)
            receiver.link.start()
            await until(lambda: receiver.link.connected)
            await asyncio.sleep(0.2)
            file = tmp_path / "depot.db"
            for boot in range(3):  # never closed: what is in its buffer is lost, as by a power cut
                enough = 50 * boot + 20
                await one_boot(file, server.port, boot, lambda enough=enough: len(receiver.keys) >= enough)  # type: ignore[misc]
            store = await one_boot(file, server.port, 3, lambda: len(receiver.keys) == 200)
            assert receiver.keys == list(range(1, 201))
            assert receiver.copies > 0
            await asyncio.sleep(0.2)
            store.close()
            store = Store(file, "boot-5", read_only=True)
            assert store.outbox_waiting("network") <= BATCH  # the last batch was cut off before its PUBACKs
            await receiver.link.close()

        run(story())
