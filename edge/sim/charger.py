"""What all simulated chargers have in common: pilot, contactor, IEC 61851 states, meter, own hard limit.

A family (edge/sim/families) adds its registers and its supervision by saying what it applies: how many
amps the charger offers right now, from the last setpoint and from how long it has been silent.

           setpoint --(family: supervision)--> applied --(pilot delay)--> offered --(vehicle)--> drawn

Not here: leakage, ventilation (state D), communication above the pilot (ISO 15118).
Source: IEC 61851-1, Annex A (states, pilot); the contactor opens within 100 ms of C→B, and after 6 s under
load at the latest when the pilot stops.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.sim.delay import Delayed
from edge.sim.registers import Registers
from edge.sim.vehicle import LEAST_OFFER_A, Vehicle

PILOT_MS = 800  # setpoint to pilot: IEC 61851-1 allows 5 s; wallboxes do it in about one
OPENS_UNDER_LOAD_MS = 6_000  # pilot stopped, but the vehicle still draws
NO_PHASES = (0.0, 0.0, 0.0)


@dataclass
class Told:
    """A setpoint as it came over the wire."""

    at_ms: int
    current_ma: int


class Charger:
    """One socket.  phases: the site phase index of its L1 (and L2, L3).  max_a: its own hard limit."""

    def __init__(self, id: str, phases: tuple[int, ...], max_a: float, fallback_a: float) -> None:
        self.id = id
        self.phases = phases
        self.max_a = max_a
        self.fallback_a = fallback_a
        self.now_ms = 0
        self.clock: Callable[[], int] | None = None  # real time, to say when a setpoint came between steps
        self.silent = False  # its communication is dead; its power side lives on
        self.fault = False
        self.ignores = False  # it accepts setpoints and offers all that it has (edge/sim/faults.py)
        self.unarmed = False  # after silence its last setpoint goes on to hold
        self.doubled = False  # another device answers under its unit
        self.guard_a: float | None = None  # what an I/O board's relay leaves at its terminals; None: all
        self.vehicle: Vehicle | None = None
        self.plugged_at_ms = 0
        self.heard_at_ms = 0
        self.told: Told | None = None
        self.writes: list[Told] = []  # since the recorder last looked
        self.pilot = Delayed(PILOT_MS)
        self.closed = False
        self.currents_a: tuple[float, float, float] = NO_PHASES
        self.voltages_v: tuple[float, float, float] = NO_PHASES
        self.energy_wh = 0.0
        self.export_wh = 0.0
        self.tripped = False  # what it gives back has failed; it still charges
        self.energy_phase_wh = [0.0, 0.0, 0.0]
        self.starts = 0
        self._stopped_at_ms: int | None = None

    # -- the wire ---------------------------------------------------------------------------------

    def heard(self) -> None:
        """A good request for this charger has come."""
        self.heard_at_ms = self.now_ms

    def take_setpoint(self, current_a: float) -> None:
        """Take a setpoint from the wire."""
        at_ms = self.clock() if self.clock else self.now_ms
        self.told = Told(at_ms, round(current_a * 1000))
        self.writes.append(self.told)

    def applied_a(self) -> float:
        """Return what the charger offers now: the setpoint, or its fallback.  A family refines it."""
        return self.told.current_ma / 1000 if self.told else 0.0

    def _signals_a(self) -> float:
        """Return what the power side makes of it: the same, unless something is wrong with the charger."""
        if self.ignores:
            return self.max_a
        if self.unarmed and self.told is not None:
            return min(self.told.current_ma / 1000, self.max_a)
        return self.applied_a()

    def registers(self) -> Registers:
        """Return the family's register map."""
        raise NotImplementedError

    def power_cycle(self) -> None:
        """Lose what a power-on resets; counters stay.  A family adds its own defaults."""
        self.told = None
        self.closed = False
        self.fault = False
        self.heard_at_ms = self.now_ms

    # -- the vehicle's side -------------------------------------------------------------------------

    def plug(self, vehicle: Vehicle) -> None:
        """A vehicle is plugged in; the one before it must have left."""
        if self.vehicle is not None:
            raise ValueError(f"{self.id}: {self.vehicle.id} is plugged in")
        self.vehicle, self.plugged_at_ms = vehicle, self.now_ms

    def unplug(self) -> None:
        """The vehicle leaves; the contactor opens before the plug is out."""
        self.vehicle, self.closed = None, False

    @property
    def offered_a(self) -> float:
        """What the pilot says; 0 where it says nothing."""
        offered = 0.0 if self.fault or self.vehicle is None else min(self.pilot.value, self.max_a)
        if self.guard_a is not None:
            offered = min(offered, self.guard_a)
        return offered if offered >= LEAST_OFFER_A else 0.0

    @property
    def gives_a(self) -> float:
        """What it takes out of its vehicle, on each phase."""
        stopped = self.fault or self.tripped or self.vehicle is None or self.guard_a is not None
        return 0.0 if stopped else max(0.0, -self.pilot.value)

    @property
    def state(self) -> str:
        """The state with its number, as chargers write it: A, B1, B2, C1, C2 or F.

        1: no pilot is offered; 2: it is.
        """
        if self.fault:
            return "F"
        if self.vehicle is None:
            return "A"
        if self.gives_a:
            return "C2"
        return ("C" if self.closed else "B") + ("2" if self.offered_a else "1")

    @property
    def power_w(self) -> float:
        """Active power; the power factor of onboard chargers is taken as 1."""
        return sum(a * v for a, v in zip(self.currents_a, self.voltages_v, strict=True))

    def step(self, voltages_v: tuple[float, float, float], now_ms: int, dt_ms: int) -> None:
        """Live for dt_ms.  voltages_v: of the charger's own L1, L2, L3."""
        self.now_ms, self.voltages_v = now_ms, voltages_v
        self.pilot.follow(self._signals_a(), now_ms)
        vehicle = self.vehicle
        if vehicle is None:
            self.currents_a = NO_PHASES
            return
        self._switch(vehicle, now_ms)
        used = min(vehicle.phases, len(self.phases))
        if self.gives_a or vehicle.drawn_a < 0:
            vehicle.give(self.gives_a, sum(voltages_v[:used]), dt_ms)
        else:
            vehicle.step(self.offered_a, self.closed, sum(voltages_v[:used]), now_ms, dt_ms)
        drawn = vehicle.drawn_a
        self.currents_a = (drawn, drawn if used > 1 else 0.0, drawn if used > 2 else 0.0)
        for p in range(3):
            wh = self.currents_a[p] * voltages_v[p] * dt_ms / 3_600_000
            if wh >= 0:
                self.energy_phase_wh[p] += wh
                self.energy_wh += wh
            else:
                self.export_wh -= wh

    def _switch(self, vehicle: Vehicle, now_ms: int) -> None:
        """Move the contactor."""
        if self.fault:
            self.closed = False
        elif not self.closed:
            if vehicle.asks and self.offered_a:
                self.closed = True
                self.starts += 1
        elif self.offered_a:
            self._stopped_at_ms = None
            self.closed = vehicle.asks
        else:
            self._stopped_at_ms = self._stopped_at_ms if self._stopped_at_ms is not None else now_ms
            waited = now_ms - self._stopped_at_ms >= OPENS_UNDER_LOAD_MS
            self.closed = vehicle.drawn_a > 0 and not waited
        if not self.closed:
            self._stopped_at_ms = None
