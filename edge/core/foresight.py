"""Will we comply?  Before and while an event limits the site: the load that is expected, and who misses what.

    foresight.told(events, facts) -> events      each limit with its Outlook, worked out anew once a minute

The day is played through twice, in quarters of an hour: with the event's limit and without it.  Whoever is
due first charges first, as soon as it can; what flows beside it is the forecast of the building.  So the load
is the highest that the event may see, and what a vehicle misses is what it gets without the limit, and not
under it.

Rule 1: an event is complied with if what cannot be lowered stays below its limit: the building, and
    exempt vehicles where the limit does not hold for them.
Rule 2: a vehicle that is not there yet counts with its window, if it comes before the event ends.

This is a forecast for people: nothing is decided by it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from edge.core import forecast
from edge.core.asks import CAN_CHARGE
from edge.core.demand_terms import Plan
from edge.core.grid import highest_voltage_mv
from edge.core.obeying import is_exempt
from edge.core.signals import CAPACITY
from edge.core.windows import Stay
from edge.model.dayplan import Profile
from edge.model.records import EventNow, Outlook, Short, TickRecord
from edge.model.site import Charger, Site
from edge.model.units import HOUR_MS, MINUTE_MS

SLOT_MS = 15 * MINUTE_MS
SLOTS_MAX = 144  # a day and a half: as far as windows are known


@dataclass(frozen=True, slots=True)
class Need:
    """What a vehicle needs.  most_w: it takes at most.  from_wall_ms: since when it is there."""

    charger: str
    vehicle: str
    need_wh: int
    most_w: int
    from_wall_ms: int
    ready_by_wall_ms: int
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the time ahead.  other_w: of the building, per slot from now on.

    lifted: exempt vehicles may exceed capacity limits as well.
    """

    wall_ms: int
    site_w: int
    needs: tuple[Need, ...]
    other_w: Sequence[int]
    lifted: bool = False


class Foresight:
    """Keeps the outlooks of a minute: they cost more than a tick should spend on them."""

    def __init__(self) -> None:
        self._of: tuple[int, list[EventNow]] = (-1, [])
        self._told: list[EventNow] = []

    def told(self, events: list[EventNow], wall_ms: int, facts: Callable[[], Facts]) -> list[EventNow]:
        """Return the events, those that limit the whole site with their outlook.

        facts: asked for only when something is to be worked out.
        """
        minute = wall_ms // MINUTE_MS
        if self._of[0] == minute and self._of[1] is events:
            return self._told
        self._of = (minute, events)
        limits = [e for e in events if e.limit_w is not None or e.charging_w is not None]
        if not limits:
            self._told = events
            return events
        known = facts()
        self._told = [
            msgspec.structs.replace(each, outlook=outlook(each, known)) if each in limits else each
            for each in events
        ]
        return self._told


def outlook(event: EventNow, facts: Facts) -> Outlook | None:
    """Return what is expected of an event; None where it is over, or too far away."""
    last = facts.wall_ms + SLOTS_MAX * SLOT_MS
    end = last if event.to_wall_ms is None else min(event.to_wall_ms, last)
    if end <= facts.wall_ms or event.from_wall_ms >= last:
        return None
    held_w, given = _played(facts, event)
    _, without = _played(facts, None)
    exempt = event.payload_type not in CAPACITY or facts.lifted
    least_w = _least_w(facts, event, exempt)
    limit_w = event.limit_w if event.limit_w is not None else event.charging_w or 0
    short = tuple(
        Short(need.charger, need.vehicle, without[n] - given[n], need.ready_by_wall_ms)
        for n, need in enumerate(facts.needs)
        if without[n] > given[n]
    )
    return Outlook(max(held_w, default=0), least_w, least_w <= limit_w, short)


def _covers(event: EventNow, begin: int) -> bool:
    """Tell whether an event touches a slot."""
    until = event.to_wall_ms
    return event.from_wall_ms < begin + SLOT_MS and (until is None or until > begin)


