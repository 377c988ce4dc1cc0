"""edge/shell/receiver.py against real outboxes over a Mosquitto: nothing lost or twice, gaps asked for."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from edge.shell import outbox, receiver
from edge.shell.mqtt import MqttLink
from edge.shell.networkdb import NetworkDb
from edge.shell.receiver import Receiver, bounded, topics, words
from tests.fakes.brokers import Mosquitto, mosquitto, needs_mosquitto
from tests.fakes.gateways import NOW, Gateway, broker

pytestmark = needs_mosquitto


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(outbox, "CONFIRM_S", 1.0)
    monkeypatch.setattr(outbox, "LOOK_S", 0.2)
    monkeypatch.setattr(receiver, "ASK_AFTER_S", 0.5)
    monkeypatch.setattr(receiver, "ASK_AGAIN_S", 2.0)


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with mosquitto(tmp_path) as found:
        yield found


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 90))


async def until(what: Callable[[], Any], within_s: float = 40.0) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def receiving(url: str, server: Mosquitto) -> AsyncIterator[Receiver]:
    db = NetworkDb(url)
    found = Receiver(db, lambda: line, lambda: NOW)
    line = MqttLink(
        "network", broker(server.port), "receiver", subscriptions=topics("net/+"), on_message=found.heard
    )
    line.start()
    task = asyncio.create_task(found.run())
    try:
        await until(lambda: line.connected)
        yield found
    finally:
        assert not task.done()
        task.cancel()
        await line.close()
        db.close()


def sessions(db: NetworkDb) -> list[tuple[str, str]]:
    return [(thing["site"], thing["id"]) for thing in db.things("session")]


def test_brokers_killed_and_receivers_restarted_lose_nothing(
    url: str, server: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        async with (
            Gateway("yard", tmp_path / "yard.db", server.port).running() as yard,
            Gateway("port", tmp_path / "port.db", server.port).running() as port,
        ):
            async with receiving(url, server):
                yard.say(*range(1, 41))
                port.say(*range(1, 11))
                await until(lambda: yard.waiting < 30)
                server.kill()
                yard.say(*range(41, 61))
                server.start()
                await until(lambda: yard.waiting < 20)
            port.say(*range(11, 31))  # nobody receives: they wait
            await asyncio.sleep(0.5)
            assert port.waiting >= 15
            server.kill()
            server.start()
            async with receiving(url, server) as again:
                await until(lambda: yard.waiting == port.waiting == 0)
                expected = [("port", f"s-{n}") for n in range(1, 31)] + [
                    ("yard", f"s-{n}") for n in range(1, 61)
                ]
                assert sorted(sessions(again.db)) == sorted(expected)
                for gateway, last in ((yard, 60), (port, 30)):
                    assert again.db.up_to(gateway.sender.site, gateway.sender.stream) == last
                    assert again.db.missing(gateway.sender.site, gateway.sender.stream) == []
                assert again.db.connection.rows("SELECT COUNT(*) FROM message") == [(90,)]

    run(story())


def test_a_receiver_with_an_old_copy_of_its_database_asks_for_what_it_lacks(
    server: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        file = tmp_path / "network.db"
        async with Gateway("yard", tmp_path / "yard.db", server.port).running() as yard:
            async with receiving(f"sqlite:{file}", server):
                yard.say(*range(1, 31))
                await until(lambda: not yard.waiting)
            copy = sqlite3.connect(file)  # as if restored from a copy with holes and without the newest
            copy.execute("DELETE FROM message WHERE seq IN (4, 5, 6, 17) OR seq > 25")
            copy.execute("DELETE FROM session WHERE seq IN (4, 5, 6, 17) OR seq > 25")
            copy.commit()
            copy.close()
            async with receiving(f"sqlite:{file}", server) as again:
                await yard.link.publish("net/yard/status", yard.birth(), retain=True)
                await until(lambda: again.db.missing("yard", yard.sender.stream))
                await until(lambda: not again.db.missing("yard", yard.sender.stream))
                await until(lambda: not yard.waiting)
                assert again.counts["asked"] >= 1
                assert sorted(sessions(again.db)) == sorted(("yard", f"s-{n}") for n in range(1, 31))

    run(story())


def test_what_the_gateway_no_longer_has_is_gone_and_no_longer_asked_for(
    server: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        async with Gateway("yard", tmp_path / "yard.db", server.port).running() as yard:
            async with receiving(f"sqlite:{tmp_path / 'first.db'}", server):
                yard.say(*range(1, 11))
                await until(lambda: not yard.waiting)
            yard.store.commit(all_of_it=True)
            yard.store.prune(NOW * 2)
            async with receiving(f"sqlite:{tmp_path / 'second.db'}", server) as second:
                yard.say(11)
                await until(lambda: second.db.up_to("yard", yard.sender.stream) == 12)  # 11, and what is gone
                assert second.db.connection.rows("SELECT first, last FROM gone") == [(1, 10)]
                assert sessions(second.db) == [("yard", "s-11")]
                assert not yard.refusals

    run(story())


def test_what_is_no_message_is_counted_and_does_not_hold_up_the_rest(
    server: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        async with (
            Gateway("yard", tmp_path / "yard.db", server.port).running() as yard,
            receiving(f"sqlite:{tmp_path / 'network.db'}", server) as found,
        ):
            await until(lambda: yard.link.connected)
            await yard.link.publish("net/yard/session", b"hello")
            yard.say(1)
            await until(lambda: not yard.waiting)
            assert found.counts["unreadable"] == 1
            assert sessions(found.db) == [("yard", "s-1")]

    run(story())


def test_a_request_is_bounded() -> None:
    assert bounded([(1, 10), (20, 20)]) == [(1, 10), (20, 20)]
    assert bounded([(1, 1_000_000)]) == [(1, receiver.ASK_NUMBERS)]
    assert len(bounded([(2 * n, 2 * n) for n in range(1_000)])) == receiver.ASK_RANGES
    assert words([(1, 1), (3, 9)]) == "1, 3-9"
