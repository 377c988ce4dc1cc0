"""The core over the twin, without wires, in virtual time: an hour in seconds, the same for the same seed.

Stands in for the shell: it polls every device about once a second, each at its own moment, and delivers
readings and setpoints late, one after another, as lines and hosts do.  Codecs, sockets and the daemon's
loop are not here; `depot demo` has those.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from edge.core import dayplan
from edge.core.controller import Controller
from edge.model.flow import Event, Identified, Lost, MakePlan, Planned, Reading, SetCurrent, Tick, Written
from edge.model.records import TickRecord
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.sim.charger import Charger
from edge.sim.depot import STEP_MS, Depot
from edge.sim.families.heidelberg_energy_control import STANDBY_OFF, HeidelbergEnergyControl
from edge.sim.judge import Judge
from edge.sim.meter import Meter

POLL_MS = 1_000
POLLED_AT_MS = (600, 850)  # in the second: reads are made as late before the tick as possible
ANSWER_MS = (20, 150)  # from the moment that a reading is of to its arrival
WRITE_MS = 70  # one setpoint on the wire; they go out one after another
MISSED = 3  # polls without an answer, then a device is lost
PLANNED_MS = 1_500  # from the wish for a plan to the plan
REFRESH_MS = 5_000  # an unchanged setpoint is written again


@dataclass
class ClosedLoop:
    """One depot with its core.  now_ms: virtual; start_wall_ms: UTC at now_ms 0."""

    site: Site
    seed: int
    start_wall_ms: int
    tariff: Tariff | None = None
    depot: Depot = field(init=False)
    judge: Judge = field(init=False)
    core: Controller = field(init=False)
    now_ms: int = 0
    records: list[TickRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.depot = Depot(self.site, self.seed)
        self.judge = Judge(self.depot)
        self.core = Controller(self.site, self.tariff)
        self._random = random.Random(f"{self.seed} loop")
        self._due: list[tuple[int, int, str, Any]] = []
        self._count = 0
        self._missed: dict[str, int] = {}
        self._written: dict[str, tuple[int, int]] = {}
        for device in (*self.depot.meters, *self.depot.chargers):
            self._missed[device] = MISSED
            self._at(self._random.randrange(*POLLED_AT_MS), "poll", device)
        self._at(POLL_MS, "tick", None)

    def _at(self, at_ms: int, what: str, of: Any) -> None:
        self._count += 1
        heappush(self._due, (at_ms, self._count, what, of))

    def run(self, seconds: float) -> None:
        """Live for so long."""
        end = self.now_ms + round(seconds * 1000)
        while self.now_ms < end:
            self.now_ms += STEP_MS
            self.depot.step(self.now_ms)
            while self._due and self._due[0][0] <= self.now_ms:
                at_ms, _, what, of = heappop(self._due)
                self._do(at_ms, what, of)
            self.judge.see(self.depot.look())

    def say(self, event: Event) -> None:
        """Let an event happen from outside: the utility, the operator."""
        self._obey(self.core.handle(event))  # type: ignore[arg-type]

    def kill(self, device: str) -> None:
        """Cut a device off."""
        self.depot.device(device).silent = True
        if device in self.depot.meters:
            self.judge.checker.meter_lost(device, self.now_ms)

    def restore(self, device: str) -> None:
        """Connect it again."""
        self.depot.device(device).silent = False
        if device in self.depot.meters:
            self.judge.checker.meter_back(device)

    def _do(self, at_ms: int, what: str, of: Any) -> None:
        match what:
            case "poll":
                self._poll(of, at_ms)
                self._at(at_ms + POLL_MS, "poll", of)
            case "event":
                self._obey(self.core.handle(of))
            case "write":
                self._write(of[0], of[1], at_ms)
            case "plan":
                self._obey(self.core.handle(Planned(at_ms, of.number, dayplan.made(self.site, of.prospect))))
            case "tick":
                wall_ms = self.start_wall_ms + at_ms
                self._obey(self.core.handle(Tick(at_ms, wall_ms)))
                self._at(at_ms + POLL_MS, "tick", None)

    def _obey(self, commands: Iterable[object]) -> None:
        at_ms = self.now_ms
        for command in commands:
            match command:
                case SetCurrent():
                    before, when = self._written.get(command.charger, (-1, 0))
                    if before != command.current_ma or self.now_ms - when >= REFRESH_MS:
                        at_ms += WRITE_MS
                        self._at(at_ms, "write", (command.charger, command.current_ma))
                        self._written[command.charger] = (command.current_ma, self.now_ms)
                case MakePlan():
                    self._at(self.now_ms + PLANNED_MS, "plan", command)

    def _write(self, charger_id: str, current_ma: int, at_ms: int) -> None:
        charger = self.depot.chargers[charger_id]
        if not charger.silent:
            charger.heard()
            charger.take_setpoint(current_ma / 1000)
            self._at(at_ms + 1, "event", Written(at_ms + 1, charger_id, current_ma))

    def _poll(self, device_id: str, at_ms: int) -> None:
        device = self.depot.device(device_id)
        late_ms = at_ms + self._random.randrange(*ANSWER_MS)
        if device.silent:
            self._missed[device_id] += 1
            if self._missed[device_id] == MISSED:
                self._at(late_ms, "event", Lost(late_ms, device_id, "no answer"))
            return
        device.heard()
        if self._missed[device_id] >= MISSED:
            self._recognise(device, late_ms)
        self._missed[device_id] = 0
        self._at(late_ms, "event", Reading(late_ms, device_id, values(device)))

    def _recognise(self, device: Charger | Meter, at_ms: int) -> None:
        """Set a device up as its driver does when it has recognised it."""
        if isinstance(device, HeidelbergEnergyControl):
            drawn = next(c for c in self.site.chargers if c.id == device.id)
            device.fallback_a, device.standby = drawn.fallback_ma / 1000, STANDBY_OFF
        self._at(at_ms, "event", Identified(at_ms, device.id, {}))


def values(device: Charger | Meter) -> dict[str, int | str]:
    """Return what a device tells, in quantities; its own L1, L2, L3."""
    if isinstance(device, Meter):
        shown = device.shown
        found: dict[str, int | str] = {
            "power_w": round(shown.power_w),
            "energy_import_wh": round(sum(device.import_wh)),
        }
        currents: tuple[float, ...] = shown.currents_a
        voltages: tuple[float, ...] = shown.voltages_v
        found |= {f"power_l{n}_w": round(w) for n, w in enumerate(shown.powers_w, 1)}
    else:
        found = {
            "state": device.state[0],
            "power_w": round(device.power_w),
            "energy_import_wh": round(device.energy_wh),
        }
        if device.told is not None and device.told.current_ma >= 0:
            found["setpoint_ma"] = device.told.current_ma
        if device.vehicle is not None and device.vehicle.card:
            found["tag"] = device.vehicle.card
        if device.vehicle is not None and device.vehicle.soc_pm is not None:
            found["soc_pm"] = device.vehicle.soc_pm
        currents, voltages = device.currents_a, device.voltages_v
    for n, (a, v) in enumerate(zip(currents, voltages, strict=True), 1):
        found[f"current_l{n}_ma"] = (
            round(a * 10) * 100 if isinstance(device, HeidelbergEnergyControl) else round(a * 1000)
        )
        found[f"voltage_l{n}_mv"] = round(v * 1000)
    return found
