"""Looks into a Trace: what a charger drew and when, what a meter showed, and how a setpoint was followed.

Currents are a device's own L1, L2, L3 here; core/commission_where.py puts them on the site's phases.
"""

from typing import NamedTuple

from edge.model.commission import Trace
from edge.model.quantities import CURRENT_KEYS
from edge.model.units import Triple

# A charger's own meter is of class 1 and tells tenths of an ampere: it may show so much above its setpoint.
OVER_MA, OVER_PM = 500, 20

# A raise has arrived when so much of it has.
ARRIVED_MA, ARRIVED_PM = 500, 50

# Less than this is no charging: onboard electronics and the charger's own meter at rest.
NOTHING_MA = 500


class Drawn(NamedTuple):
    """What flowed at a time, in mA on the device's own L1, L2, L3."""

    at_ms: int
    own_ma: Triple

    @property
    def most_ma(self) -> int:
        """The current of the phase that carries most."""
        return max(self.own_ma)


class Answer(NamedTuple):
    """How a charger has followed a setpoint.

    told_ma, told_at_ms: what it accepted last; None where it accepted nothing.  before_ma: what it drew then.
    final_ma: what it drew in the end, None where it did not say.  after_ms: from acceptance until what it
    drew stayed within what it was told (a decrease) or had arrived where it stayed (a raise); None for never.
    """

    told_ma: int | None
    told_at_ms: int
    before_ma: int
    final_ma: int | None
    after_ms: int | None

    @property
    def over_ma(self) -> int:
        """By how much it draws more than it may, beyond what its meter may err; 0 or less where it obeys."""
        if self.told_ma is None or self.final_ma is None:
            return 0
        return self.final_ma - self.told_ma - over_ma(self.told_ma)


def over_ma(told_ma: int) -> int:
    """Return by how much a charger's own meter may show more than it was told."""
    return OVER_MA + told_ma * OVER_PM // 1000


def drawn(trace: Trace, device: str) -> list[Drawn]:
    """Return the currents that a device has told, in the order of their times; phases it has not count 0."""
    found = []
    for sample in trace.samples:
        if sample.device == device and isinstance(sample.values.get(CURRENT_KEYS[0]), int):
            l1, l2, l3 = (sample.values.get(key, 0) for key in CURRENT_KEYS)
            own = (l1 if isinstance(l1, int) else 0, l2 if isinstance(l2, int) else 0,
                   l3 if isinstance(l3, int) else 0)  # fmt: skip
            found.append(Drawn(sample.at_ms, own))
    return found


def state(trace: Trace, charger: str) -> str:
    """Return the last IEC 61851-1 letter that a charger has told, "" where it told none."""
    told = [s.values["state"] for s in trace.samples if s.device == charger and "state" in s.values]
    return str(told[-1]) if told else ""


def last_ma(trace: Trace, device: str) -> int | None:
    """Return what a device drew at the end: the middle of its last three readings."""
    last = sorted(one.most_ma for one in drawn(trace, device)[-3:])
    return last[len(last) // 2] if last else None


def in_use(traces: list[Trace], charger: str) -> tuple[int, ...]:
    """Return which of its own phases carry the vehicle's current: 0 is its L1."""
    most = [max((d.own_ma[k] for t in traces for d in drawn(t, charger)), default=0) for k in range(3)]
    return tuple(k for k in range(3) if most[k] > max(2 * NOTHING_MA, max(most) // 2))


def answer(trace: Trace, charger: str, told_before_ma: int | None = None) -> Answer:
    """Return how a charger has followed the setpoint of a Hold.

    told_before_ma: what it was told before, which holds where nothing new was written.
    """
    told = [t for t in trace.told if t.charger == charger]
    last_told = told[-1].current_ma if told else told_before_ma
    at_ms = next((t.at_ms for t in told if t.current_ma == last_told), trace.from_ms)
    seen = drawn(trace, charger)
    before = [d.most_ma for d in seen if d.at_ms <= at_ms]
    before_ma = before[-1] if before else (seen[0].most_ma if seen else 0)
    final_ma = last_ma(trace, charger)
    if final_ma is None or last_told is None:
        return Answer(last_told, at_ms, before_ma, final_ma, None)
    margin_ma = max(ARRIVED_MA, final_ma * ARRIVED_PM // 1000)
    after = [d for d in seen if d.at_ms > at_ms]
    if final_ma < before_ma or last_told + over_ma(last_told) < before_ma:
        there = [d.most_ma <= last_told + over_ma(last_told) for d in after]
    else:
        there = [d.most_ma >= final_ma - margin_ma for d in after]
    first = next((n for n in range(len(there)) if all(there[n:])), None)
    return Answer(
        last_told, at_ms, before_ma, final_ma, None if first is None else after[first].at_ms - at_ms
    )


def curve(traces: list[Trace], device: str) -> list[tuple[int, int]]:
    """Return what a device drew over several traces, as (ms since the first began, mA of the fullest
    phase)."""
    began = traces[0].from_ms if traces else 0
    return [(d.at_ms - began, d.most_ma) for trace in traces for d in drawn(trace, device)]


def told_curve(traces: list[Trace], charger: str) -> list[tuple[int, int]]:
    """Return what a charger was told over several traces, as (ms since the first began, mA): a step a
    write."""
    began = traces[0].from_ms if traces else 0
    points: list[tuple[int, int]] = []
    for trace in traces:
        for told in trace.told:
            if told.charger == charger and (not points or points[-1][1] != told.current_ma):
                if points:
                    points.append((told.at_ms - began, points[-1][1]))
                points.append((told.at_ms - began, told.current_ma))
    if points and traces:
        points.append((traces[-1].to_ms - began, points[-1][1]))
    return points
