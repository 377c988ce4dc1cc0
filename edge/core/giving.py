"""What vehicles give back this second: what is planned, as far as it is measured to be used (or exported).

Rule 1: discharge makes no room.  Other load is counted as if nobody gave anything back (core/grid.py), so
        what chargers may draw fits every limit without it: it may end at any moment, by us or by a trip (I1).
Rule 2: nothing is given while the main meter's power is not known (I3), while the check has found something,
        to a charger that does not answer, and beside a setpoint for charging.
Rule 3: less at once, by all of what is exported too much; more only after the last change has been seen, or
        has had its time, and only as much as is still imported.
Rule 4: every such setpoint expires like any other, and falls back to 0 (I4).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.asks import CAN_CHARGE, Want
from edge.core.grid import Other, highest_voltage_mv
from edge.core.guard import Verdict
from edge.core.state import State
from edge.model.flow import Tick
from edge.model.site import Charger, Site

# So much is left to import: the accuracy of a meter, and what a load changes by within a second.
RESERVE_W = 200

# A change has been seen when the current is as close as this; else it has had its time after 10 s: 5 s for
# the charger and 5 s for the vehicle (IEC 61851-1).
SEEN_MA = 1_000
UNSEEN_MS = 10_000

STEP_MA = 100


@dataclass(slots=True)
class _Told:
    current_ma: int = 0
    changed_at_ms: int = -UNSEEN_MS


class Giving:
    """Remembers what every vehicle was told to give back."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._may = [c for c in site.chargers if c.discharge_ma]
        self._told = {c.id: _Told() for c in self._may}

    def step(
        self,
        state: State,
        wants: Mapping[str, Want],
        verdict: Verdict,
        others: Mapping[str, Other],
        tick: Tick,
        stopped: frozenset[str] = frozenset(),
    ) -> dict[str, int]:
        """Return what each vehicle is to give back now, mA per phase; those that give nothing are not there.

        stopped: chargers that an I/O board holds back.
        """
        if not self._may:
            return {}
        spare_w = self._spare_w(state, others)
        charging = {s.charger for s in verdict.setpoints if s.current_ma > 0}
        found: dict[str, int] = {}
        for charger in self._may:
            told = self._told[charger.id]
            most_ma = 0
            if spare_w is not None and tick.wall_trusted and not verdict.violations:
                out = charger.id in charging or charger.id in stopped
                most_ma = 0 if out else self._most_ma(charger, state, wants[charger.id], tick.at_ms)
            target_ma = self._target_ma(charger, state, told, most_ma, spare_w or 0, tick.at_ms)
            spare_w = (spare_w or 0) - self._watts(charger, target_ma - told.current_ma)
            if target_ma != told.current_ma:
                told.current_ma, told.changed_at_ms = target_ma, tick.at_ms
            if target_ma:
                found[charger.id] = target_ma
        return found

    def _spare_w(self, state: State, others: Mapping[str, Other]) -> int | None:
        """Return what more could be given back, below 0 where it is too much; None while nobody measures."""
        root = others[self._site.nodes[0].id]
        if not root.known or root.net_w is None or root.power_w is None:
            return None
        return root.power_w + self._site.export_w - RESERVE_W

    def _most_ma(self, charger: Charger, state: State, want: Want, now_ms: int) -> int:
        """Return what a vehicle may give back as far as it and its charger go."""
        known = state.chargers[charger.id]
        silent = known.silent(now_ms, self._site.policy.charger_silent_ms)
        if silent or known.state not in CAN_CHARGE or want.max_ma:
            return 0
        most_ma = min(want.give_ma, charger.discharge_ma)
        return most_ma if most_ma >= charger.min_ma else 0

    def _target_ma(
        self, charger: Charger, state: State, told: _Told, most_ma: int, spare_w: int, now_ms: int
    ) -> int:
        target_ma = min(told.current_ma, most_ma)
        if spare_w < 0:
            target_ma += spare_w * 1000 // self._per_a(charger)  # below 0: cut off away from 0
        elif most_ma > target_ma and self._seen(charger, state, told, now_ms):
            target_ma = min(most_ma, target_ma + spare_w * 1000 // self._per_a(charger))
        target_ma = max(0, target_ma) // STEP_MA * STEP_MA
        return target_ma if target_ma >= charger.min_ma else 0

    def _seen(self, charger: Charger, state: State, told: _Told, now_ms: int) -> bool:
        """Say whether the last change has arrived, or has had its time to."""
        if now_ms - told.changed_at_ms >= UNSEEN_MS:
            return True
        latest = state.chargers[charger.id].latest_ma
        given_ma = max((-latest[p] for p in charger.phases), default=0) if latest else 0
        return abs(given_ma - told.current_ma) <= SEEN_MA and now_ms != told.changed_at_ms

    def _per_a(self, charger: Charger) -> int:
        """Return what one ampere on each of its phases is at most, W, rounded up."""
        return -(-highest_voltage_mv(self._site) * len(charger.phases) // 1000)

    def _watts(self, charger: Charger, current_ma: int) -> int:
        return -(-current_ma * self._per_a(charger) // 1000)
