"""What the controller writes down: sessions and port states, from readings to rows, and who is told."""

from typing import Any

from msgspec.structs import replace

from edge.core.controller import Controller
from edge.model.flow import Identified, Keep, Lost, Reading
from edge.model.records import PortInterval, Session
from edge.report.starts import failing
from tests.story.sites import WALL_MS, depot, flows, takes, tick


class Day:
    """A depot with one bay, a second at a time: what is read, and what is kept of it."""

    def __init__(self, **more: Any) -> None:
        self.controller = Controller(replace(depot(1), **more))
        self.kept: list[Keep] = []
        self.now_s = 0
        self.controller.handle(Identified(0, "bay-1", {"manufacturer": "Alfen NV"}))

    def seconds(self, count: int, bay: Reading | Lost | None, volts: int | None = 230) -> None:
        """Let seconds pass.  volts: at the main meter; None where it does not answer."""
        for _ in range(count):
            at_ms = self.now_s * 1000
            if volts is not None:
                meter = flows(at_ms, 1, 1, 1)
                volt = dict.fromkeys(("voltage_l1_mv", "voltage_l2_mv", "voltage_l3_mv"), volts * 1000)
                self.controller.handle(Reading(at_ms, "grid", {**meter.values, **volt}))
            if isinstance(bay, Reading):
                self.controller.handle(Reading(at_ms, "bay-1", bay.values))
            elif bay is not None:
                self.controller.handle(Lost(at_ms, "bay-1", bay.why))
            done = self.controller.handle(tick(at_ms))
            self.kept += [command for command in done if isinstance(command, Keep)]
            self.now_s += 1

    def told(self) -> list[tuple[str, str]]:
        """State and cause of the port intervals, in order of their beginning."""
        rows = {row.row.start_wall_ms: row.row for row in self.kept if isinstance(row.row, PortInterval)}
        return [(row.state, row.cause) for row in rows.values()]


FREE = takes(0, "bay-1", 0, state="A")
PLUGGED = takes(0, "bay-1", 0, state="B")
CHARGING = takes(0, "bay-1", 16)


def test_a_vehicle_that_comes_and_goes_is_a_session_that_the_network_hears_of_twice() -> None:
    day = Day()
    day.seconds(5, FREE)
    day.seconds(5, PLUGGED)
    day.seconds(100, CHARGING)
    day.seconds(20, FREE)
    rows = [keep for keep in day.kept if isinstance(keep.row, Session)]
    assert len({keep.row.id for keep in rows}) == 1
    told = [keep.row for keep in rows if keep.tell == "network"]
    assert [row.end_wall_ms for row in told] == [None, WALL_MS + 110_000]
    assert told[0].start_wall_ms == WALL_MS + 5_000
    # 16 A, 230 V, three phases for 100 s: 306 Wh, and no counter in these readings
    assert abs(told[1].energy_wh - 306) <= 2
    assert told[1].energy_source == "integrated"


def test_a_charger_that_falls_silent_is_an_outage_that_the_network_hears_of() -> None:
    day = Day()
    day.seconds(10, FREE)
    day.seconds(20, Lost(0, "bay-1", "no answer in 1 s"))
    day.controller.handle(Identified(30_000, "bay-1", {}))
    day.seconds(10, FREE)
    assert day.told() == [("up", "available"), ("down", "comms"), ("up", "available")]
    outage = [keep for keep in day.kept if keep.tell == "network"]
    assert [(keep.row.state, keep.row.end_wall_ms is None) for keep in outage] == [
        ("down", True),
        ("down", False),
    ]
    assert outage[1].row.evidence == "no answer in 1 s"
    assert outage[1].row.duration_ms == 20_000


def test_dead_mains_are_excluded_with_the_meters_word_for_it() -> None:
    day = Day()
    day.seconds(10, FREE)
    day.seconds(10, FREE, volts=0)
    day.seconds(10, FREE)
    assert day.told() == [("up", "available"), ("down", "power"), ("up", "available")]
    (lost, *_) = [
        keep.row for keep in day.kept if isinstance(keep.row, PortInterval) and keep.row.state == "down"
    ]
    assert (lost.excluded, lost.evidence) == ("utility service interruption", "grid shows 0 V, 0 V, 0 V")


def test_a_meter_that_showed_dead_mains_and_fell_silent_is_no_evidence_for_long() -> None:
    day = Day()
    day.seconds(10, FREE)
    day.seconds(2, FREE, volts=0)
    day.seconds(60, FREE, volts=None)
    assert day.told() == [("up", "available"), ("down", "power"), ("up", "available")]
    down = [keep.row for keep in day.kept if isinstance(keep.row, PortInterval) and keep.row.state == "down"]
    assert down[-1].duration_ms == 7_000, "two seconds seen, and the five for which a reading is good"


def test_a_port_that_shows_available_and_fails_its_starts_is_found_out_from_what_is_kept() -> None:
    """Three vehicles ask for power, are granted it, and get none; then one charges.  No reading says so."""
    day = Day()
    asks = takes(0, "bay-1", 0, state="C")
    for _ in range(3):
        day.seconds(60, FREE)
        day.seconds(120, asks)
    day.seconds(60, FREE)
    day.seconds(60, CHARGING)
    day.seconds(20, FREE)
    sessions = list({keep.row.id: keep.row for keep in day.kept if isinstance(keep.row, Session)}.values())
    assert [row.failed_starts for row in sessions] == [1, 1, 1, 0]
    assert all(row.offered_ms > 60_000 for row in sessions[:3]), "they were granted current"
    (down,) = failing(sessions, {})
    assert (down.port, down.state, down.start_wall_ms) == ("bay-1", "down", WALL_MS + 60_000)
    assert down.end_wall_ms == WALL_MS + 600_000, "until power flowed"
    assert all(state == "up" for state, _ in day.told()), "the raw record has what was seen"


def test_a_vehicle_that_is_kept_waiting_fails_no_start() -> None:
    day = Day(without_window="never")
    day.seconds(10, FREE)
    day.seconds(300, takes(0, "bay-1", 0, state="C"))
    day.seconds(20, FREE)
    (row,) = {keep.row.id: keep.row for keep in day.kept if isinstance(keep.row, Session)}.values()
    assert (row.failed_starts, row.offered_ms) == (0, 0)
