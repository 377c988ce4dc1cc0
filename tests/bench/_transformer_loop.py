"""The real core over Caltech's garage in virtual time: readings in, setpoints out, what every vehicle got.

Ticks come every second while anything changes or waits, else at the beginning of every slot and now and
then.  Readings of all chargers come just before each tick; a vehicle takes what its charger was told a second
later, to the last; a plan that is wished for is there with the next tick.  Every setpoint is held to what its
charger takes, and every current that flows to limits written out with complex numbers, which share nothing
with the core.
"""

import cmath
import math
import time
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from edge.core import dayplan, prospect
from edge.core.controller import Controller
from edge.core.plan import Solver
from edge.model.dayplan import DayPlan, Prospect
from edge.model.flow import (
    Identified,
    MakePlan,
    Planned,
    Reading,
    SetCurrent,
    Tick,
    WindowRemoved,
    WindowSet,
    Written,
)
from edge.model.site import Window
from edge.model.units import HOUR_MS, SECOND_MS
from tests.bench._caltech import (
    AV_POD,
    CC_POD,
    LINE_V,
    MOST_MA,
    PAIRS,
    POD_A,
    SLOT_S,
    TIMEZONE,
    Visit,
    above_a,
    below_a,
    legal,
    site,
    start_ms,
)

# While nothing changes, the core ticks so many seconds after the beginning of a slot.
CALM_S = (1, 2, 3, 60, 180)
WAITS = ("waits until room has come free", "raised step by step")

PLAN_STEPS = 25  # of 40 iterations each, at most
IDLE_STEPS = 25  # without a cheaper plan

# Line voltages as unit vectors: what a current between two lines adds to the first and takes from the second.
ANGLE = {(1, 2): 30, (2, 3): -90, (1, 3): -30}
TOLERANCE_A = 1e-6


@dataclass
class Bay:
    """A charger and its vehicle in truth."""

    visit: Visit | None = None
    told_ma: int = 0
    drawn_ma: int = 0
    session_wh: float = 0.0
    counter_wh: float = 0.0


@dataclass
class Lived:
    """What became of a run.  got_wh: by visit.  ticks_s, plans_s: CPU time of each.  switches: on or off."""

    got_wh: dict[str, float] = field(default_factory=dict)
    ticks_s: list[float] = field(default_factory=list)
    plans_s: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    switches: int = 0


def overloads(amps: dict[str, float], kw: float) -> list[str]:
    """Return the limits that currents break, by station; with complex numbers, from the drawing alone."""
    pairs = dict.fromkeys(ANGLE, 0.0)
    for station, current in amps.items():
        pairs[PAIRS[station]] += current
    line = {1: 0j, 2: 0j, 3: 0j}
    for (p, q), current in pairs.items():
        vector = cmath.rect(current, math.radians(ANGLE[p, q]))
        line[p] += vector
        line[q] -= vector
    found = []
    for p in (1, 2, 3):
        if abs(line[p]) > below_a(kw) + TOLERANCE_A:
            found.append(f"line {p} below: {abs(line[p]):.3f} A of {below_a(kw):.3f}")
        above = abs(line[p] - line[(p + 1) % 3 + 1]) / math.sqrt(3)
        if above > above_a(kw) + TOLERANCE_A:
            found.append(f"line {p} above: {above:.3f} A of {above_a(kw):.3f}")
    for name, pod in (("CC", CC_POD), ("AV", AV_POD)):
        in_pod = sum(amps.get(station, 0.0) for station in pod)
        if in_pod > POD_A + TOLERANCE_A:
            found.append(f"{name} pod: {in_pod:.3f} A of {POD_A}")
    return found


