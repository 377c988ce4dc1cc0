"""What flows at a node that is not charging: a base, a slow swing, machines that switch, noise.

Never above `most_a`, the installer's highest plausible load (I3 counts on it); seeded, so a run repeats.
"""

import math
import random
from dataclasses import dataclass, field

PHASE_COUNT = 3

# Shares of the highest plausible load.  Chosen so that the mean is about 40 % and everything at once
# stays below it; real buildings are calmer.
BASE, SWING = 0.25, 0.08
MACHINES = ((0.20, (0, 1, 2)), (0.22, (0,)), (0.18, (1,)), (0.25, (2,)))  # share, phases
SWING_PERIOD_S = (90.0, 240.0)
MACHINE_ON_S, MACHINE_OFF_S = 20.0, 35.0  # means
NOISE_A = 0.10  # of standard deviation, refreshed every step
POWER_FACTOR = 0.95


@dataclass
class _Machine:
    share: float
    phases: tuple[int, ...]
    on: bool
    until_ms: float


@dataclass
class OtherLoad:
    """The other load of one node's own, in A per phase."""

    most_a: tuple[float, float, float]
    random: random.Random
    extra_a: list[float] = field(default_factory=lambda: [0.0] * PHASE_COUNT)  # added by a scenario
    quiet: bool = False  # base alone: no swing, machines or noise, for tests that compute by hand
    sun_a: float = 0.0  # what a roof gives on every phase, set by a scenario
    held: bool = False  # the building obeys the utility too: nothing is switched on, the swing stands still
    now_a: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        self._period_s = self.random.uniform(*SWING_PERIOD_S)
        self._turn = self.random.random()
        self._swung_ms = 0
        self._last_ms: int | None = None
        self._machines = [
            _Machine(share, phases, self.random.random() < MACHINE_ON_S / (MACHINE_ON_S + MACHINE_OFF_S), 0.0)
            for share, phases in MACHINES
        ]

    def step(self, now_ms: int) -> None:
        """Become what it is at now_ms."""
        share = [BASE] * PHASE_COUNT
        if self._last_ms is not None and not self.held:
            self._swung_ms += now_ms - self._last_ms
        self._last_ms = now_ms
        if not self.quiet:
            swing = SWING * math.sin(2 * math.pi * (self._swung_ms / 1000 / self._period_s + self._turn))
            share = [s + swing for s in share]
            for machine in self._machines:
                self._switch(machine, now_ms)
                for p in machine.phases if machine.on else ():
                    share[p] += machine.share
        noise = 0.0 if self.quiet else NOISE_A
        self.now_a = tuple(  # type: ignore[assignment]
            min(max(s * most + extra + self.random.gauss(0.0, noise), 0.0), most) if most else 0.0
            for s, most, extra in zip(share, self.most_a, self.extra_a, strict=True)
        )
        if self.sun_a:
            a, b, c = self.now_a
            self.now_a = (a - self.sun_a, b - self.sun_a, c - self.sun_a)

    def _switch(self, machine: _Machine, now_ms: int) -> None:
        if machine.until_ms == 0.0:  # the first look: keep the state for a while
            machine.until_ms = now_ms + 1000 * self.random.expovariate(1 / MACHINE_ON_S)
        if now_ms >= machine.until_ms and not (self.held and not machine.on):
            machine.on = not machine.on
            mean_s = MACHINE_ON_S if machine.on else MACHINE_OFF_S
            machine.until_ms = now_ms + 1000 * max(2.0, self.random.expovariate(1 / mean_s))
