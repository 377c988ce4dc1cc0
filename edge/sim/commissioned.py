"""A depot to be commissioned, in virtual time: a bench without wires, and depots drawn from a seed.

The tests and their judgement are those of a real depot; wires, codecs and sockets are not here.  What a line
with two devices under one unit does to 200 reads is drawn from the seed, not simulated.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from drivers import library
from drivers.device import Device as Driver
from edge.core.commission_bench import Bench
from edge.model.commission import Address, Device, Found, Hold, Supervises, Trace
from edge.model.flow import Identified, Lost, Reading, SetCurrent, Tick, Written
from edge.model.site import Address as At
from edge.model.site import Charger as SiteCharger
from edge.model.site import Meter as SiteMeter
from edge.model.site import Node, Policy, Site
from edge.sim.charger import Charger
from edge.sim.closed_loop import ANSWER_MS, MISSED, POLL_MS, POLLED_AT_MS, WRITE_MS, values
from edge.sim.depot import Depot
from edge.sim.families.heidelberg_energy_control import STANDBY_OFF, HeidelbergEnergyControl
from edge.sim.faults import KINDS, Fault, Kind, put
from edge.sim.judge import Judge
from edge.sim.meter import Meter
from edge.sim.vehicle import Vehicle

# A coarser step than the wires' own: nothing that is measured here is quicker.
STEP_MS = 200
START_WALL_MS = 1_800_000_000_000
READS = 200
FED_BY_READING = ("any_request", "station_poll")


@dataclass
class VirtualBench:
    """The bench of edge/shell/commission.py over a twin.  judge: what really flowed, for tests of tests."""

    site: Site
    seed: int = 1
    depot: Depot = field(init=False)
    judge: Judge = field(init=False)
    now_ms: int = 0

    def __post_init__(self) -> None:
        self.depot = Depot(self.site, self.seed, traffic=False)
        self.judge = Judge(self.depot)
        self.bench = Bench(self.site)
        self._random = random.Random(f"{self.seed} bench")
        self._due: list[tuple[int, int, str, Any]] = []
        self._count = 0
        self._missed = dict.fromkeys([*self.depot.meters, *self.depot.chargers], MISSED)
        self._silent: tuple[str, ...] = ()
        self._how = {c.id: self.supervises(c.id) for c in self.site.chargers}
        self._written: dict[str, tuple[int, int]] = {}
        for device in self._missed:
            self._at(self._random.randrange(*POLLED_AT_MS), "poll", device)
        self._at(POLL_MS, "tick", None)

    # What a bench is -----------------------------------------------------------------------------------

    async def find(self, tell: Callable[[str], None]) -> Found:
        """Return what 200 reads of every device would show."""
        tell("200 reads of every device")
        addresses = []
        drawn: list[SiteMeter | SiteCharger] = [*self.site.meters, *self.site.chargers]
        for one in drawn:
            errors, silences = self._random.choice(((0, 0), (0, 0), (1, 0), (0, 1))), (0, 0)
            if self.depot.device(one.id).doubled:
                errors = (self._random.randrange(110, 190), self._random.randrange(0, 10))
            where = one.at.tcp or one.at.line
            addresses.append(
                Address(one.id, where, one.at.unit, one.driver, identities=[{"serial": f"SIM-{one.id}"}],
                        reads=READS, errors=errors[0], silences=errors[1] + silences[1], answer_ms=(12, 40))
            )  # fmt: skip
        return Found(addresses)

    async def hold(self, hold: Hold) -> Trace:
        """Live for so long."""
        refused = self.bench.begin(hold, self.now_ms, START_WALL_MS + self.now_ms)
        if refused:
            return Trace(self.now_ms, self.now_ms, refused=refused)
        self._silent = hold.silent
        end = self.now_ms + hold.for_ms
        while self.now_ms < end:
            self.now_ms += STEP_MS
            self.depot.step(self.now_ms)
            while self._due and self._due[0][0] <= self.now_ms:
                at_ms, _, what, of = heappop(self._due)
                self._do(at_ms, what, of)
            self.judge.see(self.depot.look())
        self._silent = ()
        return self.bench.end(self.now_ms)

    def supervises(self, charger: str) -> Supervises:
        """Say how a charger watches us, by its table."""
        drawn = next(c for c in self.site.chargers if c.id == charger)
        how = Driver(library.load(drawn.driver), drawn.at.unit).supervision(drawn.valid_for_ms)
        heard = "questions" if how.kind in FED_BY_READING else "writes"
        return Supervises(how.kind, how.time_ms, heard)  # type: ignore[arg-type]

    def trust(self, meters: frozenset[str], chargers: frozenset[str]) -> None:
        """Count on these."""
        self.bench.holder.trusted, self.bench.holder.located = meters, chargers

    def state(self, charger: str) -> str:
        """Return its letter."""
        return self.bench.states.get(charger, "")

    def devices(self) -> list[Device]:
        """Return the devices, as far as a twin says who it is."""
        drawn: list[SiteMeter | SiteCharger] = [*self.site.meters, *self.site.chargers]
        return [
            Device(
                d.id, "charger" if isinstance(d, SiteCharger) else "meter", d.driver, d.at.tcp or d.at.line
            )
            for d in drawn
        ]

    def wall_ms(self) -> int:
        """Return a wall clock that began with the run."""
        return START_WALL_MS + self.now_ms

    # Virtual time --------------------------------------------------------------------------------------

    def _at(self, at_ms: int, what: str, of: Any) -> None:
        self._count += 1
        heappush(self._due, (at_ms, self._count, what, of))

    def _do(self, at_ms: int, what: str, of: Any) -> None:
        match what:
            case "poll":
                self._poll(of, at_ms)
                self._at(at_ms + POLL_MS, "poll", of)
            case "event":
                self._obey(self.bench.handle(of))
            case "write":
                self._write(of[0], of[1], at_ms)
            case "tick":
                self._obey(self.bench.handle(Tick(at_ms, START_WALL_MS + at_ms)))
                self._at(at_ms + POLL_MS, "tick", None)

    def _obey(self, commands: Iterable[object]) -> None:
        at_ms = self.now_ms
        for command in commands:
            if isinstance(command, SetCurrent):
                before, when = self._written.get(command.charger, (-1, 0))
                if before != command.current_ma or self.now_ms - when >= 5_000:
                    at_ms += WRITE_MS
                    self._at(at_ms, "write", (command.charger, command.current_ma))
                    self._written[command.charger] = (command.current_ma, self.now_ms)

    def _write(self, charger_id: str, current_ma: int, at_ms: int) -> None:
        charger = self.depot.chargers[charger_id]
        if charger_id not in self._silent:
            charger.heard()
            charger.take_setpoint(current_ma / 1000)
            self._at(at_ms + 1, "event", Written(at_ms + 1, charger_id, current_ma))

    def _poll(self, device_id: str, at_ms: int) -> None:
        device = self.depot.device(device_id)
        muted = device_id in self._silent
        deaf = muted and (device_id not in self._how or self._how[device_id].heard == "questions")
        if deaf:
            return
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
        if isinstance(device, HeidelbergEnergyControl):
            drawn = next(c for c in self.site.chargers if c.id == device.id)
            device.fallback_a, device.standby = drawn.fallback_ma / 1000, STANDBY_OFF
        self._at(at_ms, "event", Identified(at_ms, device.id, {}))


# Depots from a seed ------------------------------------------------------------------------------------

ROTATIONS = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
VEHICLES = ((1, 16.0), (3, 16.0), (1, 32.0), (3, 16.0))
PANELS = ("panel-a", "panel-b")


def depot(seed: int) -> VirtualBench:
    """Return a sound depot: two panels with two bays each, and vehicles of one and of three phases."""
    draw = random.Random(f"{seed} depot")
    site_limit, panel_limit = draw.choice((100_000, 125_000)), draw.choice((63_000, 80_000))
    other = [tuple(draw.randrange(8_000, 16_000) for _ in range(3)) for _ in PANELS]
    own = draw.randrange(8_000, 14_000)
    total = tuple(own + sum(o[p] for o in other) for p in range(3))
    nodes = [Node("main", None, (site_limit,) * 3, other_max_ma=total, meter="main-meter")]  # type: ignore[arg-type]
    for panel, most in zip(PANELS, other, strict=True):
        nodes.append(Node(panel, "main", (panel_limit,) * 3, other_max_ma=most, meter=f"{panel}-meter"))  # type: ignore[arg-type]
    meters = [SiteMeter("main-meter", "janitza_umg604", At(1, tcp="10.0.0.1:502"))]
    meters += [
        SiteMeter(f"{panel}-meter", "eastron_sdm630", At(n, line="rs485"), ratio=draw.choice((1, 40)))
        for n, panel in enumerate(PANELS, 11)
    ]
    chargers = []
    for n in range(4):
        box = draw.random() < 0.5
        at = At(21 + n, line="rs485") if box else At(1, tcp=f"10.0.0.{10 + n}:502")
        chargers.append(
            SiteCharger(
                f"bay-{n + 1}", PANELS[n % 2], "heidelberg_energy_control" if box else "alfen_eve", at,
                phases=draw.choice(ROTATIONS), max_ma=16_000 if box else 32_000, fallback_ma=6_000,
                valid_for_ms=0 if box else draw.choice((20_000, 60_000)),
            )
        )  # fmt: skip
    policy = Policy(raise_hold_ms=3_000, on_off_ms=15_000)
    site = Site(
        f"seed-{seed}", f"Depot {seed}", "UTC", tuple(nodes), tuple(meters), tuple(chargers), policy=policy
    )
    bench = VirtualBench(site, seed)
    kinds = list(VEHICLES)
    draw.shuffle(kinds)
    for n, charger in enumerate(site.chargers):
        phases, max_a = kinds[n]
        bench.depot.chargers[charger.id].plug(vehicle(charger.id, draw, phases, max_a))
    return bench


def vehicle(bay: str, draw: random.Random, phases: int, max_a: float) -> Vehicle:
    """Return a vehicle that stays hungry for the whole of a commissioning."""
    return Vehicle(
        f"{bay}-vehicle", 5_000_000.0, 10**9, phases, max_a, draw.randrange(1_000, 4_000),
        draw.uniform(0.94, 1.0),
    )  # fmt: skip


def faulty(kind: Kind, seed: int) -> tuple[VirtualBench, Fault]:
    """Return a depot with one hidden fault, and the fault."""
    bench = depot(seed)
    draw = random.Random(f"{seed} {kind}")
    site = bench.site
    charger = draw.choice(site.chargers)
    meter = draw.choice(site.meters)
    match kind:
        case "swapped_meter":
            below = [c for c in site.chargers if meter.id == "main-meter" or meter.id.startswith(c.node)]
            shown = draw.choice(below).phases[0]
            pair = (shown, draw.choice([p for p in range(3) if p != shown]))
            _one_phase(bench, below, (shown,), draw)
            fault = Fault(kind, meter.id, phases=pair)
        case "swapped_charger":
            fault = Fault(kind, charger.id, phases=draw.choice(((0, 1), (0, 2))))
            _one_phase(bench, [charger], charger.phases[:1], draw)
        case "reversed_ct":
            fault = Fault(kind, meter.id, phases=(draw.randrange(3),))
            _one_phase(bench, [c for c in site.chargers if meter.id in ("main-meter", f"{c.node}-meter")],
                       fault.phases, draw)  # fmt: skip
        case "wrong_ratio":
            fault = Fault(kind, meter.id, factor=draw.choice((0.025, 0.2, 0.5, 0.8, 1.25, 1.5, 2.0)))
        case "wrong_parent":
            other = next(p for p in PANELS if p != charger.node)
            fault = Fault(kind, charger.id, node=draw.choice((other, "main")))
        case "doubled_unit":
            fault = Fault(kind, draw.choice([charger.id, meter.id]))
        case _:
            fault = Fault(kind, charger.id)
    put(bench.depot, fault)
    return bench, fault


def _one_phase(
    bench: VirtualBench, below: list[SiteCharger], phases: tuple[int, ...], draw: random.Random
) -> None:
    """See to it that a one-phase vehicle charges on one of these phases: without one nothing shows them."""
    for charger in below:
        twin = bench.depot.chargers[charger.id]
        assert twin.vehicle is not None
        if charger.phases[0] in phases and twin.vehicle.phases == 1:
            return
    charger = next((c for c in below if c.phases[0] in phases), below[0])
    twin = bench.depot.chargers[charger.id]
    if charger.phases[0] in phases:
        twin.unplug()
        twin.plug(vehicle(charger.id, draw, 1, 16.0))
    else:  # three phases move every CT
        twin.unplug()
        twin.plug(vehicle(charger.id, draw, 3, 16.0))


__all__ = ["KINDS", "VirtualBench", "depot", "faulty"]
