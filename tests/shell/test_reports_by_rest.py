"""From an event's reportDescriptors to a report at the utility's REST server, by the links as they are.

Only the core is left out: the test hands in the slots that it would keep.  The server holds what comes
against openadr3.yaml and takes a reportName once.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.model.flow import AnyEvent, Keep, UtilitySaid
from edge.model.records import Compliance, LoadSlot, NodeNow, TickRecord
from edge.model.site import Node, Site, Utility, Vtn
from edge.shell.clock import Clock
from edge.shell.links import Links
from edge.shell.store import Store
from tests.fakes.openadr_schema import report_errors
from tests.fakes.vtn import FakeVtn, vtn
from tests.shell.test_mqtt import run, until


class Gateway:
    """The links of a depot, with the store and the shortest stand-in for core and daemon."""

    def __init__(self, server: FakeVtn, folder: Path) -> None:
        utility = Utility(None, (), "", "depot-17", vtn=Vtn(server.url, 200))
        site = Site("yard", "Yard", "UTC", (Node("main", None, (63_000,) * 3),), utility=utility)
        self.store = Store(folder / "depot.db", "boot-1")
        self.clock = Clock(0)
        self.links = Links(site, self.store, self.say, "run-1", self.clock)

    def say(self, event: AnyEvent) -> None:
        if isinstance(event, UtilitySaid):
            self.store.event_set(event.event)

    def tick(self) -> None:
        node = NodeNow("main", (0, 0, 0), ("", "", ""), None, (0, 0, 0), (0, 0, 0), 0, 0)
        self.links.noted(TickRecord(0, self.clock.wall_ms(), [node], [], [], [], []))
        self.store.commit(all_of_it=True)
        self.links.committed()


def test_what_is_asked_for_arrives_once_and_nothing_else_does(tmp_path: Path) -> None:
    async def story(server: FakeVtn) -> None:
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5)
        start = int(begin.timestamp() * 1000)
        server.put("programs", {"id": "p-1", "programName": "peak"})
        server.put("events", {
            "id": "e-1", "programID": "p-1", "eventName": "peak",
            "intervalPeriod": {"start": begin.strftime("%Y-%m-%dT%H:%M:%SZ"), "duration": "PT4S"},
            "intervals": [{"id": 5, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [40]}]},
                          {"id": 6, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [40]}]}],
            "reportDescriptors": [{"payloadType": "USAGE"}, {"payloadType": "DEMAND", "aggregate": True}],
        })  # fmt: skip
        gateway = Gateway(server, tmp_path)
        gateway.links.start()
        work = [asyncio.create_task(each) for each in gateway.links.work()]
        await until(lambda: bool(gateway.store.events()))
        for n in range(8):  # 36 kW for 8 s: 0.08 kWh
            slot = LoadSlot(start + n * 1000, 1000, 1000, 36_000)
            assert gateway.links.message(Keep(slot)) is None
        row = Compliance("e-1", "p-1", "", 5, start, start + 4_000, "IMPORT_CAPACITY_LIMIT", 1, 1, 1, 1, 0)
        assert gateway.links.message(Keep(row, tell="utility")) is None  # it has said itself what it wants
        for _ in range(40):
            gateway.tick()
            if len(server.reports) == 2:
                break
            await asyncio.sleep(0.25)
        await asyncio.sleep(1)
        for task in work:
            task.cancel()
        await gateway.links.stop()
        assert server.wrong == []
        found = {report["resources"][0]["resourceName"]: report for report in server.reports}
        assert sorted(found) == ["AGGREGATED_REPORT", "depot-17"] and len(server.reports) == 2
        intervals = found["depot-17"]["resources"][0]["intervals"]
        assert [(i["id"], i["payloads"][0]["values"]) for i in intervals] == [(5, [0.04]), (6, [0.04])]
        made_there = ("id", "createdDateTime", "modificationDateTime", "objectType", "clientID")
        sent = {key: value for key, value in found["depot-17"].items() if key not in made_there}
        assert report_errors(sent) == []

    with vtn() as server:
        run(story(server))
