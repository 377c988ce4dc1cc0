"""When a plan is wished for, what it is to be made of, and which one holds.

Rule 1: a plan is wished for at every fifth minute of the clock, and at once when somebody comes or goes, a
        window, a price, a limit or what a vehicle can take has changed; after a minute when other load or a
        vehicle is not as it was planned.
Rule 2: a plan of an older wish is better than none, but never takes the place of one of a newer wish.
Rule 3: a plan that is too old is not believed.  Then, and for a vehicle that it does not know, the rule of
        asks.py and the earliest departure first (turns.py) hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge.core.asks import CAN_CHARGE, Vehicle, Want
from edge.core.calendar import Calendar
from edge.core.dayplan import Step, changes, step
from edge.core.forecast import BaseLoad
from edge.core.grid import Other
from edge.core.peaktarget import PeakTarget
from edge.core.state import State
from edge.core.takes import Taken
from edge.core.windows import Stay
from edge.model.dayplan import Ceiling, DayPlan, Draw, Giver, Prospect, Row, Stayer
from edge.model.flow import AnyCommand, Audit, MakePlan, OperatorLimit, Planned, Tick
from edge.model.records import DemandNow, PlannedStep, PlanNow, PriceNow
from edge.model.site import Charger, Site, Window
from edge.model.units import HOUR_MS, MINUTE_MS, PHASES, SECOND_MS, Triple

EVERY_MS = 5 * MINUTE_MS
AT_ONCE_MS = 3 * SECOND_MS  # a flood of changes makes a plan every so often at most
SURPRISED_MS = MINUTE_MS

# A plan that is made anew on the mark is here by then: so long the last one holds as it stood before.  Else
# every vehicle would be set twice within two seconds, and a raise waits for the hold time of the first.
AWAITED_MS = 5 * SECOND_MS

# Four plans in a row that did not come.
LATE_MS = 20 * MINUTE_MS

# Other load that differs by this share of a node's limit from what it was is a surprise.
SURPRISE = 8


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan depends on besides other load.  Compared with what the last wish was made of."""

    stayers: tuple[Stayer, ...]
    draws: tuple[Draw, ...]
    windows: tuple[Window, ...]
    prices: tuple[PriceNow, ...]
    ceilings: tuple[Ceiling, ...]
    demand: tuple[DemandNow, ...] = ()
    export: tuple[PriceNow, ...] = ()

    def key(self) -> tuple[object, ...]:
        """Return what counts as a change: not that time passes, energy flows or a peak grows."""
        stayers = tuple(
            (s.charger, s.ready_by_wall_ms, s.max_ma, s.takes_w, s.priority, s.giver is None)
            for s in self.stayers
        )
        draws = tuple(d.node for d in self.draws)
        prices = tuple((p.from_wall_ms, p.price_micro) for p in self.prices[1:])  # as far as they are known
        return stayers, draws, self.windows, prices, self.ceilings


