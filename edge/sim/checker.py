"""Judges a simulated depot by its wires alone: what truly flows, and which setpoints were written.

It shares no code with what it judges and knows nothing of the daemon: Looks come in (edge/sim/depot.py),
violations come out, each naming the invariant of DESIGN.md §4 that it breaks.  An episode is one violation,
however long it lasts.  What the utility and the demonstration do is told to it: event(), meter_lost().

    Overloads   I1, I5   an overload that charging caused, or that lasts too long
    Raises      I1       a setpoint raised into room that was not free
    Breakers             a breaker of the quickest kind that IEC 60898 allows would have tripped
    Backfeed    I1       what vehicles give back: export, breakers, what they keep
    Orders      I2       setpoints: 0 or within [min, max]; the charger's own maximum
    Limits      I5       an event's limit, from 13.2 s after its start to its end
    Fallbacks   I3       a meter lost: fallback currents within 6 s
    Hunger      I12      a hungry vehicle is served eventually

Tolerance is what a meter of class 0.5 and a wallbox that tells tenths of an ampere cannot see.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from edge.model.site import Site
from edge.sim.backfeed import Backfeed, charging_a
from edge.sim.depot import Look
from edge.sim.violation import (
    CLASS_PCT,
    DOWN_MS,
    FALLBACK_MS,
    FOUND_MS,
    NOISE_A,
    NOTHING_A,
    PHASES,
    SEEN_MS,
    STARVED_MS,
    Check,
    Lowest,
    Violation,
    tolerance_a,
)


@dataclass
class Overloads:
    """I1 and I5 on every node and phase.

    An overload is forgiven as far as the other load has risen within the last 13.2 s (that is the time in
    which chargers must make room), and while nothing charges there.  What exceeds this was caused by
    charging.  And none may last longer than 13.2 s.

    What vehicles give back is left out: whatever is given may trip in this moment, on all of them at once,
    and what charges must fit without it.
    """

    site: Site
    _lowest: dict[tuple[str, int], Lowest] = field(default_factory=dict)
    _since: dict[tuple[str, int], int] = field(default_factory=dict)
    _told: set[tuple[str, int]] = field(default_factory=set)

    def see(self, look: Look) -> Iterator[Violation]:
        """Check every node and phase."""
        for node in self.site.nodes:
            for p in range(3):
                yield from self._one(look, node.id, p, node.limit_ma[p] / 1000)

    def _one(self, look: Look, node: str, p: int, limit_a: float) -> Iterator[Violation]:
        key, at = (node, p), look.at_ms
        other = look.other_a[node][p]
        total = other + charging_a(self.site, look, node, p)
        risen = other - self._lowest.setdefault(key, Lowest(DOWN_MS)).take(at, other)
        excess = total - limit_a - tolerance_a(limit_a)
        if excess <= 0 or total - other < NOTHING_A:
            self._since.pop(key, None)
            self._told.discard(key)
            return
        lasts = at - self._since.setdefault(key, at)
        where = f"{node} {PHASES[p]}"
        if key in self._told:
            return
        if lasts > DOWN_MS:
            self._told.add(key)
            yield Violation(at, "I5", where, f"{total:.1f} A of {limit_a:g} A for {lasts / 1000:.1f} s")
        elif excess > risen:
            self._told.add(key)
            says = f"{total:.1f} A of {limit_a:g} A, other load rose only {risen:.1f} A in {DOWN_MS / 1000} s"
            yield Violation(at, "I1", where, says)


@dataclass
class Raises:
    """I1 at the moment a setpoint is raised: what may be drawn and what else flows fits every limit.

    A charger may draw the highest of the setpoint that holds in it and what it still draws, on the phases
    that its vehicle has.  Other load counts with the lowest of the last 3.2 s: the most favourable look
    that the controller can have had.
    """

    site: Site
    _told: dict[str, int | None] = field(default_factory=dict)
    _lowest: dict[tuple[str, int], Lowest] = field(default_factory=dict)

    def see(self, look: Look) -> Iterator[Violation]:
        """Check the nodes above every charger that was raised since the last look."""
        other = {
            (node.id, p): self._lowest.setdefault((node.id, p), Lowest(SEEN_MS)).take(
                look.at_ms, look.other_a[node.id][p]
            )
            for node in self.site.nodes
            for p in range(3)
        }
        for charger in self.site.chargers:
            seen, before = look.chargers[charger.id], self._told.get(charger.id)
            self._told[charger.id] = seen.told_ma
            if seen.writes and seen.told_ma is not None and before is not None and seen.told_ma > before:
                yield from self._raised(look, charger.id, other)

    def _raised(self, look: Look, raised: str, other: dict[tuple[str, int], float]) -> Iterator[Violation]:
        path = self.site.path(look.chargers[raised].node)
        for node in self.site.nodes:
            if node.id not in path:
                continue
            for p in range(3):
                limit_a = node.limit_ma[p] / 1000
                may_a = self._may_draw_a(look, node.id, p)
                if may_a + other[node.id, p] > limit_a + tolerance_a(limit_a):
                    says = f"raised to {look.chargers[raised].told_ma} mA: may draw {may_a:.1f} A beside"
                    says += f" {other[node.id, p]:.1f} A of {limit_a:g} A"
                    yield Violation(look.at_ms, "I1", f"{node.id} {PHASES[p]} {raised}", says)
                    return

    def _may_draw_a(self, look: Look, node: str, p: int) -> float:
        may_a = 0.0
        for charger in self.site.chargers:
            seen = look.chargers[charger.id]
            here = p in charger.phases[: seen.vehicle_phases] and node in self.site.path(charger.node)
            if here:
                may_a += max(0.0, seen.applied_a, seen.site_a[p])
        return may_a


@dataclass
class Breakers:
    """Would the quickest breaker that IEC 60898 allows have tripped?

    Its lower edge: never below 1.13 times its rating; 1 h at 1.13, 1 s at 2.55, straight between them on
    logarithmic axes; at once from 3 times on (magnetic, type B).  Wear adds up, and is forgotten
    within an hour below 1.13.

    Source: IEC 60898-1, table 7.
    """

    site: Site
    wear: dict[tuple[str, int], float] = field(default_factory=dict)
    _last_ms: int | None = None
    _told: set[tuple[str, int]] = field(default_factory=set)

    def see(self, look: Look) -> Iterator[Violation]:
        """Add this moment's wear on every breaker and phase."""
        dt_s = (look.at_ms - self._last_ms) / 1000 if self._last_ms is not None else 0.0
        self._last_ms = look.at_ms
        for node in self.site.nodes:
            for p in range(3):
                key, ratio = (node.id, p), look.total_a[node.id][p] * 1000 / node.limit_ma[p]
                trip_s = quickest_trip_s(ratio)
                change = -dt_s / 3600 if trip_s is None else 1.0 if trip_s == 0 else dt_s / trip_s
                self.wear[key] = max(0.0, self.wear.get(key, 0.0) + change)
                if self.wear[key] >= 1 and key not in self._told:
                    self._told.add(key)
                    says = f"{ratio:.2f} times its rating: a quick breaker has tripped"
                    yield Violation(look.at_ms, "breaker", f"{node.id} {PHASES[p]}", says)


