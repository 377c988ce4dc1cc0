"""What flows at every node, and how much of it is not charging.

Rule 1: a meter that is silent counts as the highest plausible load, not as its last value and not as
        zero (I3).  A node without a meter always counts with it, and so does a phase that its meter has not.
Rule 2: what is not charging is what the meter shows less what went into vehicles when it was read.  Meters
        and chargers are read at different moments, so there are two figures.  `now` is for setpoints: by
        the readings that are nearest in time; while a vehicle starts or stops, the lower of two such
        figures, so that it is not taken for a load that comes.  `high` is for raising anybody: by the
        least that surely went into vehicles, and the highest of the last seconds.
Rule 3: a real overload on the meter is believed at once, and all of it that may be other load counts as such
        (I5): to lower a vehicle that was just starting once too often costs seconds, the contrary a breaker.
Rule 4: what a charger takes beyond what it was told counts as other load: the others make room for it, and a
        charger whose meter shows too much does not hide a load.
        What a vehicle gives back is load that is not seen: it is counted as if nobody gave anything.
Rule 5: load that flows back (PV) makes no room: a cloud takes it away faster than vehicles can follow.
        Only `net` is negative where it flows back: a forecast for the costs, and nothing else, goes by it.
"""

from collections import deque
from dataclasses import dataclass, field

from edge.core.state import State
from edge.model.site import Node, Site
from edge.model.units import HIGHEST_VOLTAGE_PER_NOMINAL, PHASES, Triple

# Readings of a meter that are this old no longer hold an increase back.
HIGH_FOR_MS = 5_000

# Chargers are read about once a second: what they drew this long before the meter's reading brackets it.
BRACKET_MS = 1_500


def highest_voltage_mv(site: Site) -> int:
    """Return the highest plausible voltage, line to neutral (EN 50160)."""
    over, under = HIGHEST_VOLTAGE_PER_NOMINAL
    return site.voltage_v * 1000 * over // under


Four = tuple[int, int, int, int]  # mA on L1, L2, L3, and W


@dataclass(frozen=True, slots=True)
class Other:
    """What is not charging at a node.

    now_ma, now_w: what counts for setpoints.  high_ma, high_w: what counts for raising one.
    known: False while its meter is silent.  flowing_ma, power_w, age_ms: as the meter shows it.
    net_w: what is not charging, with its sign; None where no meter of power tells it.
    """

    now_ma: Triple
    high_ma: Triple
    now_w: int
    high_w: int
    known: bool
    flowing_ma: Triple | None = None
    power_w: int | None = None
    age_ms: int | None = None
    net_w: int | None = None


@dataclass(slots=True)
class _Recent:
    """The recent readings of one meter, less charging: (at_ms, by the nearest readings, at most)."""

    samples: deque[tuple[int, Four, Four]] = field(default_factory=deque)


