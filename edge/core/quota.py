"""Limits on some chargers together: a group, or single ones, wherever they are fed from.

    asks, because = keep_within(asks, quotas, watts_per_ma)

A breaker's limit is the balancer's matter.  What the utility limits by name need not be a node; then the
power is shared here, before the balancer, by the same rule: first the minimum to each in the order of
priority, then equally what is left.

Rule 1: no set of chargers asks for more than its quota, counted at the highest plausible voltage (I8).
Rule 2: an exempt vehicle's floor is never cut; the others of its quota make room for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edge.core.guard import Verdict
from edge.model.sharing import Ask
from edge.model.units import ma_down_from_w


@dataclass(frozen=True, slots=True)
class Quota:
    """What chargers may take: limit_w all together, or each_ma per phase each.

    floors: whether exempt vehicles are exempt from it.
    """

    chargers: tuple[str, ...]
    because: str
    limit_w: int | None = None
    each_ma: int | None = None
    floors: bool = True


def keep_within(
    asks: Iterable[Ask], quotas: Iterable[Quota], floors_ma: Mapping[str, int], highest_mv: int
) -> tuple[list[Ask], dict[str, str]]:
    """Return the asks as far as the quotas let them, and per charger that was cut the reason.

    floors_ma: what exempt vehicles need.  highest_mv: the highest plausible voltage.
    """
    by_id = {ask.id: ask for ask in asks}
    because: dict[str, str] = {}
    for quota in quotas:
        mine = [by_id[name] for name in quota.chargers if name in by_id and by_id[name].max_ma]
        for ask in mine:
            floor = min(floors_ma.get(ask.id, 0), ask.max_ma) if quota.floors else 0
            if quota.each_ma is not None and max(quota.each_ma, floor) < ask.max_ma:
                by_id[ask.id] = _cut(ask, max(quota.each_ma, floor))
                because[ask.id] = quota.because
        if quota.limit_w is None:
            continue
        floors = floors_ma if quota.floors else {}
        for name, most_ma in _shares(mine, quota.limit_w, floors, highest_mv).items():
            if most_ma < by_id[name].max_ma:
                by_id[name] = _cut(by_id[name], most_ma)
                because[name] = quota.because
    return list(by_id.values()), because


def explained(verdict: Verdict, because: Mapping[str, str]) -> Verdict:
    """Return the verdict with the quota's reason where a charger got all that its quota left it (I7)."""
    return replace(
        verdict,
        setpoints=[
            replace(s, because=because[s.charger])
            if s.charger in because and s.because in ("max", "asks nothing")
            else s
            for s in verdict.setpoints
        ],
    )


def _cut(ask: Ask, most_ma: int) -> Ask:
    """Return an ask of the highest lawful current up to most_ma (I2)."""
    if most_ma < ask.min_ma:
        return replace(ask, max_ma=0)
    return replace(ask, max_ma=most_ma - (most_ma - ask.min_ma) % ask.step_ma)


def _shares(asks: list[Ask], limit_w: int, floors_ma: Mapping[str, int], highest_mv: int) -> dict[str, int]:
    """Return the most that each may take: minimums in order, then equal parts of what is left, mA."""
    left = ma_down_from_w(limit_w, highest_mv)  # summed over conductors
    most = {ask.id: min(floors_ma.get(ask.id, 0), ask.max_ma) for ask in asks}
    left -= sum(most[ask.id] * len(ask.phases) for ask in asks)
    served = []
    for ask in sorted(asks, key=lambda each: (each.priority, each.rank)):
        more = max(0, ask.min_ma - most[ask.id]) * len(ask.phases)
        if more <= left:
            left -= more
            most[ask.id] = max(most[ask.id], ask.min_ma)
        if most[ask.id] >= ask.min_ma:
            served.append(ask)
    while served and left > 0:
        step = left // sum(len(ask.phases) for ask in served)
        if step == 0:
            break
        for ask in served:
            more = min(step, ask.max_ma - most[ask.id])
            most[ask.id] += more
            left -= more * len(ask.phases)
        served = [ask for ask in served if most[ask.id] < ask.max_ma]
    return most