def known(
    site: Site,
    state: State,
    vehicles: Iterable[Vehicle],
    wants: Mapping[str, Want],
    taken: Mapping[str, Taken],
    calendar: Calendar,
    operator: Iterable[OperatorLimit],
    tick: Tick,
) -> Known:
    """Return what a plan depends on.

    A vehicle without a window counts with what it is told now, a silent charger with all that it may draw,
    both for an hour: by then there are a dozen newer plans.
    """
    stayers: list[Stayer] = []
    draws: list[Draw] = []
    until_ms = tick.wall_ms + HOUR_MS
    for charger, vehicle in zip(site.chargers, vehicles, strict=True):
        now, want, learned = state.chargers[charger.id], wants[charger.id], taken[charger.id]
        if now.silent(tick.at_ms, site.policy.charger_silent_ms):
            draws.append(Draw(charger.node, charger.phases, now.may_ma, until_ms))
            continue
        if now.state not in CAN_CHARGE:
            continue
        takes_ma, phases = learned.of(vehicle.max_ma, charger.phases)
        guessed = vehicle.stay is not None and not vehicle.stay.window.stated
        if vehicle.stay is None or (guessed and not want.need_wh):
            if want.max_ma and not vehicle.full:
                told_ma = max(now.told_ma or 0, charger.min_ma)
                draws.append(Draw(charger.node, phases, told_ma, until_ms))
            continue
        takes_ma = max(takes_ma, min(charger.min_ma, vehicle.max_ma))
        giver = giver_of(site, charger, vehicle)
        if want.need_wh or giver:
            stayers.append(
                Stayer(
                    charger=charger.id,
                    from_wall_ms=vehicle.stay.from_wall_ms,
                    ready_by_wall_ms=vehicle.stay.ready_by_wall_ms,
                    need_wh=want.need_wh or 0,
                    min_ma=charger.min_ma,
                    max_ma=takes_ma,
                    takes_w=charger.watts(takes_ma, phases, site.voltage_v),
                    phases=phases,
                    priority=vehicle.stay.window.priority,
                    present=True,
                    giver=giver,
                    taper_ms=vehicle.taper_ms,
                )
            )
    ceilings = calendar.ceilings(tick.wall_ms)
    ceilings += tuple(
        Ceiling(said.node, 0, said.until_wall_ms, limit_ma=said.limit_ma)
        for said in operator
        if said.until_wall_ms is None or tick.wall_ms < said.until_wall_ms
    )
    prices = tuple(calendar.steering(tick.wall_ms, 0))
    demand = tuple(calendar.demand(tick.wall_ms))
    export = tuple(calendar.export(tick.wall_ms))
    return Known(
        tuple(stayers), tuple(draws), calendar.expected(tick.wall_ms), prices, ceilings, demand, export
    )