class Loop:
    """One run: the visits of some days at a transformer of so many kW."""

    def __init__(self, kw: float, pilots: str, month: str, visits: tuple[Visit, ...]) -> None:
        drawn = site(kw, pilots)
        self._site, self._kw, self._legal = drawn, kw, pilots == "legal"
        self._start_ms = start_ms(month)
        self._core = Controller(drawn)
        self._bays = {c.id: Bay() for c in drawn.chargers}
        self._comes: dict[int, list[Visit]] = {}
        self._goes: dict[int, list[Visit]] = {}
        for visit in visits:
            self._comes.setdefault(visit.arrives, []).append(visit)
            self._goes.setdefault(visit.leaves, []).append(visit)
        self._answers: list[Planned] = []
        self._last: tuple[Solver, int] | None = None
        self.lived = Lived()
        for charger in self._bays:
            self._core.handle(Identified(0, charger, {}))

    def run(self) -> Lived:
        """Live every slot in which a vehicle is there."""
        slots = sorted({*self._comes, *self._goes})
        slot = slots[0]
        while slot <= slots[-1]:
            self._begin(slot)
            if any(bay.visit for bay in self._bays.values()):
                self._live(slot)
                slot += 1
            else:  # nobody is there: on to the next who comes
                slot = min((s for s in self._comes if s > slot), default=slots[-1] + 1)
        return self.lived

    def _begin(self, slot: int) -> None:
        at_ms = slot * SLOT_S * SECOND_MS
        for visit in self._goes.get(slot, ()):
            bay = self._bays[visit.station]
            self.lived.got_wh[visit.id] = bay.session_wh
            bay.visit, bay.drawn_ma = None, 0
            self._core.handle(WindowRemoved(at_ms, visit.id))
        for visit in self._comes.get(slot, ()):
            bay = self._bays[visit.station]
            bay.visit, bay.session_wh = visit, 0.0
            self._core.handle(WindowSet(at_ms, self._window(visit)))

    def _window(self, visit: Visit) -> Window:
        zone = ZoneInfo(TIMEZONE)
        begin, end = (
            datetime.fromtimestamp(self._start_ms / 1000 + slot * SLOT_S, zone)
            for slot in (visit.arrives, visit.leaves)
        )
        return Window(
            visit.id,
            visit.station,
            begin.hour * 60 + begin.minute,
            end.hour * 60 + end.minute,
            math.ceil(visit.need_wh),
            dates=(begin.date().isoformat(),),
        )

    def _live(self, slot: int) -> None:
        second, begin_ms = CALM_S[0], slot * SLOT_S * SECOND_MS
        self._flow(second * SECOND_MS)
        while second < SLOT_S:
            moves = self._tick(begin_ms + second * SECOND_MS)
            later = min((s for s in CALM_S if s > second), default=SLOT_S)
            later = second + 1 if moves else later
            self._flow(SECOND_MS)
            self._follow()
            self._flow((later - second - 1) * SECOND_MS)
            second = later

    def _flow(self, for_ms: int) -> None:
        """Let the current that is drawn flow for so long."""
        for bay in self._bays.values():
            if bay.visit is None or not bay.drawn_ma or for_ms <= 0:
                continue
            wh = bay.drawn_ma / 1000 * LINE_V * for_ms / HOUR_MS
            wh = min(wh, bay.visit.need_wh - bay.session_wh)
            bay.session_wh += wh
            bay.counter_wh += wh

    def _follow(self) -> None:
        """Let every vehicle take what it was told, and look at what flows then."""
        for bay in self._bays.values():
            full = bay.visit is None or bay.session_wh >= bay.visit.need_wh - 1e-6
            draws_ma = 0 if full else bay.told_ma
            self.lived.switches += (draws_ma > 0) != (bay.drawn_ma > 0)
            bay.drawn_ma = draws_ma
        self.lived.violations += [
            f"{name}: told {bay.told_ma} mA" for name, bay in self._bays.items() if not self._takes(name, bay)
        ]
        self.lived.violations += overloads(
            {name: bay.drawn_ma / 1000 for name, bay in self._bays.items() if bay.drawn_ma}, self._kw
        )

    def _takes(self, station: str, bay: Bay) -> bool:
        """Say whether a charger takes such a setpoint."""
        if not self._legal or bay.told_ma == 0:
            return bay.told_ma <= MOST_MA
        may = legal(station)
        above = bay.told_ma - may.least_ma
        return above >= 0 and bay.told_ma <= MOST_MA and above % may.step_ma == 0

    def _tick(self, at_ms: int) -> bool:
        """Let the core decide; return whether anything changes or waits."""
        moves = False
        for name, bay in self._bays.items():
            self._core.handle(Reading(at_ms - 100, name, _shows(bay)))
        for answer in self._answers:
            self._core.handle(answer)
        self._answers = []
        began = time.thread_time()
        commands = self._core.handle(Tick(at_ms, self._start_ms + at_ms))
        self.lived.ticks_s.append(time.thread_time() - began)
        for command in commands:
            match command:
                case SetCurrent():
                    bay = self._bays[command.charger]
                    moves |= bay.told_ma != command.current_ma or command.because.startswith(WAITS)
                    if bay.told_ma != command.current_ma:
                        bay.told_ma = command.current_ma
                        self._core.handle(Written(at_ms + 1, command.charger, command.current_ma))
                case MakePlan():
                    began = time.thread_time()
                    plan = self._made(command.prospect)
                    self.lived.plans_s.append(time.thread_time() - began)
                    self._answers.append(Planned(at_ms + 1, command.number, plan))
                    moves = True
        return moves

    def _made(self, ahead: Prospect) -> DayPlan:
        """Plan as the daemon's thread does, from where the last plan ended; by steps instead of the clock."""
        drawn = prospect.draw(self._site, ahead)
        last, problem = self._last, drawn.problem
        shift = round((ahead.wall_ms - last[1]) / SECOND_MS / problem.slot_s) if last else 0
        fits = last and last[0].problem.slot_s == problem.slot_s and 0 <= shift < last[0].problem.slots
        solver = Solver(problem, last[0], shift) if last and fits else Solver(problem)
        best, idle = float("inf"), 0
        for _ in range(PLAN_STEPS):
            now = solver.step()
            idle = 0 if now.objective < best else idle + 1
            best = min(best, now.objective)
            if now.gap <= problem.gap or idle >= IDLE_STEPS:
                break
        self._last = (solver, ahead.wall_ms)
        return dayplan.day_plan(drawn, ahead.wall_ms, solver.plan())


def _shows(bay: Bay) -> dict[str, int | str]:
    done = bay.visit is not None and bay.session_wh >= bay.visit.need_wh - 1e-6
    return {
        "state": "A" if bay.visit is None else "C" if bay.drawn_ma else "B",
        "current_l1_ma": bay.drawn_ma,
        "current_l2_ma": bay.drawn_ma,
        "power_w": bay.drawn_ma * LINE_V // 1000,
        "energy_import_wh": math.ceil(bay.counter_wh) if done else math.floor(bay.counter_wh),
        "setpoint_ma": bay.told_ma,
    }
