"""The depot's digital twin in one process: grid, chargers, vehicles and meters, one step every 100 ms.

Built from a site file's Site, so a simulated depot and a real one are drawn in the same words.  It knows
no sockets: edge/sim/servers.py puts its units on the wire.  Time comes in with step(); nothing here reads
a clock.  `look()` is the truth of a moment, for the recorder and the checker.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.library import UnknownDriver
from drivers.table import BadTable
from edge.model.site import Charger as SiteCharger
from edge.model.site import Meter as SiteMeter
from edge.model.site import Site
from edge.sim import families
from edge.sim.arrivals import arrivals, sample
from edge.sim.charger import Charger, Told
from edge.sim.families import RegisterUnit
from edge.sim.families.alfen_eve import STATION_UNIT, AlfenSocket, AlfenStation
from edge.sim.grid import Amps, Grid, of_device, on_site
from edge.sim.meter import Meter
from edge.sim.vehicle import Vehicle

STEP_MS = 100


class CannotSimulate(Exception):
    """The site has something that the simulator has no twin of: device, what, expectation."""


@dataclass
class Stayed:
    """What a stay was in truth."""

    charger: str
    vehicle: str
    start_ms: int
    end_ms: int
    energy_wh: float
    need_wh: float


@dataclass(frozen=True)
class ChargerLook:
    """A charger at a moment.  site_a: drawn, on the site's phases.  writes: setpoints since the last look.

    applied_a: the setpoint that holds in the device now: the last one, or its fallback.
    """

    node: str
    told_ma: int | None
    writes: tuple[Told, ...]
    applied_a: float
    offered_a: float
    site_a: Amps
    own_a: Amps
    max_a: float
    state: str
    hungry: bool
    vehicle: str
    vehicle_phases: int
    silent: bool
    soc_pm: int | None = None


@dataclass(frozen=True)
class Look:
    """The truth of a moment.  other_a, total_a: per node, on the site's phases; power_w: of the site."""

    at_ms: int
    other_a: dict[str, Amps]
    total_a: dict[str, Amps]
    power_w: float
    voltages_v: Amps
    chargers: dict[str, ChargerLook]


@dataclass
class _Bay:
    node: str
    charger: Charger
    coming: Iterator[tuple[int, Vehicle]]
    due_ms: int = 0
    next: Vehicle | None = None