def giver_of(site: Site, charger: Charger, vehicle: Vehicle) -> Giver | None:
    """Return what may be taken out of a vehicle; None where charger, window or battery do not say."""
    if vehicle.stay is None or vehicle.soc_pm is None or not charger.discharge_ma:
        return None
    window = vehicle.stay.window
    if not window.discharge or not window.battery_wh:
        return None
    return Giver(
        now_wh=vehicle.soc_pm * window.battery_wh // 1000,
        keep_wh=-(-window.keep_pm * window.battery_wh // 1000),
        full_wh=window.battery_wh,
        target_wh=-(-window.soc_pm * window.battery_wh // 1000),
        gives_w=charger.discharge_ma * len(charger.phases) * site.voltage_v // 1000,
        cycle_micro=window.cycle_micro,
    )


class Planner:
    """Wishes for plans, and holds the latest."""

    def __init__(self, site: Site) -> None:
        self._limits = {n.id: n.limit_ma for n in site.nodes if n.meter}
        self._number = 0
        self._held = 0
        self._plan: DayPlan | None = None
        self._rows: dict[str, Row] = {}
        self._came_ms = 0
        self._wished_ms = -LATE_MS
        self._waits_ms: int | None = None  # since when a wish is not answered
        self._mark = -1
        self._key: tuple[object, ...] = ()
        self._assumed: dict[str, Triple] = {}
        self._behind: frozenset[str] = frozenset()
        self._next: tuple[int, tuple[PlannedStep, ...]] = (-1, ())
        self.trouble = ""

    def wish(
        self,
        tick: Tick,
        facts: Known,
        others: Mapping[str, Other],
        base_load: BaseLoad,
        behind: frozenset[str],
        target: PeakTarget | None = None,
    ) -> list[AnyCommand]:
        """Return the wish for a plan if one is due.

        behind: vehicles that got less than planned so far.  target: what is known of the month's peak.
        """
        if not tick.wall_trusted or not facts.stayers:
            return []
        mark, key = tick.wall_ms // EVERY_MS, facts.key()
        since_ms = tick.at_ms - self._wished_ms
        due = since_ms >= AT_ONCE_MS and (mark != self._mark or key != self._key)
        surprised = since_ms >= SURPRISED_MS and (behind != self._behind or self._surprise(others))
        if not due and not surprised:
            return []
        self._mark, self._key, self._behind = mark, key, behind
        self._assumed = {node: others[node].now_ma for node in self._limits}
        self._wished_ms = tick.at_ms
        self._waits_ms = tick.at_ms if self._waits_ms is None else self._waits_ms
        self._number += 1
        prospect = Prospect(
            wall_ms=tick.wall_ms,
            stayers=facts.stayers,
            windows=facts.windows,
            draws=facts.draws,
            prices=facts.prices,
            ceilings=facts.ceilings,
            other=base_load.profiles(others),
            demand=facts.demand,
            export=facts.export,
            aim=target.aim(tick.wall_ms, facts.windows) if target and facts.demand else None,
        )
        return [MakePlan(self._number, prospect)]

    def _surprise(self, others: Mapping[str, Other]) -> bool:
        return any(
            abs(others[node].now_ma[p] - was[p]) * SURPRISE > self._limits[node][p]
            for node, was in self._assumed.items()
            for p in PHASES
        )

    def planned(self, event: Planned) -> list[AnyCommand]:
        """Take in a plan, or that there is none."""
        self._waits_ms = None if event.number == self._number else self._waits_ms
        before = self.trouble
        if event.plan is None:
            self.trouble = event.why
            return [] if before else [Audit("planner", "plan", f"failed: {event.why}")]
        if event.number <= self._held:
            return []
        self._held, self._plan, self._came_ms = event.number, event.plan, event.at_ms
        self._rows = {row.charger: row for row in event.plan.rows}
        self._next = (-1, ())
        self.trouble = ""
        return [Audit("planner", "plan", "works again")] if before else []

    def step(self, charger: str, stay: Stay | None, tick: Tick) -> Step | None:
        """Return what the plan has for a vehicle now; None where there is no plan for its stay."""
        plan, row = self._plan, self._rows.get(charger)
        if plan is None or row is None or stay is None or self._late(tick.at_ms) or not tick.wall_trusted:
            return None
        if row.ready_by_wall_ms != stay.ready_by_wall_ms:
            return None
        since_mark_ms = tick.wall_ms % EVERY_MS
        before_mark = plan.from_wall_ms < tick.wall_ms - since_mark_ms
        awaited = before_mark and since_mark_ms < AWAITED_MS
        return step(plan, row, tick.wall_ms - since_mark_ms - 1 if awaited else tick.wall_ms)

    def _late(self, now_ms: int) -> bool:
        return now_ms - self._came_ms > LATE_MS

    def now(self, tick: Tick, forecast_error_w: int | None = None) -> PlanNow | None:
        """Return the plan as people see it; None where nothing is to be planned."""
        plan = self._plan
        waits_ms = 0 if self._waits_ms is None else tick.at_ms - self._waits_ms
        trouble = self.trouble or ("the planner does not answer" if waits_ms > MINUTE_MS else "")
        if plan is None or self._late(tick.at_ms):
            return PlanNow(trouble=trouble) if trouble else None
        until_ms, steps = self._next
        if tick.wall_ms >= until_ms:
            until_ms, steps = changes(plan, tick.wall_ms)
            self._next = (until_ms, steps)
        return PlanNow(
            number=self._held,
            made_wall_ms=plan.from_wall_ms,
            vehicles=len(plan.rows),
            expected=plan.expected,
            cost_micro=plan.cost_micro,
            gap_ppm=plan.gap_ppm,
            peak_w=plan.peak_w,
            unmet_wh=plan.unmet_wh,
            solve_ms=plan.solve_ms,
            steps=steps,
            trouble=trouble,
            forecast_error_w=forecast_error_w,
        )
