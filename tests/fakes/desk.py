"""A desk over the depot of depot_records.py, with clocks in the test's hand."""

from edge.model.flow import Event
from edge.model.site import Site
from edge.report.performance import EventReport
from edge.shell.desk import Desk
from tests.fakes.depot_records import START_WALL_MS, FakeStore, record, site


class Rig:
    """A desk with clocks that stand where the test puts them, and everything that it said."""

    def __init__(self, drawn: Site | None = None, store: FakeStore | None = None) -> None:
        self.site = drawn or site()
        self.store = store or FakeStore()
        self.said: list[Event] = []
        self.at_ms = 1_000_000
        self.wall_ms = START_WALL_MS
        self.reports: dict[str, EventReport] = {}
        self.desk = Desk(
            self.site,
            self.store,
            self.said.append,
            now_ms=lambda: self.at_ms,
            wall_ms=lambda: self.wall_ms,
            report=self.reports.get,
        )

    def tick(self, second: int) -> None:
        self.at_ms, self.wall_ms = 1_000_000 + second * 1000, START_WALL_MS + second * 1000
        self.desk.noted(record(self.site, second))
