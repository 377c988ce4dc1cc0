"""A night in the yard, a minute at a time: vehicles that follow what they are told, and a planner beside.

Stands in for the shell.  Ticks come once a minute with fresh readings before each; a plan that is wished for
comes with the next minute, unless the planner is broken.
"""

from dataclasses import dataclass, field

from edge.core import dayplan
from edge.core.controller import Controller
from edge.model.flow import AnyEvent, Identified, MakePlan, Noted, Planned, Reading, SetCurrent, Written
from edge.model.records import ChargerNow, TickRecord
from edge.model.site import Site
from edge.model.tariff import DemandPrice, EnergyPrice, Tariff, Tier, When
from tests.story.sites import WALL_MS, tick

MINUTE_MS = 60_000


def two_prices(cheap_from: int, cheap_to: int, demand_per_kw: float = 0) -> Tariff:
    """Return a tariff: 0.10 from one local hour to the other, over midnight; else 0.40; and on the peak."""
    cheap = (When(from_min=cheap_from * 60), When(to_min=cheap_to * 60))
    energy = (
        EnergyPrice("cheap", (Tier(100_000_000),), cheap),
        EnergyPrice("dear", (Tier(400_000_000),)),
    )
    peak = (DemandPrice("peak", (Tier(round(demand_per_kw * 1e9)),)),) if demand_per_kw else ()
    return Tariff("two", "America/Los_Angeles", energy=energy, demand=peak)


@dataclass
class Bay:
    """can_a: what its vehicle takes at most, on `phases` phases.  soc_wh: what it arrives with, of 60 kWh.

    tag: the pseudonym of the card that was shown.
    given_wh: what it has given back, of which a tenth is lost on the way.
    """

    can_a: int = 32
    phases: int = 3
    plugged: bool = True
    told_ma: int = 0
    energy_wh: float = 1_000_000.0
    soc_wh: int | None = None
    tag: str = ""
    given_wh: float = 0.0

    @property
    def battery_wh(self) -> float:
        return (self.soc_wh or 0) + self.energy_wh - 1_000_000 - self.given_wh / 0.9

    @property
    def draws_ma(self) -> int:
        return min(self.told_ma, self.can_a * 1000) if self.plugged else 0


@dataclass
class Night:
    """other_a: what flows besides charging.  planner: "works", "fails" or "silent"."""

    site: Site
    tariff: Tariff | None = None
    other_a: int = 0
    planner: str = "works"
    bays: dict[str, Bay] = field(default_factory=dict)
    minute: int = 0
    wishes: list[MakePlan] = field(default_factory=list)
    seen: list[TickRecord] = field(default_factory=list)
    flown_w: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.controller = Controller(self.site, self.tariff)
        for charger in self.site.chargers:
            self.bays.setdefault(charger.id, Bay())
            self.controller.handle(Identified(0, charger.id, {}))
        self._answers: list[Planned] = []

    def say(self, event: AnyEvent) -> None:
        self.controller.handle(event)

    def minutes(self, count: int) -> "Night":
        for _ in range(count):
            self._minute()
        return self

    def until(self, clock_minute: int) -> "Night":
        """Go on until so many minutes after the story's beginning, 16:53:20 on a Sunday."""
        return self.minutes(clock_minute - self.minute)

    def _minute(self) -> None:
        self.minute += 1
        now = self.minute * MINUTE_MS
        total_ma = [self.other_a * 1000] * 3
        for name, bay in self.bays.items():
            draws = [bay.draws_ma if p < bay.phases else 0 for p in range(3)]
            bay.energy_wh += max(0, sum(draws)) * 230 / 1000 / 60
            bay.given_wh += max(0, -sum(draws)) * 230 / 1000 / 60
            total_ma = [a + b for a, b in zip(total_ma, draws, strict=True)]
            self.say(self._reading(now - 300, name, bay, draws))
        currents: dict[str, int | str] = {f"current_l{p + 1}_ma": total_ma[p] for p in range(3)}
        power = sum(total_ma) * 230 // 1000
        self.flown_w.append(power)
        self.say(Reading(now - 100, "grid", {**currents, "power_w": power}))
        for answer in self._answers:
            self.say(answer)
        self._answers = []
        for command in self.controller.handle(tick(now)):
            match command:
                case SetCurrent():
                    self.bays[command.charger].told_ma = command.current_ma
                    self.say(Written(now + 1, command.charger, command.current_ma))
                case MakePlan():
                    self.wishes.append(command)
                    self._plan(command, now)
                case Noted():
                    self.seen.append(command.record)

    def _plan(self, wish: MakePlan, now: int) -> None:
        if self.planner == "works":
            plan = dayplan.made(self.site, wish.prospect)
            self._answers.append(Planned(now + 1_000, wish.number, plan))
        elif self.planner == "fails":
            self._answers.append(Planned(now + 1_000, wish.number, None, "ValueError: out of order"))

    def _reading(self, at_ms: int, name: str, bay: Bay, draws: list[int]) -> Reading:
        values: dict[str, int | str] = {f"current_l{p + 1}_ma": draws[p] for p in range(3)}
        state = "A" if not bay.plugged else "C" if bay.draws_ma else "B"
        values |= {
            "state": state,
            "power_w": sum(draws) * 230 // 1000,
            "setpoint_ma": max(0, bay.told_ma),
            "energy_import_wh": round(bay.energy_wh),
        }
        if bay.tag:
            values["tag"] = bay.tag
        if bay.soc_wh is not None:
            values["soc_pm"] = round(bay.battery_wh) * 1000 // 60_000
        return Reading(at_ms, name, values)

    # What a story asks.

    def charged_kwh(self, name: str) -> float:
        return (self.bays[name].energy_wh - 1_000_000) / 1000

    def now(self, name: str) -> ChargerNow:
        return next(c for c in self.seen[-1].chargers if c.id == name)

    def given(self, name: str) -> dict[int, int]:
        """Return what a bay was told in every minute that ended, mA."""
        return {
            (record.wall_ms - WALL_MS) // MINUTE_MS: next(
                c for c in record.chargers if c.id == name
            ).granted_ma
            for record in self.seen
        }