def quickest_trip_s(ratio: float) -> float | None:
    """Return after how long the quickest lawful breaker trips; None is never."""
    if ratio < 1.13:
        return None
    if ratio >= 3:
        return 0.0
    slope = math.log(3600 / 1) / math.log(2.55 / 1.13)
    return float((2.55 / ratio) ** slope)


@dataclass
class Orders:
    """I2: every setpoint on the wire is 0 or within [min, max]; and no charger exceeds its own maximum."""

    site: Site
    _above: set[str] = field(default_factory=set)

    def see(self, look: Look) -> Iterator[Violation]:
        """Check writes and currents of every charger."""
        for charger in self.site.chargers:
            seen = look.chargers[charger.id]
            for told in seen.writes:
                if told.current_ma < 0 and charger.min_ma <= -told.current_ma <= charger.discharge_ma:
                    continue
                if told.current_ma and not charger.min_ma <= told.current_ma <= charger.max_ma:
                    says = f"told {told.current_ma} mA, lawful is 0 or {charger.min_ma}…{charger.max_ma}"
                    yield Violation(told.at_ms, "I2", charger.id, says)
            most = charger.max_ma / 1000
            if max(seen.own_a) <= most + 0.1:
                self._above.discard(charger.id)
            elif charger.id not in self._above:
                self._above.add(charger.id)
                says = f"draws {max(seen.own_a):.1f} A, its own maximum is {most:g} A"
                yield Violation(look.at_ms, "own maximum", charger.id, says)


