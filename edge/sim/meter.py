"""A meter: samples a node every `sample_ms`, as the instrument does, and counts energy.

Its readings are the truth of the moment of its last sample, with the error of its class; its counters
integrate every physics step.  Which register says what is its family's matter (edge/sim/families).
"""

import random
from dataclasses import dataclass, field

from edge.sim.grid import Amps, Grid, of_device


@dataclass
class Sample:
    """What the meter shows: its own L1, L2, L3.  Export is what flows the other way."""

    voltages_v: Amps = (0.0, 0.0, 0.0)
    currents_a: Amps = (0.0, 0.0, 0.0)
    powers_w: Amps = (0.0, 0.0, 0.0)
    frequency_hz: float = 50.0

    @property
    def power_w(self) -> float:
        """Active power, all phases."""
        return sum(self.powers_w)

    @property
    def apparents_va(self) -> Amps:
        """Apparent power per phase."""
        va = [v * a for v, a in zip(self.voltages_v, self.currents_a, strict=True)]
        return (va[0], va[1], va[2])

    @property
    def reactives_var(self) -> Amps:
        """Reactive power per phase, of displacement alone."""
        var = [max(0.0, s * s - w * w) ** 0.5 for s, w in zip(self.apparents_va, self.powers_w, strict=True)]
        return (var[0], var[1], var[2])

    @property
    def power_factors(self) -> Amps:
        """Power factor per phase; 1 where nothing flows."""
        pf = [w / s if s > 1 else 1.0 for s, w in zip(self.apparents_va, self.powers_w, strict=True)]
        return (pf[0], pf[1], pf[2])


@dataclass
class Meter:
    """One meter.  phases: site phase of its L1, L2, L3.  ratio: what the site multiplies its amps by.

    class_pct: accuracy class; its gain error is drawn once from the seed and stays, as an instrument's.
    """

    id: str
    node: str
    phases: tuple[int, ...]
    sample_ms: int
    ratio: int = 1
    class_pct: float = 0.0
    seed: int = 0
    silent: bool = False
    frozen: bool = False  # answers, but its values no longer move
    reversed: frozenset[int] = frozenset()  # phases, of its own, whose CT is the wrong way round
    factor: float = 1.0  # what it shows for 1: a CT ratio that is set wrong
    doubled: bool = False  # another device answers under its unit
    shown: Sample = field(default_factory=Sample)
    import_wh: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    export_wh: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    sampled_at_ms: int | None = None

    def __post_init__(self) -> None:
        error = random.Random(f"{self.seed} {self.id}").uniform(-1, 1) * self.class_pct / 100
        self.gain = 1.0 + error

    def heard(self) -> None:
        """A good request has come; a meter does not mind."""

    def step(self, grid: Grid, now_ms: int, dt_ms: int) -> None:
        """Count energy, and sample when it is time."""
        powers = self._wired(of_device(grid.powers_w(self.node), self.phases))
        for p, w in enumerate(powers):
            counter = self.import_wh if w >= 0 else self.export_wh
            counter[p] += abs(w) / self.ratio * dt_ms / 3_600_000
        if self.sampled_at_ms is not None and now_ms - self.sampled_at_ms < self.sample_ms:
            return
        self.sampled_at_ms = now_ms
        if not self.frozen:
            scale = self.gain / self.ratio
            l1, l2, l3 = of_device(grid.flows[self.node].total_a, self.phases)
            currents = (l1 * self.factor, l2 * self.factor, l3 * self.factor)
            self.shown = Sample(
                of_device(grid.voltages_v, self.phases),
                (currents[0] * scale, currents[1] * scale, currents[2] * scale),
                (powers[0] * scale, powers[1] * scale, powers[2] * scale),
            )

    def _wired(self, powers: Amps) -> Amps:
        """Return powers as its CTs are wired: one the wrong way round makes them flow out; amps stay amps."""
        ways = [-self.factor if p in self.reversed else self.factor for p in range(3)]
        return (powers[0] * ways[0], powers[1] * ways[1], powers[2] * ways[2])
