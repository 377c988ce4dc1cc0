"""From what vehicles want to what the balancer is asked: whose turn it is, and what each can really use.

Rule 1: a charger whose meter is silent, anywhere up to the grid, asks for its fallback at most (I3).
Rule 2: when not everyone can have the minimum, rotation.py says whose turn it is.
Rule 3: what a vehicle leaves of its grant moves on to others (unused.py).
Rule 4: who would miss the departure at its share of the site comes before everybody who would not (I12),
        until it has a quarter of an hour to spare again; among those, and the others, the stated priority.
        Where there is no plan, the earliest departure comes first within a priority; where there is one,
        what is planned comes first (claims.py), and the rest is shared in proportion to it.
        Who is exempt from the utility's signals comes before them all.
Rule 5: a vehicle that must not see 0 A asks for its minimum even while it would rather wait.
"""

from collections.abc import Mapping
from dataclasses import replace

from edge.core import rotation, unused
from edge.core.asks import CAN_CHARGE, Want
from edge.core.grid import Other
from edge.core.rotation import Rotation
from edge.core.state import State
from edge.core.unused import Use
from edge.model.sharing import Ask
from edge.model.site import Charger, Site
from edge.model.units import HOUR_MS, MINUTE_MS

# What a vehicle without a window is taken to need: 8 kWh in four hours, a commuter's day.  A guess that
# only decides how turns are shared between vehicles with and without a window.
WITHOUT_WINDOW_W = 2_000

# Out of danger again: so much later that a vehicle does not pass between first and last every second.
SPARE_MS = 15 * MINUTE_MS

# Added to the priority of all who are not in danger; stated priorities are from -100 to 100.
NOT_IN_DANGER = 1_000

# A weight is a planned current in tenths of an ampere; who has no plan weighs as one of 16 A.
WEIGHT_MA = 100
WEIGHT_MAX = 1_000
NO_PLAN = 160

# Within a priority there is a place for every departure, and for who has none.
PLACES = 4_096


