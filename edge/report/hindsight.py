"""The month as it could have been charged at best, had everything been known before: by the C planner.

    best(site, tariff, quarters, stays, cost) -> Best

Rule 1: each vehicle gets what it got, between its coming and its going, at no more than its full power, under
        the site's limits.  Currents may be any: what no charger can be told is not taken off.
Rule 2: the month is planned in stretches of a few days' arrivals, each knowing what the ones before have
        laid.  Every stretch is solved to a proved gap; their sum is what gap_ppm is of.
Rule 3: what is paid on a highest demand is searched for: the month is planned under a cap on the site's
        power, and the cap with the lowest bill wins.  So the result is the best found, not a bound.

Source: the cap search is a golden section: the optimal cost of a linear programme is convex in a limit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import sqrt

import msgspec

from edge.core.peaks import Quarter
from edge.core.plan import solve
from edge.core.tariff import Book
from edge.model.planning import MAX_CHARGERS, MAX_SLOTS, LimitMa, Plan, PlanCharger, PlanNode, Problem
from edge.model.site import Site
from edge.model.tariff import DAY_MIN, KINDS, Tariff, When
from edge.model.units import DAY_MS, HOUR_MS, PHASES, QUARTER_MS

# A stretch: arrivals of so many days, and two more for those who stay.
ARRIVALS_DAYS = 5
GAP = 0.001

# Calls of the planner's inner loop after which a stretch is taken as it is.
MOST_CHUNKS = 400

# The cap is found to a percent or so of where it can be.
SEARCHES = 8
SWEEPS = 2
ANY = -1

Watch = Callable[[int], None]
"""Told after every planned month how many there will be."""

Caps = dict[int, float]
"""W by the number of a demand price whose windows it holds in; ANY: at any time."""


class Stay(msgspec.Struct, frozen=True):
    """A session as it was.  blocks: what it got, in Wh by quarter of an hour; full_w: what it could take.

    given: what it gave back, likewise.
    """

    session_id: str
    charger: str
    vehicle: str
    from_wall_ms: int
    to_wall_ms: int
    blocks: dict[int, int]
    full_w: int
    given: dict[int, int] = {}

    @property
    def energy_wh(self) -> int:
        """What it got."""
        return sum(self.blocks.values())


class Best(msgspec.Struct, frozen=True):
    """The best way found.  way: Wh by session and quarter of an hour."""

    way: Mapping[str, Mapping[int, int]]
    gap_ppm: int


def nobody(tries: int) -> None:
    """Watch nothing."""


def best(
    site: Site,
    tariff: Tariff,
    quarters: Sequence[Quarter],
    stays: Sequence[Stay],
    cost: Callable[[Mapping[str, Mapping[int, int]]], int],
    watch: Watch = nobody,
) -> Best:
    """Return the cheapest way found.  cost: the bill of a way, in millionths.  watch: hears of every try.

    What really happened is among the candidates: hindsight is never dearer.
    """
    real = {s.session_id: s.blocks for s in stays}
    if not stays:
        return Best(real, 0)
    month = _Month(site, tariff, quarters, stays)
    tried = [(cost(real), Best(real, 0))]

    sweeps = SWEEPS if len(month.dimensions) > 1 else 1
    tries = 1 + sweeps * len(month.dimensions) * (SEARCHES + 2)

    def bill_of(caps: Caps) -> int:
        way = month.planned(caps)
        watch(tries)
        if way is None:
            return 10**18  # somebody would have gone without
        total = cost(way.way)
        tried.append((total, way))
        return total

    def capped(others: Caps, number: int, power_w: float) -> int:
        return bill_of({**others, number: power_w})

    caps: Caps = {}
    bill_of(caps)
    for _ in range(sweeps):
        for number in month.dimensions:
            low_w, high_w = month.range_w(number)
            others = {n: w for n, w in caps.items() if n != number}
            caps[number] = _lowest(low_w, high_w, partial(capped, others, number))
    return min(tried, key=lambda each: each[0])[1]


def _lowest(low: float, high: float, of: Callable[[float], int]) -> float:
    """Return where a convex function is lowest, by golden section."""
    golden = (sqrt(5) - 1) / 2
    a, b = high - golden * (high - low), low + golden * (high - low)
    at_a, at_b = of(a), of(b)
    for _ in range(SEARCHES):
        if at_a <= at_b and at_a < 10**18:
            high, b, at_b = b, a, at_a
            a = high - golden * (high - low)
            at_a = of(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + golden * (high - low)
            at_b = of(b)
    return a if at_a <= at_b else b


class _Month:
    """A month that is planned again and again under other caps."""

    def __init__(
        self, site: Site, tariff: Tariff, quarters: Sequence[Quarter], stays: Sequence[Stay]
    ) -> None:
        self._site, self._book, self._stays = site, Book(tariff), stays
        self._chargers = {c.id: c for c in site.chargers}
        begin = min(s.from_wall_ms for s in stays)
        self._begin_ms = begin // QUARTER_MS * QUARTER_MS
        end = max(s.to_wall_ms for s in stays)
        self._slots = -(-(end - self._begin_ms) // QUARTER_MS)
        self._prices, self._open = self._priced()
        self._base_w = self._base(quarters)
        self.dimensions = self._dimensions()
        self._stretches = list(self._cut())

    def range_w(self, number: int) -> tuple[float, float]:
        """Return between which powers a cap may be: what is there without charging, and with all of it."""
        held = [w for w, open_ in zip(self._base_w, self._open, strict=True) if number in open_]
        full_w = sum(sorted((s.full_w for s in self._stays), reverse=True)[: len(self._chargers) or None])
        return max(0.0, max(held, default=0.0)), max(0.0, max(held, default=0.0)) + full_w

    def planned(self, caps: Caps) -> Best | None:
        """Return the month under caps; None where somebody would not get what it got."""
        way: dict[str, dict[int, int]] = {}
        laid_ma = {node.id: [[0, 0, 0] for _ in range(self._slots)] for node in self._site.nodes}
        laid_w = [0.0] * self._slots
        cost = bound = 0.0
        for first, own in self._stretches:
            plan = self._solved(first, own, caps, laid_ma, laid_w)
            if plan is None:
                return None
            cost, bound = cost + plan.objective, bound + plan.lower_bound
            for stay in own:
                way[stay.session_id] = self._lay(stay, plan.amps[stay.session_id], first, laid_ma, laid_w)
        gap = max(0.0, cost - bound) / abs(cost) if cost else 0.0
        return Best(way, round(gap * 1_000_000))

    # --- what is known before ------------------------------------------------------------------------

    def _priced(self) -> tuple[list[float], list[frozenset[int]]]:
        prices, opens = [], []
        for slot in range(self._slots):
            moment = self._book.moment(self._begin_ms + slot * QUARTER_MS)
            prices.append((self._book.price_nano(moment) or 0) / 1e9)
            opens.append(frozenset([ANY, *self._book.demands(moment)]))
        return prices, opens

    def _base(self, quarters: Sequence[Quarter]) -> list[float]:
        """Return what the site took beside charging, in W."""
        wh = [0.0] * self._slots
        for quarter in quarters:
            slot = (quarter.start_wall_ms - self._begin_ms) // QUARTER_MS
            if 0 <= slot < self._slots:
                wh[slot] += float(quarter.import_wh + quarter.filled_wh - quarter.export_wh)
        for stay in self._stays:
            for start, got in stay.blocks.items():
                slot = (start - self._begin_ms) // QUARTER_MS
                if 0 <= slot < self._slots:
                    wh[slot] -= got
        return [each * HOUR_MS / QUARTER_MS for each in wh]

    def _dimensions(self) -> list[int]:
        """Return which caps are worth a search: one at any time, one for each narrower window."""
        tariff = self._book.tariff
        used = any(price.tier_unit.startswith("kWh/kW") for price in tariff.energy)
        wide = [n for n, d in enumerate(tariff.demand) if _always(d.during)]
        found = [ANY] if wide or tariff.subscriptions or used else []
        return [*found, *(n for n in range(len(tariff.demand)) if n not in wide)]

    def _cut(self) -> Iterator[tuple[int, list[Stay]]]:
        """Yield stretches: their first slot, and who comes in them."""
        span = ARRIVALS_DAYS * DAY_MS // QUARTER_MS
        waiting = list(self._stays)
        while waiting:
            first = (waiting[0].from_wall_ms - self._begin_ms) // QUARTER_MS
            last = first + span
            own = [s for s in waiting if (s.from_wall_ms - self._begin_ms) // QUARTER_MS < last]
            own = own[:MAX_CHARGERS]
            waiting = waiting[len(own) :]
            yield first, own

    # --- one stretch ---------------------------------------------------------------------------------

    def _solved(
        self,
        first: int,
        own: list[Stay],
        caps: Caps,
        laid_ma: dict[str, list[list[int]]],
        laid_w: list[float],
    ) -> Plan | None:
        slots = min(MAX_SLOTS, self._slots - first)
        dearest = max(abs(p) for p in self._prices) or 1.0
        problem = Problem(
            slot_s=QUARTER_MS // 1000,
            slots=slots,
            price_per_kwh=tuple(self._prices[first : first + slots]),
            nodes=tuple(self._node(n.id, first, slots, caps, laid_ma, laid_w) for n in self._site.nodes),
            chargers=tuple(self._charger(stay, first, slots, dearest) for stay in own),
            gap=GAP,
            max_ms=0,
        )
        chunks = iter(range(MOST_CHUNKS))
        plan = solve(problem, lambda: next(chunks, None) is None)
        short_wh = sum(plan.unmet_wh.values())
        return None if short_wh > 0.001 * sum(s.energy_wh for s in own) + len(own) else plan

    def _node(
        self,
        node_id: str,
        first: int,
        slots: int,
        caps: Caps,
        laid_ma: dict[str, list[list[int]]],
        laid_w: list[float],
    ) -> PlanNode:
        node = next(n for n in self._site.nodes if n.id == node_id)
        limits: list[LimitMa] = [
            (node.limit_ma[0] - a[0], node.limit_ma[1] - a[1], node.limit_ma[2] - a[2])
            for a in laid_ma[node_id][first : first + slots]
        ]
        limit_w = None
        if node.parent is None:
            limit_w = tuple(
                self._room_w(slot, node.limit_w, caps, laid_w) for slot in range(first, first + slots)
            )
        elif node.limit_w is not None:
            limit_w = (node.limit_w,)
        phasor, wye = node.delta == "phasor", node.delta == "delta-wye"
        return PlanNode(node.id, node.parent, tuple(limits), limit_w, phasor, wye)

    def _room_w(self, slot: int, limit_w: int | None, caps: Caps, laid_w: list[float]) -> int | None:
        held = [w for number, w in caps.items() if number in self._open[slot]]
        held += [limit_w] if limit_w is not None else []
        return max(0, int(min(held) - self._base_w[slot] - laid_w[slot])) if held else None

    def _charger(self, stay: Stay, first: int, slots: int, dearest: float) -> PlanCharger:
        drawn = self._chargers.get(stay.charger)
        phases = drawn.phases if drawn else PHASES
        per_amp = self._site.voltage_v * len(phases)
        begin = (stay.from_wall_ms - self._begin_ms) // QUARTER_MS - first
        end = -(-(stay.to_wall_ms - self._begin_ms) // QUARTER_MS) - first
        return PlanCharger(
            id=stay.session_id,
            node=drawn.node if drawn else self._site.nodes[0].id,
            phases=tuple(p + 1 for p in phases),
            w_per_a=float(per_amp),
            min_ma=0,
            max_ma=-(-stay.full_w * 1000 // per_amp),
            from_slot=begin,
            to_slot=min(slots, max(begin + 1, end)),
            energy_wh=float(stay.energy_wh),
            unmet_per_kwh=100 * dearest,
        )

    def _lay(
        self,
        stay: Stay,
        amps: tuple[float, ...],
        first: int,
        laid_ma: dict[str, list[list[int]]],
        laid_w: list[float],
    ) -> dict[int, int]:
        """Write down what a session gets: its quarters, and what it takes from those who come later."""
        drawn = self._chargers.get(stay.charger)
        phases = drawn.phases if drawn else PHASES
        per_amp = self._site.voltage_v * len(phases)
        exact: dict[int, float] = {}
        for n, current in enumerate(amps):
            if current > 0:
                exact[first + n] = current * per_amp * QUARTER_MS / HOUR_MS
                laid_w[first + n] += current * per_amp
                for node in self._site.path(drawn.node) if drawn else (self._site.nodes[0].id,):
                    row = laid_ma[node][first + n]
                    for phase in phases:
                        row[phase] += round(current * 1000)
        return {
            self._begin_ms + slot * QUARTER_MS: wh for slot, wh in _whole(exact, stay.energy_wh).items() if wh
        }


def _whole(exact: dict[int, float], energy_wh: int) -> dict[int, int]:
    """Return whole Wh that add up to an energy, each as near as can be."""
    sum_wh = sum(exact.values())
    found: dict[int, int] = {}
    before, passed = 0, 0.0
    for slot in sorted(exact):
        passed += exact[slot]
        upto = round(passed * energy_wh / sum_wh)
        found[slot] = upto - before
        before = upto
    return found


def _always(during: Sequence[When]) -> bool:
    """Tell whether times are all times."""
    return any(w.days == KINDS and (w.from_min, w.to_min) == (0, DAY_MIN) for w in during if not w.season)
