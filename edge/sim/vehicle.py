"""A vehicle behind a charger: a battery that tapers, a reaction time, one or three phases.

It draws at most what it is offered, starts above 6 A and stops below, and follows a change of the offer
within the 5 s that IEC 61851-1 (Annex A) gives it.  It knows nothing of meters, sites or registers.
"""

from dataclasses import dataclass, field

from edge.sim.delay import Delayed

# Below this a pilot says nothing to a vehicle.  Source: IEC 61851-1, Annex A, duty cycle to current.
LEAST_OFFER_A = 6.0

# Onboard chargers raise softly and let go fast.  Chosen so that dead time and ramp of the slowest vehicle
# (4 s and 32 A) stay within 5 s: 4 + 32 / 40.
RAISE_A_PER_S = 10.0
LOWER_A_PER_S = 40.0

# The last part of a charge runs at falling power: from here to full the current falls to a tenth.
TAPER_FROM = 0.85
TAPER_TO = 0.10

# A battery's own electronics give nothing below this; and of what leaves it so much arrives.
EMPTY = 0.10
EFFICIENCY = 0.90


@dataclass
class Vehicle:
    """One stay.

    phases: conductors of its onboard charger, 1 or 3.  reaction_ms: 1000 to 4000.
    follows: share of the offer that it really draws; onboard chargers stay a little below.
    stay_ms: how long it remains plugged in.
    card: the RFID card that its driver shows, as hexadecimal digits; "" for none.
    battery_wh, start_wh: what its battery holds, and what was in it when it came; 0: it gives nothing back.
    """

    id: str
    need_wh: float
    stay_ms: int
    phases: int = 3
    max_a: float = 16.0
    reaction_ms: int = 2_000
    follows: float = 0.98
    battery_wh: float = 0.0
    start_wh: float = 0.0
    got_wh: float = 0.0
    drawn_a: float = 0.0
    card: str = ""
    seen: Delayed = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.reaction_ms <= 4_000:
            raise ValueError(f"vehicle {self.id}: reaction_ms {self.reaction_ms} is not within 0…4000")
        self.seen = Delayed(self.reaction_ms)

    @property
    def hungry(self) -> bool:
        """Whether it would charge if it were offered enough."""
        return self.got_wh < self.need_wh

    @property
    def asks(self) -> bool:
        """Whether it shows state C: it has seen a lawful offer and wants energy."""
        return self.hungry and self.seen.value >= LEAST_OFFER_A

    @property
    def soc_pm(self) -> int | None:
        """Its state of charge in thousandths, rounded down to whole percents as cars tell it."""
        if not self.battery_wh:
            return None
        return int((self.start_wh + self.got_wh) / self.battery_wh * 100) * 10

    def give(self, wanted_a: float, volts_v: float, dt_ms: int) -> None:
        """Give back for dt_ms, up to so much on each phase; an empty battery gives nothing."""
        left = self.battery_wh and self.start_wh + self.got_wh > EMPTY * self.battery_wh
        target = -min(wanted_a, self.max_a) if left else 0.0
        reach = RAISE_A_PER_S * dt_ms / 1000
        self.drawn_a = max(target, self.drawn_a - reach) if target < self.drawn_a else target
        self.got_wh += self.drawn_a * volts_v * dt_ms / 3_600_000 / EFFICIENCY

    def wanted_a(self) -> float:
        """Return what it would take of the offer that it has seen."""
        if not self.asks:
            return 0.0
        done = self.got_wh / self.need_wh
        left = max(0.0, (1.0 - done) / (1.0 - TAPER_FROM))
        taper = 1.0 if done <= TAPER_FROM else TAPER_TO + (1.0 - TAPER_TO) * left
        return min(self.seen.value * self.follows, self.max_a * taper)

    def step(self, offered_a: float, closed: bool, volts_v: float, now_ms: int, dt_ms: int) -> None:
        """Live for dt_ms.  offered_a: by the pilot, 0 for none; closed: the contactor.

        volts_v: sum over the phases in use.
        """
        self.seen.follow(offered_a, now_ms)
        target = self.wanted_a() if closed else 0.0
        if target >= self.drawn_a:
            self.drawn_a = min(target, self.drawn_a + RAISE_A_PER_S * dt_ms / 1000)
        else:
            self.drawn_a = max(target, self.drawn_a - LOWER_A_PER_S * dt_ms / 1000)
        if not closed:
            self.drawn_a = 0.0
        self.got_wh += self.drawn_a * volts_v * dt_ms / 3_600_000
