"""Weeks of a small depot in virtual time: the real controller and planner, vehicles of the simulator.

Vehicles come and go by a timetable that the controller never sees; each has a battery that tapers.  A tick a
minute (pace_ms) while somebody is there, and one in ten minutes while nobody is.  Readings come just before
the ticks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge.core import dayplan
from edge.core.controller import Controller
from edge.model.flow import (
    AnyEvent,
    Identified,
    Keep,
    MakePlan,
    Noted,
    Planned,
    Reading,
    Restored,
    SetCurrent,
    Tick,
    Written,
)
from edge.model.records import Forgotten, Kept, Session, TickRecord
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.model.units import MINUTE_MS
from edge.sim.vehicle import Vehicle

STEP_MS = 10_000
IDLE_MS = 10 * MINUTE_MS
PLUG_MS = 5_000
VOLTS = 230.0


@dataclass(frozen=True)
class Visit:
    """A stay as it really is.  at_min, until_min: minutes from the beginning."""

    bay: str
    at_min: int
    until_min: int
    need_wh: float
    max_a: float = 32.0
    phases: int = 3
    tag: str = ""


@dataclass
class Left:
    """A vehicle that has left, and what was seen of it a minute before.  late_wh: what it lacked."""

    visit: Visit
    late_wh: float
    seen: str
    promise: str


@dataclass
class Yard:
    """start_wall_ms: UTC at the beginning.  pace_ms: from tick to tick while somebody is there."""

    site: Site
    visits: list[Visit]
    start_wall_ms: int
    tariff: Tariff | None = None
    pace_ms: int = MINUTE_MS
    now_ms: int = 0
    left: list[Left] = field(default_factory=list)
    kept: dict[tuple[str, ...], Kept] = field(default_factory=dict)
    latest: TickRecord | None = None
    wishes: list[MakePlan] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.controller = Controller(self.site, self.tariff)
        self._there: dict[str, tuple[Visit, Vehicle]] = {}
        self._told_a = {c.id: 0.0 for c in self.site.chargers}
        self._counter_wh = {c.id: 0.0 for c in self.site.chargers}
        self._identify()

    def _identify(self) -> None:
        for charger in self.site.chargers:
            self._say(Identified(self.now_ms, charger.id, {}))

    def restart(self) -> None:
        """Begin with a new controller that knows what was kept, as the daemon does."""
        now_ms = self.now_ms
        self.controller = Controller(self.site, self.tariff)
        rows = list(self.kept.values())
        self._say(
            Restored(
                now_ms, self.start_wall_ms + now_ms, "boot 2", self.start_wall_ms + now_ms, rows, [], [], {}
            )
        )
        self._identify()

    def run(self, minutes: int) -> "Yard":
        """Live for so long."""
        end_ms = self.now_ms + minutes * MINUTE_MS
        while self.now_ms < end_ms:
            self._come()
            pace_ms = self.pace_ms if self._there else min(IDLE_MS, end_ms - self.now_ms)
            self._live(pace_ms)
            self.now_ms += pace_ms
            self._go()
            self._tick(self.now_ms)
        return self

    def _come(self) -> None:
        for visit in self.visits:
            if visit.at_min <= self.now_ms // MINUTE_MS < visit.until_min and visit.bay not in self._there:
                vehicle = Vehicle(visit.bay, visit.need_wh, 0, visit.phases, visit.max_a)
                self._there[visit.bay] = (visit, vehicle)

    def _go(self) -> None:
        for bay, (visit, vehicle) in list(self._there.items()):
            if visit.until_min * MINUTE_MS <= self.now_ms:
                self._tick(self.now_ms - PLUG_MS)  # a charger is seen more often than this story ticks
                now = next((c for c in self.latest.chargers if c.id == bay), None) if self.latest else None
                seen, promise = (now.window_source, now.promise) if now else ("", "")
                self.left.append(Left(visit, visit.need_wh - vehicle.got_wh, seen, promise))
                del self._there[bay]
                self._told_a[bay] = 0.0

    def _live(self, for_ms: int) -> None:
        """Let the vehicles charge as they are told."""
        for bay, (_, vehicle) in self._there.items():
            before = vehicle.got_wh
            step_ms = min(STEP_MS, for_ms)
            for at_ms in range(self.now_ms, self.now_ms + for_ms, step_ms):
                offered = self._told_a[bay]
                vehicle.step(offered, vehicle.asks, VOLTS * vehicle.phases, at_ms, step_ms)
            self._counter_wh[bay] += vehicle.got_wh - before

    def _tick(self, now_ms: int) -> None:
        total_ma = [0, 0, 0]
        for charger in self.site.chargers:
            values = self._values(charger.id)
            for p in range(3):
                total_ma[p] += int(values[f"current_l{p + 1}_ma"])
            self._say(Reading(now_ms - 300, charger.id, values))
        currents: dict[str, int | str] = {f"current_l{p + 1}_ma": total_ma[p] for p in range(3)}
        self._say(Reading(now_ms - 100, "grid", {**currents, "power_w": sum(total_ma) * 230 // 1000}))
        self._say(Tick(now_ms, self.start_wall_ms + now_ms))

    def _values(self, bay: str) -> dict[str, int | str]:
        visit, vehicle = self._there.get(bay, (None, None))
        drawn = [0, 0, 0]
        if vehicle is not None:
            drawn = [round(vehicle.drawn_a * 1000) if p < vehicle.phases else 0 for p in range(3)]
        values: dict[str, int | str] = {f"current_l{p + 1}_ma": drawn[p] for p in range(3)}
        values |= {
            "state": "A" if vehicle is None else "C" if vehicle.drawn_a else "B",
            "power_w": sum(drawn) * 230 // 1000,
            "setpoint_ma": round(self._told_a[bay] * 1000),
            "energy_import_wh": round(self._counter_wh[bay]),
        }
        if visit is not None and visit.tag:
            values["tag"] = visit.tag
        return values

    def _say(self, event: AnyEvent) -> None:
        for command in self.controller.handle(event):
            match command:
                case SetCurrent():
                    self._told_a[command.charger] = command.current_ma / 1000
                    self._say(Written(event.at_ms + 1, command.charger, command.current_ma))
                case MakePlan():
                    self.wishes.append(command)
                    plan = dayplan.made(self.site, command.prospect, steps=8)
                    self._say(Planned(event.at_ms + 1, command.number, plan))
                case Keep(row=Session() as row):
                    self.kept["session", row.id] = row
                case Keep(row=Forgotten() as row):
                    self.kept["forgotten", row.charger] = row
                case Noted():
                    self.latest = command.record


def of_days(
    bay: str, days: Iterable[int], at_min: int, stay_min: int, need_wh: float, **more: float
) -> list[Visit]:
    """Return the same stay on each of some days, counted from the beginning."""
    return [
        Visit(bay, day * 1440 + at_min, day * 1440 + at_min + stay_min, need_wh, **more)  # type: ignore[arg-type]
        for day in days
    ]