class Turns:
    """Remembers who has been served how much, and who takes less than offered."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rotation = Rotation()
        self._rotating_now: list[rotation.Want] = []
        self._uses: dict[str, Use] = {}
        self._in_danger: set[str] = set()
        self._meters_above = {
            c.id: [n.id for n in site.nodes if n.meter and n.id in site.path(c.node)] for c in site.chargers
        }

    def asks(
        self, state: State, wants: Mapping[str, Want], others: Mapping[str, Other], now_ms: int
    ) -> list[Ask]:
        """Return the asks of the chargers that answer, ranked; who may not start yet asks for 0 A."""
        silent_ms = self._site.policy.charger_silent_ms
        places = _places(wants)
        found: list[Ask] = []
        rotating: list[rotation.Want] = []
        for charger in self._site.chargers:
            known = state.chargers[charger.id]
            if known.silent(now_ms, silent_ms):
                continue
            max_ma = self._useful_ma(charger, wants[charger.id], known.state)
            if any(not others[n].known for n in self._meters_above[charger.id]):
                max_ma = min(max_ma, charger.fallback_ma)
            max_ma = max_ma if max_ma >= charger.min_ma else 0
            if max_ma:
                rotating.append(self._rotating(charger, wants[charger.id]))
            found.append(
                Ask(
                    id=charger.id,
                    node=charger.node,
                    phases=tuple(sorted(p + 1 for p in charger.phases)),
                    min_ma=charger.min_ma,
                    max_ma=max_ma,
                    step_ma=charger.step_ma,
                    priority=self._priority(wants[charger.id]) * PLACES + places.get(charger.id, 0),
                    weight=_weight(wants[charger.id]),
                    planned_ma=None if charger.keep_on else _planned_ma(wants[charger.id]),
                )
            )
        self._rotating_now = rotating
        ranks = rotation.rank(self._rotation, rotating, now_ms)
        return [_ranked(ask, ranks) for ask in found]

    def fold(self, state: State, granted_ma: Mapping[str, int], now_ms: int) -> None:
        """Remember what a tick has given; call it before the new setpoints are told."""
        given_w: dict[str, int] = {}
        for charger in self._site.chargers:
            known = state.chargers[charger.id]
            told_ma = known.told_ma or 0
            drawn_ma = max(known.latest_ma) if known.latest_ma else None
            fresh = not known.silent(now_ms, self._site.policy.charger_silent_ms)
            charging = known.state in CAN_CHARGE
            use = self._uses.get(charger.id, Use())
            self._uses[charger.id] = (
                unused.fold(use, told_ma, drawn_ma if fresh else None, now_ms) if charging else Use()
            )
            given_w[charger.id] = told_ma * len(charger.phases) * self._site.voltage_v // 1000
        wants = self._rotating_now
        self._rotation = rotation.fold(self._rotation, wants, granted_ma, given_w, now_ms)

    def holding_back(self) -> set[str]:
        """Return the chargers whose vehicles take less than they are offered, and not because of us."""
        return {charger for charger, use in self._uses.items() if use.cap_ma is not None}

    def _priority(self, want: Want) -> int:
        if want.exempt:
            return want.priority - NOT_IN_DANGER
        spare_ms = SPARE_MS if want.charger in self._in_danger else 0
        if want.laxity_ms is not None and want.laxity_ms < spare_ms:
            self._in_danger.add(want.charger)
            return want.priority
        self._in_danger.discard(want.charger)
        return want.priority + NOT_IN_DANGER

    def _useful_ma(self, charger: Charger, want: Want, state: str) -> int:
        if want.max_ma == 0:
            return charger.min_ma if charger.keep_on and state in CAN_CHARGE and not want.give_ma else 0
        use = self._uses.get(charger.id, Use())
        return unused.useful_max_ma(use, charger.min_ma, want.max_ma)

    def _rotating(self, charger: Charger, want: Want) -> rotation.Want:
        policy_ms = self._site.policy.on_off_ms
        switch_ms = policy_ms if charger.on_off_ms is None else charger.on_off_ms
        claim_w = WITHOUT_WINDOW_W
        if want.need_wh is not None and want.left_ms:
            claim_w = max(1, want.need_wh * HOUR_MS // want.left_ms)
        return rotation.Want(charger.id, claim_w, charger.node, charger.keep_on, switch_ms, switch_ms)


def _places(wants: Mapping[str, Want]) -> dict[str, int]:
    """Return the place of who has no plan, by departure: the earliest 0, without a departure the last.

    Where everybody follows the plan, or nobody has a departure, all have the same place.
    """
    unplanned = {c: w.left_ms for c, w in wants.items() if w.max_ma and w.planned_ma is None}
    departures = sorted({left_ms for left_ms in unplanned.values() if left_ms is not None})
    place = {left_ms: n for n, left_ms in enumerate(departures)}
    return {
        charger: len(departures) if left_ms is None else place[left_ms]
        for charger, left_ms in unplanned.items()
    }


def _weight(want: Want) -> int:
    """Return the share of a vehicle within its priority."""
    if not want.planned_ma:
        return NO_PLAN
    return max(1, min(WEIGHT_MAX, want.planned_ma // WEIGHT_MA))


def _planned_ma(want: Want) -> int | None:
    """Return what a vehicle that follows its plan has a claim to; None for one that does not, or cannot."""
    return None if want.behind or want.exempt or want.hurries else want.planned_ma


def _ranked(ask: Ask, ranks: rotation.Ranks) -> Ask:
    max_ma = 0 if ask.id in ranks.held_off else ask.max_ma
    planned_ma = ask.planned_ma
    if planned_ma is not None and ask.id in ranks.held_on:
        planned_ma = max(planned_ma, ask.min_ma)
    return replace(ask, max_ma=max_ma, rank=ranks.rank.get(ask.id, 0), planned_ma=planned_ma)
