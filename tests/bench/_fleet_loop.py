"""The real core over a fleet's days in virtual time: vehicles, one main meter, the schedule as it is known.

Ticks come every 20 s, every 5 s about the beginning and the end of an event; readings of everything just
before each.  A plan that is wished for comes with the next tick.  No wires, no codecs, no watchdogs of
chargers: `depot demo` and edge/sim/closed_loop.py have those.  What truly flows goes to the simulator's
checker (edge/sim/checker.py), which shares no code with the core.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from edge.core import dayplan
from edge.core.controller import Controller
from edge.model.flow import (
    Identified,
    Keep,
    MakePlan,
    Planned,
    Reading,
    SetCurrent,
    Tick,
    UtilitySaid,
    UtilityTaken,
    WindowRemoved,
    WindowSet,
    Written,
)
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload
from edge.model.records import Compliance
from edge.model.site import Charger, Window
from edge.model.units import HOUR_MS, MINUTE_MS, PHASES, SECOND_MS
from edge.sim.charger import Told
from edge.sim.checker import Checker
from edge.sim.depot import ChargerLook, Look
from tests.bench._fleet_depots import FOLLOWS, Fleet, Shed, Stay

TICK_MS, QUICK_MS = 20 * SECOND_MS, 5 * SECOND_MS
ABOUT_MS = 2 * MINUTE_MS
REACTION_MS = 3 * SECOND_MS  # from a setpoint to the vehicle's current; within IEC 61851-1's 10 s
SCHEDULED_MS = 12 * HOUR_MS  # so long before it begins a stay is entered by the dispatcher
NEVER_STARVED_MS = 1 << 60  # with charge windows vehicles wait for the cheap hours
PLAN_STEPS = 25  # of 40 iterations each, at most


@dataclass
class Bay:
    """A charger and its vehicle in truth.  now_a: drawn on each phase of its own."""

    charger: Charger
    stay: Stay | None = None
    told_ma: int = 0
    now_a: float = 0.0
    session_wh: float = 0.0
    counter_wh: float = 0.0
    writes: list[Told] = field(default_factory=list)


@dataclass
class Lived:
    """What became of a run.  got_wh: by stay.  charging_w, site_w: means by minute."""

    got_wh: dict[str, float]
    charging_w: list[float]
    site_w: list[float]
    violations: list[str]
    highest_w: dict[int, float]
    compliance: list[Compliance]
    plans: int = 0
    ticks: int = 0


class Loop:
    """One run of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.now_ms = 0
        self.core = Controller(fleet.site, fleet.tariff)
        self.bays = {c.id: Bay(c) for c in fleet.site.chargers}
        self.checker = Checker(fleet.site, NEVER_STARVED_MS)
        self._panel = {n.id: [b for b in self.bays.values() if n.id in fleet.site.path(b.charger.node)]
                       for n in fleet.site.nodes}  # fmt: skip
        minutes = (fleet.end_ms - fleet.start_ms) // MINUTE_MS
        self.lived = Lived({}, [0.0] * minutes, [0.0] * minutes, [], {}, [])
        self._answers: list[Planned] = []
        self._due = sorted(self._happenings(), key=lambda each: each[0])
        self.core.handle(fleet.before)
        for charger in self.bays:
            self.core.handle(Identified(0, charger, {}))
        for shed in fleet.sheds:
            start, end = shed.start_ms - fleet.start_ms, shed.end_ms - fleet.start_ms
            self.checker.event(start, end, shed.limit_w, settle_ms=0)

    def run(self) -> Lived:
        """Live to the end."""
        self.live_until(self.fleet.end_ms - self.fleet.start_ms, TICK_MS)
        for bay in self.bays.values():
            self._leave(bay)
        self.lived.violations = [f"{v.rule} {v.where}: {v.says}" for v in self.checker.violations]
        for n, event in enumerate(self.checker.limits.events):
            self.lived.highest_w[n] = event.highest_w
        return self.lived

    def live_until(self, end_ms: int, tick_ms: int) -> None:
        """Live until then, with a tick so often, oftener about events."""
        while self.now_ms < end_ms:
            step_ms = min(tick_ms, QUICK_MS) if self._eventful(self.now_ms) else tick_ms
            self._live(self.now_ms, step_ms)
            self.now_ms += step_ms
            self._happen(self.now_ms)
            self._tick(self.now_ms)

    def _eventful(self, at_ms: int) -> bool:
        wall_ms = self.fleet.start_ms + at_ms
        edges = [edge for shed in self.fleet.sheds for edge in (shed.start_ms, shed.end_ms)]
        return any(edge - ABOUT_MS <= wall_ms < edge + ABOUT_MS for edge in edges)

    # --- the world ---------------------------------------------------------------------------------------

    def _live(self, at_ms: int, step_ms: int) -> None:
        """Let current flow from at_ms on: what flowed before for the reaction time, then what was told."""
        volts, minute = self.fleet.site.voltage_v, at_ms // MINUTE_MS
        wh = 0.0
        for bay in self.bays.values():
            after_a = self._takes_a(bay)
            if after_a or bay.now_a:
                per_a_wh = volts * len(bay.charger.phases) / 3_600_000
                before_ms = min(REACTION_MS, step_ms)
                got = (bay.now_a * before_ms + after_a * (step_ms - before_ms)) * per_a_wh
                bay.session_wh += got
                bay.counter_wh += got
                bay.now_a = after_a
                wh += got
        charging_w = wh * HOUR_MS / step_ms
        self.lived.charging_w[minute] += charging_w * step_ms / MINUTE_MS
        self.lived.site_w[minute] += (charging_w + self.fleet.base_w[minute]) * step_ms / MINUTE_MS

    def _takes_a(self, bay: Bay) -> float:
        if bay.stay is None or bay.told_ma < bay.charger.min_ma:
            return 0.0
        return bay.told_ma / 1000 * FOLLOWS

    def _happenings(self) -> Iterator[tuple[int, str, Stay | Shed]]:
        for stay in self.fleet.stays:
            yield max(0, stay.from_ms - SCHEDULED_MS - self.fleet.start_ms), "scheduled", stay
            yield stay.arrives_ms - self.fleet.start_ms, "arrives", stay
            yield stay.leaves_ms - self.fleet.start_ms, "leaves", stay
        for shed in self.fleet.sheds:
            yield shed.told_ms - self.fleet.start_ms, "told", shed

    def _happen(self, now_ms: int) -> None:
        while self._due and self._due[0][0] <= now_ms:
            _, what, of = self._due.pop(0)
            if isinstance(of, Shed):
                self._told(of, now_ms)
            elif what == "scheduled":
                self.core.handle(WindowSet(now_ms, self._window(of, of.usual_wh)))
            elif what == "arrives":
                bay = self.bays[of.charger]
                bay.stay, bay.session_wh, bay.now_a = of, 0.0, 0.0
                self.core.handle(WindowSet(now_ms, self._window(of, of.need_wh)))
            else:
                self._leave(self.bays[of.charger])
                self.core.handle(WindowRemoved(now_ms, of.id))

    def _leave(self, bay: Bay) -> None:
        if bay.stay is not None:
            self.lived.got_wh[bay.stay.id] = bay.session_wh
        bay.stay, bay.now_a = None, 0.0

    def _window(self, stay: Stay, need_wh: int) -> Window:
        zone = ZoneInfo(self.fleet.site.timezone)
        begin, end = (datetime.fromtimestamp(at / 1000, zone) for at in (stay.from_ms, stay.ready_by_ms))
        return Window(
            stay.id, stay.charger, begin.hour * 60 + begin.minute, end.hour * 60 + end.minute, need_wh,
            dates=(begin.date().isoformat(),),
        )  # fmt: skip

    def _told(self, shed: Shed, now_ms: int) -> None:
        """The utility says an event, and its broker that we have it."""
        wall_ms = self.fleet.start_ms + now_ms
        name = f"{datetime.fromtimestamp(shed.start_ms / 1000, UTC):%Y-%m-%d}"
        event = OpenAdrEvent(
            name, "shed", name=name,
            period=IntervalPeriod(shed.start_ms, shed.end_ms - shed.start_ms),
            intervals=(Interval(0, (Payload("IMPORT_CAPACITY_LIMIT", (shed.limit_w / 1000,)),)),),
            received_wall_ms=wall_ms,
        )  # fmt: skip
        self.core.handle(UtilitySaid(now_ms, wall_ms, "CREATE", event))
        self.core.handle(UtilityTaken(now_ms, wall_ms, name))

    # --- the shell ---------------------------------------------------------------------------------------

    def _tick(self, now_ms: int) -> None:
        wall_ms = self.fleet.start_ms + now_ms
        base_w = self.fleet.base_w[min(now_ms // MINUTE_MS, len(self.fleet.base_w) - 1)]
        self.checker.see(self._look(now_ms, base_w))
        for bay in self.bays.values():
            self.core.handle(Reading(now_ms - 300, bay.charger.id, self._shows(bay)))
            bay.writes = []
        self.core.handle(Reading(now_ms - 100, "grid", self._meter(base_w)))
        for answer in self._answers:
            self.core.handle(answer)
        self._answers = []
        self.lived.ticks += 1
        for command in self.core.handle(Tick(now_ms, wall_ms)):
            match command:
                case SetCurrent():
                    bay = self.bays[command.charger]
                    if bay.told_ma != command.current_ma:
                        bay.told_ma = command.current_ma
                        bay.writes.append(Told(now_ms, command.current_ma))
                        self.core.handle(Written(now_ms + 1, command.charger, command.current_ma))
                case MakePlan():
                    self.lived.plans += 1
                    plan = dayplan.made(self.fleet.site, command.prospect, PLAN_STEPS)
                    self._answers.append(Planned(now_ms + SECOND_MS, command.number, plan))
                case Keep(row=Compliance()):
                    self.lived.compliance.append(command.row)

    def _shows(self, bay: Bay) -> dict[str, int | str]:
        ma = round(bay.now_a * 1000)
        state = "A" if bay.stay is None else "C" if ma else "B"
        shown: dict[str, int | str] = {f"current_l{n + 1}_ma": ma for n in range(len(bay.charger.phases))}
        return shown | {
            "state": state,
            "power_w": round(bay.now_a * self.fleet.site.voltage_v * len(bay.charger.phases)),
            "energy_import_wh": round(bay.counter_wh),
            "setpoint_ma": bay.told_ma,
        }

    def _meter(self, base_w: int) -> dict[str, int | str]:
        volts = self.fleet.site.voltage_v
        amps = self._flows_a("main")
        base_a = base_w / volts / 3
        shown: dict[str, int | str] = {
            f"current_l{p + 1}_ma": round((amps[p] + base_a) * 1000) for p in PHASES
        }
        return shown | {"power_w": round(sum(amps) * volts + base_w)}

    def _flows_a(self, node: str) -> tuple[float, float, float]:
        """Return what flows into vehicles below a node, per phase."""
        sums = [0.0, 0.0, 0.0]
        for bay in self._panel[node]:
            if bay.now_a:
                for phase in bay.charger.phases:
                    sums[phase] += bay.now_a
        return (sums[0], sums[1], sums[2])

    def _look(self, now_ms: int, base_w: int) -> Look:
        """Return the truth for the checker."""
        volts = float(self.fleet.site.voltage_v)
        other = {n.id: (0.0, 0.0, 0.0) for n in self.fleet.site.nodes}
        other["main"] = (base_w / volts / 3,) * 3
        total = {}
        for node in self.fleet.site.nodes:
            a, b, c = self._flows_a(node.id)
            o = other[node.id]
            total[node.id] = (a + o[0], b + o[1], c + o[2])
        return Look(
            now_ms, other, total, sum(total["main"]) * volts, (volts,) * 3,
            {name: _seen(bay) for name, bay in self.bays.items()},
        )  # fmt: skip


def _seen(bay: Bay) -> ChargerLook:
    on = [bay.now_a if p in bay.charger.phases else 0.0 for p in PHASES]
    there, count = bay.stay is not None, len(bay.charger.phases)
    return ChargerLook(
        node=bay.charger.node,
        told_ma=bay.told_ma,
        writes=tuple(bay.writes),
        applied_a=bay.told_ma / 1000,
        offered_a=bay.told_ma / 1000 if there else 0.0,
        site_a=(on[0], on[1], on[2]),
        own_a=(bay.now_a, bay.now_a if count > 1 else 0.0, bay.now_a if count > 1 else 0.0),
        max_a=bay.charger.max_ma / 1000,
        state="A" if not there else "C" if bay.now_a else "B",
        hungry=there,
        vehicle=bay.stay.id if bay.stay else "",
        vehicle_phases=count if there else 0,
        silent=False,
    )
