"""What lies ahead: what the latest plan was made of, the plan, and what another window would change of it.

    ahead.prospect, ahead.plan                     as the daemon last saw them; None before the first
    await ahead.consequence(window, note, before, session_wh)        two plans, with and without, in a thread

Rule 1: asking what would be changes nothing; both plans are thrown away.
Rule 2: both are made from the same prospect, so that what differs is the window's doing.
Rule 3: one thread at a time, and few wait for it: the store commits through the same pool of threads.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from edge.core import plan as planner
from edge.core import prospect as prospects
from edge.core.windows import stays
from edge.model.dayplan import DayPlan, Prospect, Stayer
from edge.model.records import TickRecord
from edge.model.site import Site, Window
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from edge.shell import words
from edge.shell.answers import NotYetError, ShortStatus, WindowConsequence

# A plan is made every five minutes while there is somebody to plan for.
FRESH_MS = 30 * MINUTE_MS

# For each of the two plans; they reach a per mille long before it in a depot of sixty bays.
BUDGET_S = 4.0
WAITING_MAX = 4

# Less than this is the solver's hair.
HAIR_WH = 50
CENT_MICRO = 10_000


class Ahead:
    """The latest prospect and plan.  latest: the newest tick."""

    def __init__(self, site: Site) -> None:
        self.prospect: Prospect | None = None
        self.plan: DayPlan | None = None
        self._site = site
        self._one = asyncio.Semaphore(1)
        self._waiting = 0

    def seen(self, record: TickRecord, windows: Sequence[Window]) -> Prospect:
        """Return what a plan would be made of now; where nobody is planned for, from what the tick knew.

        Without a recent prospect the load that is not charging counts as the highest plausible one (I3).
        """
        found = self.prospect
        if found is None or record.wall_ms - found.wall_ms > FRESH_MS:
            found = Prospect(record.wall_ms, (), prices=tuple(record.prices), demand=tuple(record.demand))
        return msgspec.structs.replace(found, windows=tuple(windows))

    async def consequence(
        self, window: Window, note: str, before: Prospect, session_wh: int
    ) -> WindowConsequence:
        """Return what a window would change, in place of one with its id.  session_wh: charged already.

        Raises NotYetError where too many ask.
        """
        if self._waiting >= WAITING_MAX:
            raise NotYetError("others are being answered; ask again in a few seconds")
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(self._compared, window, note, before, session_wh)
        finally:
            self._waiting -= 1

    def _compared(self, window: Window, note: str, before: Prospect, session_wh: int) -> WindowConsequence:
        after = self._with(before, window, session_wh)
        first, second = self._solved(before), self._solved(after)
        mine = _stay_of(second.stayers, window)
        others = _shorter(first, second, window.charger)
        need_wh, missing_wh = (mine.need_wh, second.missing(mine)) if mine else (window.need_wh, 0)
        found = WindowConsequence(
            words=words.window(window),
            note=note,
            planned=mine is not None,
            from_wall_ms=mine.from_wall_ms if mine else None,
            ready_by_wall_ms=mine.ready_by_wall_ms if mine else None,
            need_wh=need_wh,
            missing_wh=missing_wh,
            cost_micro=round((second.energy_cost - first.energy_cost) * 1e6),
            peak_w=second.peak_w,
            peak_before_w=first.peak_w,
            others=others,
        )
        return msgspec.structs.replace(found, summary=_said(found, self._site.currency))

    def _with(self, prospect: Prospect, window: Window, session_wh: int) -> Prospect:
        """Return a prospect with a window; who stands there already stays by it."""
        now_ms = prospect.wall_ms
        windows = [w for w in prospect.windows if w.id != window.id] + [window]
        stayers = list(prospect.stayers)
        for n, stayer in enumerate(stayers):
            if stayer.charger != window.charger:
                continue
            running = [
                stay
                for stay in stays(window, now_ms - DAY_MS, now_ms + 1, self._site.timezone)
                if stay.ready_by_wall_ms > now_ms
            ]
            if running:
                need_wh = max(0, window.need_wh - session_wh)
                stayers[n] = msgspec.structs.replace(
                    stayer,
                    ready_by_wall_ms=running[0].ready_by_wall_ms,
                    need_wh=need_wh,
                    priority=window.priority,
                )
        return msgspec.structs.replace(prospect, windows=tuple(windows), stayers=tuple(stayers))

    def _solved(self, prospect: Prospect) -> "_Solved":
        drawn = prospects.draw(self._site, prospect)
        plan = planner.solve(drawn.problem, _deadline(BUDGET_S))
        prices = drawn.problem.price_per_kwh
        slot_h = drawn.problem.slot_s / 3600
        cost = sum(
            amps * charger.w_per_a / 1000 * slot_h * price
            for charger in drawn.problem.chargers
            for amps, price in zip(plan.amps[charger.id], prices, strict=True)
        )
        chargers = dict(zip(drawn.stayers, drawn.problem.chargers, strict=True))
        missing = {
            stayer: max(0, stayer.need_wh - round(plan.energy_wh[charger.id]))
            for stayer, charger in chargers.items()
        }
        return _Solved(drawn.stayers, missing, cost, max(0, round(plan.peak_kw * 1000)))


class _Solved:
    """A plan, as far as it is compared.  energy_cost: in the currency; a peak is not in it."""

    def __init__(
        self, stayers: tuple[Stayer, ...], missing: dict[Stayer, int], energy_cost: float, peak_w: int
    ) -> None:
        self.stayers = stayers
        self.energy_cost = energy_cost
        self.peak_w = peak_w
        self._missing = missing

    def missing(self, stayer: Stayer) -> int:
        """Return what a vehicle would not get."""
        missing_wh = self._missing[stayer]
        return missing_wh if missing_wh > HAIR_WH else 0


def _deadline(budget_s: float) -> Callable[[], bool]:
    end = time.monotonic() + budget_s
    return lambda: time.monotonic() > end


def _stay_of(stayers: Sequence[Stayer], window: Window) -> Stayer | None:
    """Return the first stay that a window gives its charger within the plan."""
    length_ms = (window.ready_by_min - window.from_min) % (24 * 60) * MINUTE_MS
    mine = [s for s in stayers if s.charger == window.charger and (s.present or _fits(s, length_ms))]
    return min(mine, key=lambda s: s.from_wall_ms, default=None)


def _fits(stayer: Stayer, length_ms: int) -> bool:
    return stayer.ready_by_wall_ms - stayer.from_wall_ms <= length_ms + HOUR_MS


def _shorter(first: _Solved, second: _Solved, charger: str) -> list[ShortStatus]:
    """Return the vehicles at other chargers that would get less."""
    before = {(s.charger, s.ready_by_wall_ms): first.missing(s) for s in first.stayers}
    found = []
    for s in second.stayers:
        more_wh = second.missing(s) - before.get((s.charger, s.ready_by_wall_ms), 0)
        if s.charger != charger and more_wh > HAIR_WH:
            found.append(ShortStatus(s.charger, "", more_wh, s.ready_by_wall_ms))
    return found


def _said(c: WindowConsequence, currency: str) -> str:
    if not c.planned:
        return "It does not begin within a day: no plan can say yet what it changes."
    short = f"{words.kwh(c.missing_wh)} of {words.kwh(c.need_wh)} cannot be had"
    ready = short if c.missing_wh else "ready in time"
    dearer = "dearer" if c.cost_micro > 0 else "cheaper"
    cost = f"energy {words.money(abs(c.cost_micro), currency)} {dearer}"
    cost = cost if abs(c.cost_micro) >= CENT_MICRO / 2 else "at no other cost of energy"
    less = "; ".join(f"{each.charger} gets {words.kwh(each.missing_wh)} less" for each in c.others)
    return "; ".join(part for part in (ready, cost, less) if part)
