"""Stands beside a running simulator: checks every look, and times events and losses on the wires.

Orders of its own on the control channel (edge/sim/control.py), besides those of the depot:

    {"do": "event", "received_ms": …, "start_ms": …, "end_ms": …, "limit_w": …}   monotonic times
    {"do": "report"}                                                              what was found so far
"""

from dataclasses import dataclass, field
from typing import Any

from edge.sim.checker import Checker, EventLimit
from edge.sim.depot import Depot, Look
from edge.sim.simulator import monotonic_ms
from edge.sim.violation import Violation

STOPS_LOOKING_MS = 60_000  # an event that is not complied with by then never was


@dataclass
class EventTimes:
    """How soon an event was obeyed, seen from outside.

    last_write_ms: from received to the write that made all setpoints together fit the limit (with what
    else flows, on the phases that the vehicles have).  complied_ms: from received to the measured power
    being within it, with those setpoints.
    """

    received_ms: int
    limit: EventLimit
    last_write_ms: int | None = None
    complied_ms: int | None = None


@dataclass
class Judge:
    """One run's findings.  see() is a listener of the simulator, extra() a part of its control channel."""

    depot: Depot
    checker: Checker = field(init=False)
    events: list[EventTimes] = field(default_factory=list)
    _writes_ms: int = 0

    def __post_init__(self) -> None:
        self.checker = Checker(self.depot.site)

    def see(self, look: Look) -> None:
        """Take the next moment."""
        self.checker.see(look)
        writes = [told.at_ms for c in look.chargers.values() for told in c.writes]
        self._writes_ms = max([self._writes_ms, *writes])
        for event in self.events:
            if look.at_ms >= event.received_ms and look.at_ms - event.received_ms < STOPS_LOOKING_MS:
                self._time(event, look)

    def _time(self, event: EventTimes, look: Look) -> None:
        if event.last_write_ms is None and self._told_w(look) <= event.limit.limit_w:
            event.last_write_ms = max(0, self._writes_ms - event.received_ms)
        obeyed = event.last_write_ms is not None and look.power_w <= event.limit.limit_w
        if obeyed and event.complied_ms is None:
            event.complied_ms = look.at_ms - event.received_ms

    def _told_w(self, look: Look) -> float:
        """Return the site's power if every plugged vehicle took all that its charger may give."""
        top = self.depot.site.nodes[0].id
        charging_w = sum(a * v for a, v in zip(self._charging_a(look, top), look.voltages_v, strict=True))
        told_w = sum(
            max(0.0, look.chargers[c.id].applied_a) * look.voltages_v[p]
            for c in self.depot.site.chargers
            for p in c.phases[: look.chargers[c.id].vehicle_phases]
        )
        return look.power_w - charging_w + told_w

    @staticmethod
    def _charging_a(look: Look, node: str) -> list[float]:
        return [t - o for t, o in zip(look.total_a[node], look.other_a[node], strict=True)]

    def extra(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """Take an order of ours; notice the depot's own that matter here, and pass them on."""
        match order:
            case {"do": "event"}:
                limit = self.checker.event(order["start_ms"], order["end_ms"], order["limit_w"])
                self.events.append(EventTimes(order["received_ms"], limit))
                return {"done": "event"}
            case {"do": "report"}:
                return {"report": self.report()}
            case {"do": "kill", "device": str(id)} if id in self.depot.meters:
                self.checker.meter_lost(id, monotonic_ms())
            case {"do": "restore", "device": str(id)} if id in self.depot.meters:
                self.checker.meter_back(id)
        return None

    def report(self) -> dict[str, Any]:
        """Return everything found so far."""
        losses = [*self.checker.fallbacks.done, *self.checker.fallbacks.lost]
        return {
            "looks": self.checker.looks,
            "violations": [words(v) for v in self.checker.violations],
            "events": [
                {
                    "received_to_last_write_ms": e.last_write_ms,
                    "received_to_complied_ms": e.complied_ms,
                    "limit_w": round(e.limit.limit_w),
                    "highest_w_while_active": round(e.limit.highest_w),
                }
                for e in self.events
            ],
            "meter_losses": [{"meter": loss.meter, "to_fallback_ms": loss.told_ms} for loss in losses],
            "stays": len(self.depot.stayed),
        }


def words(violation: Violation) -> str:
    """Return a violation as one line."""
    return f"{violation.rule} {violation.where}: {violation.says}"
