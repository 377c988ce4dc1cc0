"""edge/shell/links.py: what of the records goes to the network, and what it is told to be gone."""

import asyncio
import json
from pathlib import Path

import pytest

from edge.model.flow import Keep
from edge.model.records import ChargeBlock, LoadBlock, Session
from edge.model.site import Address, Broker, Charger, Network, Node, Site
from edge.shell.clock import Clock
from edge.shell.links import Links
from edge.shell.store import Store
from edge.shell.storeoutbox import Gone

NOW = 1_784_000_700_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "depot.db", "boot-1")


@pytest.fixture
def links(store: Store) -> Links:
    site = Site(
        "yard", "Yard", "UTC", (Node("main", None, (63_000,) * 3),),
        chargers=(Charger("bay-1", "main", "alfen_eve", Address(1), port="P1"),),
        network=Network(Broker("127.0.0.1", 1, tls=False), "net/yard", "net/yard/acks"),
    )  # fmt: skip

    async def built() -> Links:
        return Links(site, store, lambda event: None, "run-1", Clock(0))

    return asyncio.run(built())


def test_a_quarter_is_one_message_with_what_each_session_got(links: Links, store: Store) -> None:
    told = [
        links.message(Keep(ChargeBlock("s1", NOW, "bay-1", 2_500), tell="network")),
        links.message(Keep(ChargeBlock("s2", NOW, "bay-9", 100), tell="network")),
        links.message(Keep(LoadBlock(NOW, 9_000, 0, 2_600, 900_000), tell="network")),
    ]
    assert told[:2] == [None, None]
    message = told[2]
    assert message is not None and message.telemetry and message.topic == "net/yard/telemetry"
    body = json.loads(message.payload)
    assert [(row["port"], row["energy_wh"]) for row in body["charged"]] == [("P1", 2_500), ("bay-9", 100)]
    assert body["stream"] == store.meta("stream")
    again = links.message(Keep(LoadBlock(NOW + 900_000, 1), tell="network"))
    assert again is not None and json.loads(again.payload)["charged"] == []


def test_a_quarter_that_is_not_over_is_not_told(links: Links) -> None:
    assert links.message(Keep(LoadBlock(NOW, 9_000))) is None


def test_a_session_waits_behind_its_own_port(links: Links) -> None:
    message = links.message(Keep(Session("s1", "bay-1", NOW), tell="network"))
    assert message is not None and (message.lane, message.telemetry) == ("P1", False)


def test_what_is_gone_is_told_and_written_down(links: Links, store: Store) -> None:
    links.gone([Gone("network", 3, 7), Gone("utility", 1, 1)], "too much waited")
    store.commit()
    (row,) = store.outbox_pending("network", 9)
    body = json.loads(row.payload)
    assert (body["first"], body["last"], body["why"]) == (3, 7, "too much waited")
    assert [line.what for line in store.audit_lines()] == [
        "utility 1 to 1 given up",
        "network 3 to 7 given up",
    ]


def test_an_acknowledgement_may_ask_for_what_is_gone(links: Links, store: Store) -> None:
    assert links.network is not None
    for n in range(4):
        message = links.message(Keep(Session(f"s{n}", "bay-1", NOW), tell="network"))
        assert message is not None
        store.tell(message)
    store.commit()
    store.outbox_done("network", [1, 2], NOW)
    store.commit(all_of_it=True)
    store.prune(NOW * 2)
    ack = {"site": "yard", "stream": store.meta("stream"), "again": [[1, 4]]}
    assert links.network[1].acknowledged(json.dumps(ack).encode()) == ""
    store.commit()
    body = json.loads(store.outbox_pending("network", 9)[-1].payload)
    assert (body["schema"], body["first"], body["last"]) == ("depot-edge/gone/1", 1, 2)