class OtherLoad:
    """Follows what is not charging, node by node."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._below = {n.id: chargers_below(site, n.id) for n in site.nodes}
        self._recent = {n.id: _Recent() for n in site.nodes if n.meter}
        measured = {m.id: m.phases for m in site.meters}
        self._measured = {n.id: measured[n.meter] for n in site.nodes if n.meter}

    def at(self, state: State, now_ms: int) -> dict[str, Other]:
        """Return the other load of every node now.  Call once a tick; it remembers the readings."""
        return {node.id: self._node(node, state, now_ms) for node in self._site.nodes}

    def _node(self, node: Node, state: State, now_ms: int) -> Other:
        most = node.other_max_ma
        most_w = self._most_w(most)
        if not node.meter:
            return Other(most, most, most_w, most_w, known=True)
        meter = state.meters[node.meter]
        age_ms = meter.age_ms(now_ms)
        flowing = meter.currents_ma
        if age_ms is None or flowing is None or age_ms > self._site.policy.meter_silent_ms:
            self._recent[node.id].samples.clear()
            return Other(most, most, most_w, most_w, known=False, age_ms=age_ms)
        power_w = measured_w = meter.power_w
        if power_w is None:  # a meter of currents only: the highest that they can be
            power_w = sum(flowing) * highest_voltage_mv(self._site) // 1_000_000
        assert meter.at_ms is not None
        charged = self._charging(node, state, meter.at_ms)
        seen, at_most, at_least = (_less(flowing, power_w, charging) for charging in charged)
        overload = any(flowing[p] > node.limit_ma[p] for p in PHASES) or (
            node.limit_w is not None and power_w > node.limit_w
        )
        now, high = self._filtered(node.id, meter.at_ms, seen, at_most, at_least, overload)
        blind = self._unmeasured(node)
        now, high = _both(now, blind), _both(high, blind)
        net_w = None if measured_w is None or any(blind) else measured_w - self._nominal_w(charged[0])
        return Other(now[:3], high[:3], now[3], high[3], True, flowing, power_w, age_ms, net_w)

    def _nominal_w(self, charging: Four) -> int:
        return sum(charging[:3]) * self._site.voltage_v // 1000

    def _most_w(self, most: Triple) -> int:
        return sum(most) * highest_voltage_mv(self._site) // 1_000_000 + 1 if any(most) else 0

    def _unmeasured(self, node: Node) -> Four:
        """Return the highest plausible load on the phases that a node's meter does not have."""
        measured, most = self._measured[node.id], node.other_max_ma
        blind = (
            0 if 0 in measured else most[0],
            0 if 1 in measured else most[1],
            0 if 2 in measured else most[2],
        )
        return (*blind, self._most_w(blind))

    def _charging(self, node: Node, state: State, at_ms: int) -> tuple[Four, Four, Four]:
        """Return what went into vehicles below a node when its meter was read: nearest, at least, at most."""
        near: Four = (0, 0, 0, 0)
        low, high = near, near
        for charger_id in self._below[node.id]:
            near_ma, low_ma, high_ma = state.chargers[charger_id].around(at_ms, BRACKET_MS)
            if not any(high_ma):
                continue  # most of a depot, most of the time
            near, low, high = (
                self._plus(four, _only(current_ma, self._measured[node.id]))
                for four, current_ma in ((near, near_ma), (low, low_ma), (high, high_ma))
            )
        return near, low, high

    def _plus(self, four: Four, current_ma: Triple) -> Four:
        # EN 50160: 230 V less 10 % is the least that a vehicle can take with this current, 10 % more the most
        # that it can give back.
        total_ma = sum(current_ma)
        watts = total_ma * self._site.voltage_v * (900 if total_ma >= 0 else 1100) // 1_000_000
        return (four[0] + current_ma[0], four[1] + current_ma[1], four[2] + current_ma[2], four[3] + watts)

    def _filtered(
        self, node_id: str, at_ms: int, near: Four, most: Four, least: Four, overload: bool
    ) -> tuple[Four, Four]:
        samples = self._recent[node_id].samples
        if samples and samples[-1][0] == at_ms:
            samples.pop()  # the same reading, seen with newer readings of the chargers
        before = samples[-1][1] if samples else near
        samples.append((at_ms, near, most))
        while samples[0][0] < at_ms - HIGH_FOR_MS:
            samples.popleft()
        now = most if overload else _highest(least, _lowest(near, before))
        high = now
        for _, _, sample in samples:
            high = _highest(high, sample)
        return now, high


def _less(flowing: Triple, power_w: int, charging: Four) -> Four:
    return (
        max(0, flowing[0] - charging[0]),
        max(0, flowing[1] - charging[1]),
        max(0, flowing[2] - charging[2]),
        max(0, power_w - charging[3]),
    )


def _only(current_ma: Triple, phases: tuple[int, ...]) -> Triple:
    """Return what a meter of these phases can see."""
    l1, l2, l3 = (current_ma[p] if p in phases else 0 for p in PHASES)
    return (l1, l2, l3)


def _both(a: Four, b: Four) -> Four:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3])


def _lowest(a: Four, b: Four) -> Four:
    return (min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def _highest(a: Four, b: Four) -> Four:
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def chargers_below(site: Site, node_id: str) -> tuple[str, ...]:
    """Return the ids of the chargers that a node feeds, directly or through others."""
    return tuple(c.id for c in site.chargers if node_id in site.path(c.node))