@dataclass
class EventLimit:
    """An event of the utility as the checker was told of it.

    settle_ms: how long after its start it may take to be obeyed; 0 where it was announced ahead.
    charging: the limit is on what charges, not on the import.  ramp_ms: over which the load may come back
    to full_w after its end; 0 where it may at once.
    """

    start_ms: int
    end_ms: int
    limit_w: float
    settle_ms: int = DOWN_MS
    charging: bool = False
    ramp_ms: int = 0
    full_w: float = 0.0
    highest_w: float = 0.0
    broken: bool = False

    def allowed_w(self, at_ms: int) -> float | None:
        """Return what may be taken at a time, None for anything."""
        if self.start_ms + self.settle_ms <= at_ms < self.end_ms:
            return self.limit_w
        since = at_ms - self.end_ms
        if 0 <= since < self.ramp_ms:
            return self.limit_w + (self.full_w - self.limit_w) * since / self.ramp_ms
        return None


@dataclass
class Limits:
    """Power stays below an event's limit: from 13.2 s after its start to its end, or as it was announced.

    As with breakers, what other load has risen by within 13.2 s is forgiven, and so is other load alone.
    """

    site: Site
    events: list[EventLimit] = field(default_factory=list)
    _lowest: Lowest = field(default_factory=lambda: Lowest(DOWN_MS))

    def see(self, look: Look) -> Iterator[Violation]:
        """Check the events that hold now."""
        top = self.site.nodes[0].id
        other_w = sum(a * v for a, v in zip(look.other_a[top], look.voltages_v, strict=True))
        risen_w = other_w - self._lowest.take(look.at_ms, other_w)
        charging = sum(look.total_a[top]) - sum(look.other_a[top]) > NOTHING_A
        charging_w = sum(
            (all_a - other_a) * v
            for all_a, other_a, v in zip(look.total_a[top], look.other_a[top], look.voltages_v, strict=True)
        )
        for event in self.events:
            allowed_w = event.allowed_w(look.at_ms)
            if allowed_w is None:
                continue
            taken_w = charging_w if event.charging else look.power_w
            if look.at_ms < event.end_ms:
                event.highest_w = max(event.highest_w, taken_w)
            seen_w = allowed_w * (1 + CLASS_PCT / 100) + 3 * NOISE_A * look.voltages_v[0]
            forgiven_w = 0.0 if event.charging else risen_w
            if taken_w > seen_w + forgiven_w and charging and not event.broken:
                event.broken = True
                when = "while an event limits" if look.at_ms < event.end_ms else "just after an event limited"
                says = f"{taken_w:.0f} W {when} to {event.limit_w:.0f} W"
                yield Violation(look.at_ms, "I5", top, says)


@dataclass
class Loss:
    """A meter that is silent, and how soon everything below it was told its fallback."""

    meter: str
    node: str
    at_ms: int
    told_ms: int | None = None
    broken: bool = False