@dataclass
class Depot:
    """All of it.  traffic: whether vehicles come and go by themselves."""

    site: Site
    seed: int = 1
    traffic: bool = True
    grid: Grid = field(init=False)
    chargers: dict[str, Charger] = field(init=False)
    meters: dict[str, Meter] = field(init=False)
    stayed: list[Stayed] = field(default_factory=list)
    now_ms: int | None = None

    def __post_init__(self) -> None:
        self.grid = Grid(self.site.nodes, float(self.site.voltage_v), self.seed)
        self.chargers = {c.id: self._charger(c) for c in self.site.chargers}
        self.meters = {m.id: self._meter(m) for m in self.site.meters}
        stays = sample()
        self._bays = [
            _Bay(c.node, self.chargers[c.id], arrivals(c.id, n, self.seed, stays))
            for n, c in enumerate(self.site.chargers)
        ]

    def _charger(self, drawn: SiteCharger) -> Charger:
        try:
            return families.charger(drawn)
        except (UnknownDriver, BadTable) as error:
            raise CannotSimulate(f"charger {drawn.id}: {error}") from None

    def _meter(self, drawn: SiteMeter) -> Meter:
        node = next((n.id for n in self.site.nodes if n.meter == drawn.id), None)
        if node is None:
            raise CannotSimulate(f"meter {drawn.id}: no [[node]] has meter = {drawn.id!r}")
        if not families.served(drawn.driver):
            raise CannotSimulate(f"meter {drawn.id}: there is no driver {drawn.driver!r}")
        return families.meter(drawn, node, self.seed)

    # -- time -----------------------------------------------------------------------------------------

    def step(self, now_ms: int) -> None:
        """Live until now_ms; call it every STEP_MS."""
        dt_ms = now_ms - self.now_ms if self.now_ms is not None else STEP_MS
        if self.now_ms is None:
            for charger in self.chargers.values():
                charger.now_ms = charger.heard_at_ms = now_ms
            for bay in self._bays:
                self._expect(bay, now_ms)
        self.now_ms = now_ms
        for bay in self._bays:
            if self.traffic:
                self._come_and_go(bay, now_ms)
            bay.charger.step(of_device(self.grid.voltages_v, bay.charger.phases), now_ms, dt_ms)
        self.grid.step([(bay.node, bay.charger) for bay in self._bays], now_ms)
        for meter in self.meters.values():
            meter.step(self.grid, now_ms, dt_ms)

    def _expect(self, bay: _Bay, now_ms: int) -> None:
        pause_ms, bay.next = next(bay.coming)
        bay.due_ms = now_ms + pause_ms

    def _come_and_go(self, bay: _Bay, now_ms: int) -> None:
        vehicle = bay.charger.vehicle
        if vehicle is not None and now_ms - bay.charger.plugged_at_ms >= vehicle.stay_ms:
            self.unplug(bay.charger.id)
            self._expect(bay, now_ms)
        elif vehicle is None and bay.next is not None and now_ms >= bay.due_ms:
            bay.charger.plug(bay.next)
            bay.next = None
        elif vehicle is None and bay.next is None:  # somebody pulled the plug from outside
            self._expect(bay, now_ms)

    def rewire(self, charger_id: str, node_id: str) -> None:
        """Feed a charger from another node than the drawing says.  Raises KeyError."""
        if node_id not in self.grid.flows:
            raise KeyError(node_id)
        for bay in self._bays:
            if bay.charger.id == charger_id:
                bay.node = node_id

    def unplug(self, charger_id: str) -> None:
        """The vehicle leaves, and its stay is noted."""
        charger = self.chargers[charger_id]
        if (vehicle := charger.vehicle) is not None:
            stay = Stayed(
                charger_id, vehicle.id, charger.plugged_at_ms, charger.now_ms, vehicle.got_wh, vehicle.need_wh
            )
            self.stayed.append(stay)
        charger.unplug()

    # -- what others see ------------------------------------------------------------------------------

    def look(self, glance: bool = False) -> Look:
        """Return the truth of this moment.

        A write is in one look only; a glance does not take it away from the next look.
        """
        chargers = {}
        for bay in self._bays:
            c = bay.charger
            writes = tuple(c.writes)
            if not glance:
                c.writes = []
            chargers[c.id] = ChargerLook(
                node=bay.node,
                told_ma=c.told.current_ma if c.told else None,
                writes=writes,
                applied_a=c.applied_a() if c.guard_a is None else min(c.applied_a(), c.guard_a),
                offered_a=c.offered_a,
                site_a=on_site(c.currents_a, c.phases),
                own_a=c.currents_a,
                max_a=c.max_a,
                state=c.state,
                hungry=c.vehicle is not None and c.vehicle.hungry and not c.fault,
                vehicle=c.vehicle.id if c.vehicle else "",
                vehicle_phases=min(c.vehicle.phases, len(c.phases)) if c.vehicle else 0,
                silent=c.silent,
                soc_pm=c.vehicle.soc_pm if c.vehicle else None,
            )
        top = self.site.nodes[0].id
        return Look(
            at_ms=self.now_ms or 0,
            other_a={n: f.other_a for n, f in self.grid.flows.items()},
            total_a={n: f.total_a for n, f in self.grid.flows.items()},
            power_w=sum(self.grid.powers_w(top)),
            voltages_v=self.grid.voltages_v,
            chargers=chargers,
        )

    def units(self) -> tuple[dict[str, dict[int, RegisterUnit]], dict[str, dict[int, RegisterUnit]]]:
        """Return the units to serve: by "HOST:PORT", and by serial line id."""
        tcp: dict[str, dict[int, RegisterUnit]] = {}
        lines: dict[str, dict[int, RegisterUnit]] = {}
        devices: list[SiteMeter | SiteCharger] = [*self.site.meters, *self.site.chargers]
        for drawn in devices:
            at = drawn.at
            units = tcp.setdefault(families.port_of(drawn), {}) if at.tcp else lines.setdefault(at.line, {})
            for number, unit in families.units_of(drawn, self.device(drawn.id)).items():
                if number not in units:
                    units[number] = unit
                    continue
                try:
                    units[number].join(unit)
                except ValueError:
                    where = at.tcp or at.line
                    raise CannotSimulate(f"device {drawn.id}: unit {number} is taken at {where}") from None
        for units in tcp.values():
            sockets = [d for u in units.values() for d in u.devices if isinstance(d, AlfenSocket)]
            if sockets and STATION_UNIT not in units:
                station = AlfenStation(sockets)
                units[STATION_UNIT] = RegisterUnit([station], station.registers())
        return tcp, lines

    def device(self, device_id: str) -> Charger | Meter:
        """Return a charger or meter by its id.  Raises KeyError."""
        return self.chargers[device_id] if device_id in self.chargers else self.meters[device_id]