def _least_w(facts: Facts, event: EventNow, exempt: bool) -> int:
    """Return what cannot be lowered while an event limits, W: the highest of it."""
    leaving = [need for need in facts.needs if need.exempt and exempt]
    highest = 0
    for slot, other_w in enumerate(facts.other_w[:SLOTS_MAX]):
        begin = facts.wall_ms + slot * SLOT_MS
        if _covers(event, begin):
            needed_w = sum(_mean_w(need, begin) for need in leaving)
            highest = max(highest, needed_w + (other_w if event.limit_w is not None else 0))
    return highest


def _mean_w(need: Need, wall_ms: int) -> int:
    """Return the power that a vehicle needs from its coming on, on average, while it is there."""
    if not need.from_wall_ms <= wall_ms < need.ready_by_wall_ms:
        return 0
    return min(need.most_w, -(-need.need_wh * HOUR_MS // (need.ready_by_wall_ms - need.from_wall_ms)))


def _played(facts: Facts, event: EventNow | None) -> tuple[list[int], list[int]]:
    """Return the load of the slots that the event touches, W, and what each vehicle gets in time, Wh.

    Of a limit on charging the load is that of charging alone.
    """
    left = [need.need_wh for need in facts.needs]
    order = sorted(range(len(left)), key=lambda n: facts.needs[n].ready_by_wall_ms)
    loads: list[int] = []
    for slot, other_w in enumerate(facts.other_w[:SLOTS_MAX]):
        begin = facts.wall_ms + slot * SLOT_MS
        room_w = max(0, facts.site_w - other_w)
        covered = event is not None and _covers(event, begin)
        if event is not None and covered:
            limit_w = event.charging_w if event.limit_w is None else event.limit_w - other_w
            room_w = min(room_w, max(0, limit_w or 0))
        taken_w = 0
        for n in order:
            need = facts.needs[n]
            from_ms, until_ms = max(begin, need.from_wall_ms), min(begin + SLOT_MS, need.ready_by_wall_ms)
            if left[n] <= 0 or until_ms <= from_ms:
                continue
            power_w = min(need.most_w, room_w - taken_w)
            got = min(left[n], power_w * (until_ms - from_ms) // HOUR_MS)
            left[n] -= got
            taken_w += -(-got * HOUR_MS // (until_ms - from_ms))
        if event is not None and covered:
            loads.append(taken_w + (other_w if event.limit_w is not None else 0))
    return loads, [need.need_wh - rest for need, rest in zip(facts.needs, left, strict=True)]


def facts(
    site: Site,
    record: TickRecord,
    stays: Mapping[str, Stay | None],
    coming: Sequence[Stay],
    profile: Profile | None,
) -> Facts:
    """Return what is known now: who is there with what they need, who comes, and the building's load."""
    needs: dict[tuple[str, int], Need] = {}
    chargers = {charger.id: charger for charger in site.chargers}
    for now in record.chargers:
        held = stays[now.id]
        if now.need_wh and held is not None:
            key = (now.id, held.ready_by_wall_ms)
            needs[key] = _need(site, chargers[now.id], held, record.wall_ms, now.need_wh)
    there = {now.id for now in record.chargers if now.state in CAN_CHARGE}
    for stay in coming:
        window = stay.window
        begin = max(stay.from_wall_ms, record.wall_ms)
        absent = begin > record.wall_ms or window.charger not in there
        if absent:
            key = (window.charger, stay.ready_by_wall_ms)
            needs.setdefault(key, _need(site, chargers[window.charger], stay, begin, window.need_wh))
    root = site.nodes[0]
    most_w = sum(root.other_max_ma) * highest_voltage_mv(site) // 1_000_000
    quarters = forecast.quarters(record.wall_ms, SLOT_MS, SLOTS_MAX, site.timezone)
    known = forecast.ahead(profile or Profile(), (*root.other_max_ma, most_w), SLOT_MS, quarters)
    site_w = Plan.of(site).site_w
    lifted = site.response.must_leave_over_limits
    return Facts(record.wall_ms, site_w, tuple(needs.values()), [max(0, four[3]) for four in known], lifted)


def _need(site: Site, charger: Charger, stay: Stay, from_wall_ms: int, need_wh: int) -> Need:
    most_w = charger.max_ma * len(charger.phases) * site.voltage_v // 1000
    who = stay.window.vehicle
    return Need(
        charger.id, who, need_wh, most_w, from_wall_ms, stay.ready_by_wall_ms, is_exempt(charger, stay)
    )