@dataclass
class Fallbacks:
    """I3: 6 s after a meter fell silent all chargers below it are told no more than their fallback.

    A charger that cannot be told is excused, and so is one that has just come back: it has to be found again.
    """

    site: Site
    lost: list[Loss] = field(default_factory=list)
    done: list[Loss] = field(default_factory=list)
    _silent_ms: dict[str, int] = field(default_factory=dict)  # when each charger was last seen silent

    def see(self, look: Look) -> Iterator[Violation]:
        """Check the meters that are silent now."""
        self._silent_ms |= {id: look.at_ms for id, seen in look.chargers.items() if seen.silent}
        for loss in self.lost:
            above = [
                f"{c.id} {look.chargers[c.id].told_ma} mA"
                for c in self.site.chargers
                if loss.node in self.site.path(c.node)
                and (look.chargers[c.id].told_ma or 0) > c.fallback_ma
                and look.at_ms - self._silent_ms.get(c.id, look.at_ms - FOUND_MS) >= FOUND_MS
            ]
            if not above and loss.told_ms is None:
                writes = [w.at_ms for c in look.chargers.values() for w in c.writes]
                loss.told_ms = max([*writes, loss.at_ms]) - loss.at_ms
            elif above and look.at_ms - loss.at_ms > FALLBACK_MS and not loss.broken:
                loss.broken = True
                says = f"{FALLBACK_MS / 1000:g} s after {loss.meter} fell silent: {', '.join(above)}"
                yield Violation(look.at_ms, "I3", loss.node, says)


@dataclass
class Hunger:
    """A vehicle that wants energy is offered some within starved_ms.

    The clock stands still where charging is not to be had: during events and while a meter is lost (told
    by the checker), and for chargers in a fault.
    """

    starved_ms: int = STARVED_MS
    paused: bool = False
    _since: dict[str, tuple[str, float]] = field(default_factory=dict)  # charger -> vehicle, waited ms
    _last_ms: int | None = None

    def see(self, look: Look) -> Iterator[Violation]:
        """Count how long each vehicle has waited."""
        dt_ms = look.at_ms - self._last_ms if self._last_ms is not None else 0
        self._last_ms = look.at_ms
        for id, seen in look.chargers.items():
            if not seen.hungry or seen.offered_a > 0:
                self._since.pop(id, None)
                continue
            vehicle, waited = self._since.get(id, (seen.vehicle, 0.0))
            before = waited if vehicle == seen.vehicle else 0.0
            waited = before + (0 if self.paused else dt_ms)
            self._since[id] = (seen.vehicle, waited)
            if before <= self.starved_ms < waited:
                yield Violation(look.at_ms, "I12", id, f"{seen.vehicle} has waited {waited / 1000:.0f} s")


class Checker:
    """All rules over one run."""

    def __init__(self, site: Site, starved_ms: int = STARVED_MS) -> None:
        self.site = site
        self.limits, self.fallbacks, self.hunger = Limits(site), Fallbacks(site), Hunger(starved_ms)
        self.checks: list[Check] = [
            Overloads(site), Raises(site), Breakers(site), Orders(site), Backfeed(site),
            self.limits, self.fallbacks, self.hunger,
        ]  # fmt: skip
        self.violations: list[Violation] = []
        self.looks = 0

    def event(self, start_ms: int, end_ms: int, limit_w: float, **more: Any) -> EventLimit:
        """An event of the utility will limit the site.  more: fields of EventLimit."""
        event = EventLimit(start_ms, end_ms, limit_w, **more)
        self.limits.events.append(event)
        return event

    def meter_lost(self, meter: str, at_ms: int) -> None:
        """A meter has fallen silent."""
        node = next(n.id for n in self.site.nodes if n.meter == meter)
        self.fallbacks.lost.append(Loss(meter, node, at_ms))

    def meter_back(self, meter: str) -> None:
        """It answers again."""
        gone = [loss for loss in self.fallbacks.lost if loss.meter == meter]
        self.fallbacks.lost = [loss for loss in self.fallbacks.lost if loss.meter != meter]
        self.fallbacks.done += gone

    def see(self, look: Look) -> None:
        """Take the next moment."""
        self.looks += 1
        active = any(e.start_ms <= look.at_ms < e.end_ms for e in self.limits.events)
        self.hunger.paused = active or bool(self.fallbacks.lost)
        for check in self.checks:
            self.violations.extend(check.see(look))
